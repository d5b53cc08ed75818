//! Loads this library into a process that has not begun to run.

use super::library;
use core::ffi::c_void;
use core::mem::transmute;
use core::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_BAD_EXE_FORMAT, ERROR_DLL_INIT_FAILED, ERROR_DLL_NOT_FOUND, ERROR_PROC_NOT_FOUND, ERROR_TIMEOUT,
    FALSE, GetLastError, HANDLE, WAIT_OBJECT_0,
};
use windows_sys::Win32::System::Diagnostics::Debug::WriteProcessMemory;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE, VirtualAllocEx, VirtualFreeEx,
};
use windows_sys::Win32::System::Threading::{
    CreateRemoteThread, GetExitCodeThread, IsWow64Process, LPTHREAD_START_ROUTINE, WaitForSingleObject,
};
use windows_sys::w;

/// Time that the loader of another process may take, in milliseconds: virus scanners look at every
/// library.
const PATIENCE: u32 = 60_000;

/// Loads this library into `process`, which was created suspended, and returns 0 or a Win32 error
/// code. The process stays suspended either way.
///
/// # Safety
/// `process` must be a process's handle with the rights that CreateProcessW gives.
#[unsafe(no_mangle)]
unsafe extern "system" fn portshim_inject(process: HANDLE) -> u32 {
    // SAFETY: as the caller promises.
    match unsafe { inject(process) } {
        Ok(()) => 0,
        Err(error) => error,
    }
}

/// As [`portshim_inject`].
///
/// # Safety
/// As for [`portshim_inject`].
pub(crate) unsafe fn inject(process: HANDLE) -> Result<(), u32> {
    let path = library::path().ok_or(ERROR_DLL_NOT_FOUND)?;
    let mut is_32_bit = FALSE;
    // SAFETY: as the caller promises; the flag is ours.
    if unsafe { IsWow64Process(process, &raw mut is_32_bit) } != 0 && is_32_bit != FALSE {
        return Err(ERROR_BAD_EXE_FORMAT);
    }
    // SAFETY: both names are literals with a NUL at their end.
    let load = unsafe { GetProcAddress(GetModuleHandleW(w!("kernel32.dll")), c"LoadLibraryW".as_ptr().cast()) };
    let load = load.ok_or(ERROR_PROC_NOT_FOUND)?;
    // SAFETY: LoadLibraryW takes one pointer and returns a number, as the start of a thread does;
    // kernel32 lies at the same address in every process of one kind until the system starts anew.
    let load: LPTHREAD_START_ROUTINE = unsafe { transmute(load) };
    // SAFETY: as the caller promises; `path` is ours.
    let memory = unsafe { Lent::to(process, path)? };
    // SAFETY: `memory` holds the path, and stays until the thread has ended.
    let thread = unsafe { CreateRemoteThread(process, null(), 0, load, memory.at, 0, null_mut()) };
    if thread.is_null() {
        return Err(last_error());
    }
    let mut loaded = 0;
    // SAFETY: the thread's handle is ours.
    let ended = unsafe {
        let ended = WaitForSingleObject(thread, PATIENCE) == WAIT_OBJECT_0;
        GetExitCodeThread(thread, &raw mut loaded);
        CloseHandle(thread);
        ended
    };
    if !ended {
        core::mem::forget(memory); // the thread may still be reading it
        return Err(ERROR_TIMEOUT);
    }
    if loaded == 0 { Err(ERROR_DLL_INIT_FAILED) } else { Ok(()) }
}

/// Memory in another process.
struct Lent {
    process: HANDLE,
    at: *mut c_void,
}

impl Lent {
    /// A copy of `text` there.
    ///
    /// # Safety
    /// `process` must be a process's handle that outlives this.
    unsafe fn to(process: HANDLE, text: &[u16]) -> Result<Self, u32> {
        let size = size_of_val(text);
        // SAFETY: as the caller promises; new memory is nobody's.
        let at = unsafe { VirtualAllocEx(process, null(), size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE) };
        if at.is_null() {
            return Err(last_error());
        }
        let lent = Self { process, at };
        // SAFETY: `size` bytes were just allocated there, and as many are readable here.
        if unsafe { WriteProcessMemory(process, at, text.as_ptr().cast(), size, null_mut()) } == 0 {
            return Err(last_error());
        }
        Ok(lent)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: allocated by `to`, and no longer used.
        unsafe { VirtualFreeEx(self.process, self.at, 0, MEM_RELEASE) };
    }
}

fn last_error() -> u32 {
    // SAFETY: reads this thread's own number.
    unsafe { GetLastError() }
}
