//! Calls that need a port.

use strum::{FromRepr, IntoStaticStr};

/// The call that needs a port.
#[derive(Clone, Copy, Debug, FromRepr, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
#[repr(u8)]
pub enum Call {
    /// `bind` to port 0.
    Bind = 0,
    /// A connect of an unbound socket, TCP Fast Open included.
    Connect = 1,
    /// `listen` on an unbound socket.
    Listen = 2,
    /// A datagram sent from an unbound socket.
    Send = 3,
}
