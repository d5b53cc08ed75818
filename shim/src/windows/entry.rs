//! The entry: the loader's call, by which the process is covered.

use super::{hooks, library, start};
use core::ffi::c_void;
use core::ptr::null_mut;
use windows_sys::Win32::Foundation::{HMODULE, TRUE};
use windows_sys::Win32::Storage::FileSystem::WriteFile;
use windows_sys::Win32::System::Console::{GetStdHandle, STD_ERROR_HANDLE};
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
    if let Some(session) = start::start() {
        // The table of processes is how others learn of this one.
        let _ = session.place();
        library::stay();
        hooks::install(report);
    }
}

/// Tells a program's user of a function that cannot be covered.
#[cold]
fn report(name: &str) {
    let line = format!("portshim: {name} cannot be covered\n");
    let mut written = 0;
    // SAFETY: the line is as long as is said; a program without standard error has an invalid
    // handle, which is refused.
    unsafe {
        let stderr = GetStdHandle(STD_ERROR_HANDLE);
        WriteFile(stderr, line.as_ptr(), line.len() as u32, &raw mut written, null_mut());
    }
}
