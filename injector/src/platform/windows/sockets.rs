//! The sockets that the system knows: which ports are in use, and which process holds them.

use portshim_policy::ScopeSet;

/// A socket with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// Its local port.
    pub(crate) port: u16,
    /// The port spaces in which it has that port.
    pub(crate) scopes: ScopeSet,
    /// Whether it is only the memory of a connection, in TIME_WAIT.
    pub(crate) waits: bool,
    /// The process that has it; 0 where none has.
    pub(crate) inode: u64,
}

/// The sockets of this host.
pub(crate) fn sockets(_: impl IntoIterator<Item = u32>) -> Result<Vec<Socket>, String> {
    Err("not told on Windows".into())
}

/// What the sockets of a process are named by.
pub(crate) fn held(pid: u32) -> Vec<u64> {
    vec![pid.into()]
}

/// The process that has this socket, and its name.
pub(crate) fn holder(_: u64) -> Option<(u32, String)> {
    None
}
