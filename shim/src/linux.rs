//! The guest on Linux, loaded by LD_PRELOAD.
//!
//! A hook ([`hooks`]) decodes its call into a [`socket::Socket`] and an [`address::Address`], lets
//! [`drive`] carry out the plan, and returns what the program's own call returned. Requests that
//! need no port go straight through.

mod address;
mod attempt;
pub(crate) mod diag;
mod drive;
mod elf;
mod environment;
pub(crate) mod errno;
mod held;
mod hooks;
mod host;
mod known;
pub(crate) mod liveness;
mod memory;
mod options;
mod plain;
mod probe;
mod quiet;
mod route;
mod sandbox;
mod sanitizer;
pub(crate) mod session;
mod socket;
mod spare;
pub(crate) mod sys;
mod tuples;
mod valgrind;

pub(crate) use address::SHORTEST_V6;
pub(crate) use diag as in_use;
pub(crate) use hooks::process as this_process;
pub(crate) use libc::{AF_INET, AF_INET6};
pub(crate) use session::start;

/// What a program calls a socket.
pub(crate) type Descriptor = core::ffi::c_int;

/// Descriptors are counted from 0.
pub(crate) const fn index_of(fd: Descriptor) -> usize {
    fd as usize
}

/// Whether a port that has been given back may still be another's: here, to ask the kernel tells.
pub(crate) const fn lingers(_scope: portshim_policy::ports::Scope) -> bool {
    false
}

/// Does it without a signal handler between: one that jumps out of it would leave it undone for good.
pub(crate) fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let signals = sys::hold_signals();
    let done = work();
    sys::keep_signals(signals);
    done
}

#[ctor::ctor(unsafe)]
fn begin() {
    start();
}
