//! Errors that a program is told of when it cannot have a port: which case it is, and what each
//! system calls it.

use super::call::Call;
use crate::ports::Transport;
use strum::IntoStaticStr;

/// A refusal, before it becomes a system's error number.
#[derive(Clone, Copy, Debug, IntoStaticStr, PartialEq, Eq)]
pub enum Fault {
    /// No port is left for `bind` or `listen`.
    #[strum(serialize = "no port left to bind")]
    AddressInUse,
    /// No port is left for a TCP connection.
    #[strum(serialize = "no port left to connect")]
    AddressNotAvailable,
    /// No port is left for a datagram.
    #[strum(serialize = "no port left to send")]
    TryAgain,
    /// The port is blocked.
    #[strum(serialize = "blocked")]
    Blocked,
    /// Another socket has the port.
    #[strum(serialize = "taken")]
    Taken,
    /// The socket has a port already.
    #[strum(serialize = "bound already")]
    AlreadyBound,
}

impl Fault {
    /// All of them, in the order of the rows of [`Errors`].
    pub const ALL: [Self; 6] =
        [Self::AddressInUse, Self::AddressNotAvailable, Self::TryAgain, Self::Blocked, Self::Taken, Self::AlreadyBound];
}

/// One error of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError {
    /// The name that its headers give it.
    pub name: &'static str,
    /// Its number; `None` where that differs from one such system to the next.
    pub number: Option<u16>,
}

/// A system's errors.
#[derive(Debug, PartialEq, Eq)]
pub struct Errors {
    /// One for each [`Fault`].
    rows: [SystemError; 6],
    /// Source.
    pub source: &'static str,
}

const fn posix(name: &'static str) -> SystemError {
    SystemError { name, number: None }
}

const fn winsock(name: &'static str, number: u16) -> SystemError {
    SystemError { name, number: Some(number) }
}

impl Errors {
    /// Of Linux. Observed on 6.18.
    pub const LINUX: Self = Self {
        rows: [
            posix("EADDRINUSE"),
            posix("EADDRNOTAVAIL"),
            posix("EAGAIN"),
            posix("EACCES"),
            posix("EADDRINUSE"),
            posix("EINVAL"),
        ],
        source: "bind(2), connect(2), udp(7)",
    };

    /// Of Windows: to whoever asks for any port, it says that it has no more buffers.
    pub const WINSOCK: Self = Self {
        rows: [
            winsock("WSAENOBUFS", 10055),
            winsock("WSAENOBUFS", 10055),
            winsock("WSAENOBUFS", 10055),
            winsock("WSAEACCES", 10013),
            winsock("WSAEADDRINUSE", 10048),
            winsock("WSAEINVAL", 10022),
        ],
        source: "Microsoft, bind function; KB 196271",
    };

    /// Of the system that this is made for, which is what programs there are told.
    pub const HERE: Self = if cfg!(windows) { Self::WINSOCK } else { Self::LINUX };

    /// Name that this system has for it.
    #[must_use]
    pub const fn of(&self, fault: Fault) -> SystemError {
        self.rows[fault as usize]
    }
}

/// Fault that an exhausted policy reports to `call`. Observed on Linux 6.18 for every row (bind(2),
/// connect(2), listen(2), and udp(7), which documents EAGAIN for an automatic bind that finds no
/// port).
#[must_use]
pub const fn exhausted(call: Call, transport: Transport) -> Fault {
    match (call, transport) {
        (Call::Bind | Call::Listen, _) => Fault::AddressInUse,
        (Call::Connect | Call::Send, Transport::Tcp) => Fault::AddressNotAvailable,
        (Call::Connect | Call::Send, Transport::Udp) => Fault::TryAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stand_in_the_rows_of_their_faults() {
        for (row, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, row);
        }
        let told = |errors: &Errors| Fault::ALL.map(|fault| (errors.of(fault).name, errors.of(fault).number));
        assert_eq!(told(&Errors::LINUX).map(|error| error.1), [None; 6]);
        assert_eq!(
            told(&Errors::WINSOCK)[3..],
            [("WSAEACCES", Some(10013)), ("WSAEADDRINUSE", Some(10048)), ("WSAEINVAL", Some(10022))]
        );
        for call in [Call::Bind, Call::Connect, Call::Listen, Call::Send] {
            for transport in [Transport::Tcp, Transport::Udp] {
                assert_eq!(Errors::WINSOCK.of(exhausted(call, transport)).number, Some(10055));
            }
        }
    }
}
