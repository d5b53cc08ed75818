//! Answers of the operating system that have one form on every system.

use portshim_policy::ports::ScopeSet;
use std::path::PathBuf;

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
    /// Set if it is only the memory of a connection, in TIME_WAIT.
    pub(crate) waits: bool,
    /// Number that tells whose it is, 0 where no process has it: on Linux the inode that
    /// descriptors name; on Windows the process, whose sockets are not told apart.
    pub(crate) inode: u64,
}
