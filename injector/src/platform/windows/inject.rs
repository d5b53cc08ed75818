//! The shim, loaded into this process, where it can say how it comes into another.

use super::native::wide;
use super::suspended::Suspended;
use std::io;
use std::mem::transmute;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use windows_sys::Win32::Foundation::{ERROR_PROC_NOT_FOUND, HANDLE};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};

/// Loads its own library into a process; 0, or what Windows calls the error.
type Inject = unsafe extern "system" fn(process: HANDLE) -> u32;

/// The loaded library.
pub(super) struct Shim(Inject);

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
        // SAFETY: the library is loaded and stays so, the name ends in NUL.
        let found = unsafe { GetProcAddress(library, c"portshim_inject".as_ptr().cast()) };
        let found = found.ok_or_else(|| io::Error::from_raw_os_error(ERROR_PROC_NOT_FOUND.cast_signed()))?;
        // SAFETY: the library has it declared so.
        Ok(Self(unsafe { transmute::<unsafe extern "system" fn() -> isize, Inject>(found) }))
    }

    /// Loads it into that process as well.
    pub(super) fn enter(&self, suspended: &Suspended) -> io::Result<()> {
        // SAFETY: the handle is open, and has all rights to the process.
        match unsafe { (self.0)(suspended.process().as_raw_handle()) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error.cast_signed())),
        }
    }
}
