//! The guest on Windows, injected into a program before its first instruction.
//!
//! A hook ([`hooks`]) decodes its call into an intercepted call, has it served by the mechanism,
//! and returns what the program's own call returned. Requests that need no port go straight
//! through.

mod entry;
mod environment;
mod fd_cache;
mod hooks;
mod inject;
mod library;
mod memory;
mod original;
mod serve;
mod start;

pub(crate) use crate::session::get as session;
pub(crate) use kernel::calls::Result;
pub(crate) use kernel::clock::{boot_ticks, sleep_1ms};
pub(crate) use kernel::process::process as this_process;
pub(crate) use kernel::signals::undisturbed;
pub(crate) use kernel::{errno, liveness};
pub(crate) use portshim_mechanism::windows::Descriptor;
use portshim_mechanism::windows::kernel;
pub(crate) use portshim_mechanism::windows::socket::in_use;

use portshim_policy::ports::{Scope, Transport};

/// Handles are multiples of four.
pub(crate) const fn index_of(socket: Descriptor) -> usize {
    socket / 4
}

/// Tells whether a port of `scope` that has been given back may still be another's: a TCP
/// connection stays in TIME_WAIT.
pub(crate) fn lingers(scope: Scope) -> bool {
    scope.transport() == Transport::Tcp
}
