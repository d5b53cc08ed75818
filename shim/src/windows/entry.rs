//! The entry: the loader's call, by which the process is covered.

use super::{hooks, inject, library, start};
use core::ffi::c_void;
use portshim_policy::region::Presence;
use windows_sys::Win32::Foundation::{HMODULE, TRUE};
use windows_sys::Win32::System::LibraryLoader::DisableThreadLibraryCalls;
use windows_sys::Win32::System::SystemServices::DLL_PROCESS_ATTACH;
use windows_sys::core::BOOL;

/// Called by the loader, which holds its lock meanwhile: what loads a library or waits for a thread
/// is out of reach.
#[unsafe(no_mangle)]
extern "system" fn DllMain(module: HMODULE, reason: u32, _reserved: *mut c_void) -> BOOL {
    if reason == DLL_PROCESS_ATTACH {
        // SAFETY: the loader passes this library's own handle.
        unsafe { DisableThreadLibraryCalls(module) };
        library::remember(module);
        cover();
    }
    TRUE
}

/// Finds the session and installs every hook. Where nothing asks for portshim, nothing is done.
fn cover() {
    let mut missing = 0;
    if let Some(session) = start::start() {
        library::stay();
        missing = hooks::install();
        // The table of processes is how others learn of this one.
        if let Some(place) = session.place() {
            place.set_presence(Presence::Here { missing });
        }
    }
    inject::say(missing);
}
