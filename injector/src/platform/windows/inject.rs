//! The shim, loaded into this process, where it can say how it comes into another.

use super::native::wide;
use super::suspended::Suspended;
use std::ffi::CStr;
use std::io;
use std::mem::transmute;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use windows_sys::Win32::Foundation::{ERROR_PROC_NOT_FOUND, ERROR_PROCESS_ABORTED, HANDLE};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};

/// Has a process load the library, and tells which hooks could not be placed; 0, or what Windows
/// calls the error.
type Enter = unsafe extern "system" fn(process: HANDLE, thread: HANDLE, missing: *mut u32) -> u32;
/// Tells which hooks could not be placed in this process.
type TryOut = unsafe extern "system" fn() -> u32;
/// A function whose type is not known yet.
type Any = unsafe extern "system" fn() -> isize;

/// The loaded library.
pub(super) struct Shim {
    enter: Enter,
    try_out: TryOut,
}

/// Reason why a process has not loaded it.
pub(super) enum NotEntered {
    /// It has ended instead.
    Ended,
    /// It cannot.
    Refused(io::Error),
}

impl Shim {
    /// Loads the library, which stays: that it can be loaded here shows that it can be loaded.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let path = wide(path);
        // SAFETY: the path ends in NUL. What is loaded is the copy of our own, or what the user
        // named for it.
        let library = unsafe { LoadLibraryW(path.as_ptr()) };
        if library.is_null() {
            return Err(io::Error::last_os_error());
        }
        let find = |name: &CStr| {
            // SAFETY: the library is loaded and stays so, the name ends in NUL.
            let found = unsafe { GetProcAddress(library, name.as_ptr().cast()) };
            found.ok_or_else(|| io::Error::from_raw_os_error(ERROR_PROC_NOT_FOUND.cast_signed()))
        };
        let (enter, try_out) = (find(c"portshim_enter")?, find(c"portshim_try_out")?);
        // SAFETY: the library has them declared so.
        Ok(unsafe { Self { enter: transmute::<Any, Enter>(enter), try_out: transmute::<Any, TryOut>(try_out) } })
    }

    /// Has that process load it as well, which is suspended again after that. A bit for each hook
    /// that could not be placed there.
    pub(super) fn enter(&self, suspended: &Suspended) -> Result<u32, NotEntered> {
        let (process, thread) = (suspended.process().as_raw_handle(), suspended.thread().as_raw_handle());
        let mut missing = 0;
        // SAFETY: the handles are open, and have all rights; the process has not begun to run.
        match unsafe { (self.enter)(process, thread, &mut missing) } {
            0 => Ok(missing),
            ERROR_PROCESS_ABORTED => Err(NotEntered::Ended),
            error => Err(NotEntered::Refused(io::Error::from_raw_os_error(error.cast_signed()))),
        }
    }

    /// A bit for each hook that could not be placed in a program that has Winsock as this process
    /// has it.
    pub(super) fn try_out(&self) -> u32 {
        // SAFETY: the call has no conditions.
        unsafe { (self.try_out)() }
    }
}
