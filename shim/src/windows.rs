//! The guest on Windows, injected into a program before its first instruction.
//!
//! A hook ([`hooks`]) decodes its call into a [`socket::Socket`] and an [`address::Address`], lets
//! [`drive`] carry out the plan, and returns what the program's own call returned. Requests that
//! need no port go straight through.

mod address;
mod attempt;
mod connections;
mod drive;
mod environment;
pub(crate) mod errno;
mod hooks;
pub(crate) mod in_use;
mod inject;
mod known;
mod library;
pub(crate) mod liveness;
mod memory;
mod probe;
pub(crate) mod session;
mod socket;
pub(crate) mod sys;

pub(crate) use address::{AF_INET, AF_INET6, SHORTEST_V6};
pub(crate) use session::start;
pub(crate) use sys::process as this_process;

use core::ffi::c_void;
use portshim_policy::ports::{Scope, Transport};
use windows_sys::Win32::Foundation::{HMODULE, TRUE};
use windows_sys::Win32::System::LibraryLoader::DisableThreadLibraryCalls;
use windows_sys::Win32::System::SystemServices::DLL_PROCESS_ATTACH;
use windows_sys::core::BOOL;

/// What a program calls a socket.
pub(crate) type Descriptor = windows_sys::Win32::Networking::WinSock::SOCKET;

/// Handles are multiples of four.
pub(crate) const fn index_of(socket: Descriptor) -> usize {
    socket / 4
}

/// Whether a port of `scope` that has been given back may still be another's: a TCP connection stays in TIME_WAIT.
pub(crate) fn lingers(scope: Scope) -> bool {
    scope.transport() == Transport::Tcp
}

/// Does it: nothing interrupts a thread here to run something else on it.
pub(crate) fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Called by the loader, which holds its lock meanwhile: what loads a library or waits for a thread is out of reach.
#[unsafe(no_mangle)]
extern "system" fn DllMain(module: HMODULE, reason: u32, _reserved: *mut c_void) -> BOOL {
    if reason == DLL_PROCESS_ATTACH {
        // SAFETY: the loader passes this library's own handle.
        unsafe { DisableThreadLibraryCalls(module) };
        library::remember(module);
        start();
    }
    TRUE
}
