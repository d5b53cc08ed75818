//! Sharing: how many sockets one port serves.

use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

/// Sharing: whether connections to different peers may share one local port.
#[derive(Clone, Copy, Debug, Display, EnumString, Eq, IntoStaticStr, PartialEq, VariantArray, VariantNames)]
#[strum(ascii_case_insensitive, serialize_all = "kebab-case")]
#[repr(u32)]
pub enum Sharing {
    /// One socket for each port, held through TIME_WAIT (Windows up to 2003).
    Exclusive = 1,
    /// One connection for each 4-tuple: a port serves many peers at once (Linux, BSD).
    Tuple = 0,
}

impl Sharing {
    /// Both, for parsers and help.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;
}
