//! What a program is told when the policy says no: the kernel's own words for it.

use crate::{Call, Transport};

/// A refusal, before it becomes a system's error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No port is left for `bind` or `listen`: EADDRINUSE, 10055 on Windows.
    AddressInUse,
    /// No port is left for a TCP connection: EADDRNOTAVAIL, 10055 on Windows.
    AddressNotAvailable,
    /// No port is left for a datagram: EAGAIN, 10055 on Windows.
    TryAgain,
    /// The port is blocked: EACCES, 10013 on Windows.
    Blocked,
}

/// What an exhausted policy says to `call`. Observed on Linux 6.18 for every row (bind(2), connect(2),
/// listen(2), and udp(7), which documents EAGAIN for an automatic bind that finds no port).
#[must_use]
pub const fn exhausted(call: Call, transport: Transport) -> Fault {
    match (call, transport) {
        (Call::Bind | Call::Listen, _) => Fault::AddressInUse,
        (Call::Connect | Call::Send, Transport::Tcp) => Fault::AddressNotAvailable,
        (Call::Connect | Call::Send, Transport::Udp) => Fault::TryAgain,
    }
}
