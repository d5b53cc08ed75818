//! Sharing: how many sockets one port serves.

/// Sharing: whether connections to different peers may share one local port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Sharing {
    /// One connection for each 4-tuple: a port serves many peers at once (Linux, BSD).
    Tuple = 0,
    /// One socket for each port, held through TIME_WAIT (Windows up to 2003).
    Exclusive = 1,
}

impl Sharing {
    /// Both, for parsers and help.
    pub const ALL: [Self; 2] = [Self::Exclusive, Self::Tuple];

    /// The name used on the command line and in a policy file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tuple => "tuple",
            Self::Exclusive => "exclusive",
        }
    }
}
