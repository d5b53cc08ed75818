//! The guest on Windows, injected into a program before its first instruction.
//!
//! A hook ([`hooks`]) decodes its call into an intercepted call, has it served by the mechanism, and returns what the
//! program's own call returned. Requests that need no port go straight through.

mod environment;
mod fd_cache;
mod hooks;
mod inject;
mod library;
mod memory;
mod serve;
pub(crate) mod session;

pub(crate) use crate::session::get as session;
pub(crate) use kernel::calls::Result;
pub(crate) use kernel::clock::{boot_ticks, sleep_1ms};
pub(crate) use kernel::process::process as this_process;
pub(crate) use kernel::signals::undisturbed;
pub(crate) use kernel::{errno, liveness};
pub(crate) use portshim_mechanism::windows::Descriptor;
use portshim_mechanism::windows::kernel;
pub(crate) use portshim_mechanism::windows::socket::in_use;

use core::ffi::c_void;
use portshim_policy::ports::{Scope, Transport};
use windows_sys::Win32::Foundation::{HMODULE, TRUE};
use windows_sys::Win32::System::LibraryLoader::DisableThreadLibraryCalls;
use windows_sys::Win32::System::SystemServices::DLL_PROCESS_ATTACH;
use windows_sys::core::BOOL;

/// Handles are multiples of four.
pub(crate) const fn index_of(socket: Descriptor) -> usize {
    socket / 4
}

/// Whether a port of `scope` that has been given back may still be another's: a TCP connection stays in TIME_WAIT.
pub(crate) fn lingers(scope: Scope) -> bool {
    scope.transport() == Transport::Tcp
}

/// Called by the loader, which holds its lock meanwhile: what loads a library or waits for a thread is out of reach.
#[unsafe(no_mangle)]
extern "system" fn DllMain(module: HMODULE, reason: u32, _reserved: *mut c_void) -> BOOL {
    if reason == DLL_PROCESS_ATTACH {
        // SAFETY: the loader passes this library's own handle.
        unsafe { DisableThreadLibraryCalls(module) };
        library::remember(module);
        session::start();
    }
    TRUE
}
