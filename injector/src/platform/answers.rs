//! Answers of the operating system that have one form on every system.

use portshim_policy::ports::ScopeSet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use strum::{Display, IntoStaticStr};

/// Reason why no file is executed.
#[derive(Debug)]
pub(crate) enum Find {
    /// There is none of that name.
    NotFound,
    /// There is one, but it may not be executed.
    Denied(PathBuf, String),
}

/// Kernel, and whether it can be made to choose inside a range.
#[derive(Debug)]
pub(crate) struct Steering {
    /// The system's name and release.
    pub(crate) kernel: String,
    /// Set if it knows IP_LOCAL_PORT_RANGE.
    pub(crate) possible: bool,
}

/// A socket with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// Its local port.
    pub(crate) port: u16,
    /// The port spaces in which it has that port. On Linux a dual-stack socket has it in both
    /// families'; on Windows it stands in both families' tables.
    pub(crate) scopes: ScopeSet,
    /// Its local address.
    pub(crate) local: IpAddr,
    /// Its peer, where it has one.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) state: State,
    /// Number of the user whose it is; `None` where the system does not tell.
    pub(crate) user: Option<u32>,
    /// Number that tells whose it is, 0 where no process has it: on Linux the inode that
    /// descriptors name; on Windows the process, whose sockets are not told apart.
    pub(crate) inode: u64,
}

/// State of a socket: of TCP one of RFC 9293 §3.3.2, else one of the first two.
#[derive(Clone, Copy, Debug, Display, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum State {
    /// It has a port, and nothing else.
    Bound,
    Established,
    Listen,
    SynSent,
    SynReceived,
    #[strum(serialize = "fin-wait-1")]
    FinWait1,
    #[strum(serialize = "fin-wait-2")]
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    /// It is only the memory of a connection: for how long yet, where the system tells.
    TimeWait(Option<Duration>),
}

impl Socket {
    /// Tells whether it is only the memory of a connection, in TIME_WAIT.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.state, State::TimeWait(_))
    }
}

/// The processes that have sockets.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    /// By the number of the socket.
    pub(crate) of: BTreeMap<u64, Vec<u32>>,
    /// Set if there are processes that this user may not look into.
    pub(crate) some_hidden: bool,
}
