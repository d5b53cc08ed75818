//! Windows.

pub mod kernel;
pub mod serve;
pub mod socket;

use portshim_policy::ports::{Scope, Transport};

/// Name that a program has for a socket.
pub type Descriptor = windows_sys::Win32::Networking::WinSock::SOCKET;

/// Handles are multiples of four.
#[must_use]
pub const fn index_of(socket: Descriptor) -> usize {
    socket / 4
}

/// Tells whether a port of `scope` that has been given back may still be another's: a TCP
/// connection stays in TIME_WAIT.
pub(crate) fn lingers(scope: Scope) -> bool {
    scope.transport() == Transport::Tcp
}
