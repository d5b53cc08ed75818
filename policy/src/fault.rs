//! What a program is told when the policy says no: the system's own words for it.

use crate::{Call, Transport};

/// A refusal, before it becomes a system's error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No port is left for `bind` or `listen`.
    AddressInUse,
    /// No port is left for a TCP connection.
    AddressNotAvailable,
    /// No port is left for a datagram.
    TryAgain,
    /// The port is blocked.
    Blocked,
}

/// A Winsock error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WinsockError {
    /// As in winerror.h.
    pub name: &'static str,
    /// Its number.
    pub number: u16,
}

const NO_BUFFERS: WinsockError = WinsockError { name: "WSAENOBUFS", number: 10055 };
const ACCESS: WinsockError = WinsockError { name: "WSAEACCES", number: 10013 };

impl Fault {
    /// What Winsock calls it.
    #[must_use]
    pub const fn winsock(self) -> WinsockError {
        match self {
            Self::AddressInUse | Self::AddressNotAvailable | Self::TryAgain => NO_BUFFERS,
            Self::Blocked => ACCESS,
        }
    }
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
