//! The guest on Linux, loaded by LD_PRELOAD.
//!
//! A hook ([`hooks`]) decodes its call into an intercepted call, lets [`serve`] have it served by
//! the mechanism, and returns what the program's own call returned. Requests that need no port go
//! straight through.

mod baseline;
mod below;
mod children;
mod elf;
mod entry;
mod environment;
mod fd_cache;
mod fd_ports;
mod hooks;
mod memory;
mod original;
mod sanitizer;
mod serve;
mod sockets;
mod spare;
mod start;
mod variables;
mod weak;

pub(crate) use kernel::call::Result;
pub(crate) use kernel::clock::{boot_ticks, sleep_1ms};
pub(crate) use kernel::process::process_even_in_vfork as this_process;
pub(crate) use kernel::signals::undisturbed;
pub(crate) use kernel::{diag as in_use, errno, liveness};
use portshim_mechanism::linux::kernel;
pub(crate) use start::session;

/// Name that a program has for a socket.
pub(crate) type Descriptor = core::ffi::c_int;

/// Descriptors are counted from 0.
pub(crate) const fn index_of(fd: Descriptor) -> usize {
    fd as usize
}

/// Tells whether a port that has been given back may still be another's: here, to ask the kernel
/// tells.
pub(crate) const fn lingers(_scope: portshim_policy::ports::Scope) -> bool {
    false
}
