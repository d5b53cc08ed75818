//! What a measured process is told to do, and what it answers: one line of JSON each.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What needs a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// bind(0) of a TCP socket.
    TcpBind,
    /// The same of a UDP socket.
    UdpBind,
    /// To one destination.
    TcpConnect,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TcpBind, Self::UdpBind, Self::TcpConnect];

    /// What stands for it in the names of rows and files.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::TcpBind => "tcp-bind",
            Self::UdpBind => "udp-bind",
            Self::TcpConnect => "tcp-connect",
        }
    }

    /// What people call it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::TcpBind => "TCP bind(0)",
            Self::UdpBind => "UDP bind(0)",
            Self::TcpConnect => "TCP connect",
        }
    }
}

/// The order in which a range has become full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// As the kernel hands ports out: for TCP, every second one first.
    Native,
    /// By chance.
    Random,
}

/// Way in which a socket is given a port that is known to be free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Way {
    /// The kernel is left this port to choose.
    Steer,
    /// It is bound by its number.
    Pin,
}

/// A way to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Form {
    /// sendto(2).
    SendTo,
    /// sendmsg(2).
    SendMsg,
}

/// Who calls at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Crowd {
    /// Threads of one process.
    Threads,
    /// Children of one process.
    Processes,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a variant tells of its fields")]
pub enum Task {
    /// A socket, bind(0) or connect, close: all of it counts.
    Cycle { kind: Kind, times: u32 },
    /// bind(0) or connect on new sockets: only that call counts.
    Ask { kind: Kind, most: u32, within: Duration },
    /// The calls that `way` takes, and no others: what nobody who goes that way can be cheaper
    /// than. With `whole`, as `Cycle`, else as `Ask`. The ports are those that `Release` of the
    /// same words leaves free.
    ByHand { kind: Kind, way: Way, whole: bool, times: u32, free: usize, order: Order, seed: u64 },
    /// bind(0) or connect until there is no port left, or these calls have taken that long: only
    /// they count.
    Fill { kind: Kind, within: Duration },
    /// Connections to a second destination until there is no port left, while all ports have one to
    /// the first: only these calls count.
    FillSecond { within: Duration },
    /// As `Fill`, uncounted; what is left afterwards is then taken by number.
    Hold { kind: Kind, within: Duration },
    /// Closes sockets until so many ports are free: those that the order takes last. What is left
    /// to chance in it comes of the seed.
    Release { kind: Kind, free: usize, order: Order, seed: u64 },
    /// Closes them all.
    Drop,
    /// Another process, that no policy reaches, takes all ports but so many.
    Strangers { kind: Kind, free: usize },
    /// A socket, connect, accept, both closed. With `from`, the socket is first bound to that port.
    Connection { times: u32, from: Option<u16> },
    /// Sends on a socket that has sent before.
    Send { form: Form, times: u32 },
    /// A datagram socket, its first send, close; `from` as for a connection.
    FirstSend { times: u32, from: Option<u16> },
    /// getppid(2): a call that has nothing to do with sockets.
    Parent { times: u32 },
    /// So many at once do `Cycle`; the answer is the mean of them.
    Crowd { crowd: Crowd, size: u32, kind: Kind, times: u32 },
    /// Opens and binds so many sockets, on four addresses, then closes them.
    Many { sockets: u32 },
    /// Private memory.
    Memory,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Time that so many calls took.
    Took {
        /// Number of calls.
        calls: u64,
        /// What they took together.
        nanos: u64,
    },
    /// An amount of memory.
    Kib(u64),
    /// Number of ports that are held.
    Held(usize),
    /// Why it was not done.
    Failed(String),
}
