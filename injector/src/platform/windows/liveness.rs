//! Start of processes, and whether they still run.

use super::native::handle;
use portshim_policy::region::{Owner, Process, Region};
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, FILETIME, GetLastError, HANDLE, WAIT_TIMEOUT};
use windows_sys::Win32::System::SystemInformation::{GetSystemTimeAsFileTime, GetTickCount64};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcessId, GetProcessTimes, GetThreadTimes, OpenProcess, OpenThread, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, THREAD_QUERY_LIMITED_INFORMATION, THREAD_SYNCHRONIZE, WaitForSingleObject,
};

/// Function that tells the times of a process or thread.
type Times = unsafe extern "system" fn(HANDLE, *mut FILETIME, *mut FILETIME, *mut FILETIME, *mut FILETIME) -> i32;

/// State of a process, or thread.
enum Life {
    /// It runs since then, in units of 100 ns since 1601.
    Since(u64),
    /// It has ended, or never was.
    Over,
    /// This user may not be told.
    Unknown,
}

impl Life {
    fn of(opened: Result<OwnedHandle, u32>, times: Times) -> Self {
        let open = match opened {
            Ok(open) => open,
            Err(ERROR_ACCESS_DENIED) => return Self::Unknown,
            Err(_) => return Self::Over,
        };
        // SAFETY: the handle is open, and may be waited on.
        let waited = unsafe { WaitForSingleObject(open.as_raw_handle(), 0) };
        let mut all = [FILETIME::default(); 4];
        let [begun, ended, kernel, user] = &mut all;
        // SAFETY: the handle is open and of the kind that this call is for; the four times outlive
        // it.
        let told = unsafe { times(open.as_raw_handle(), begun, ended, kernel, user) } != 0;
        match (waited, told) {
            (WAIT_TIMEOUT, true) => Self::Since(units(*begun)),
            (WAIT_TIMEOUT, false) => Self::Unknown,
            _ => Self::Over,
        }
    }

    fn of_process(pid: u32) -> Self {
        // SAFETY: the call has no conditions.
        let opened = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, 0, pid) };
        Self::of(owned(opened), GetProcessTimes)
    }

    fn of_thread(thread: u32) -> Self {
        // SAFETY: the call has no conditions.
        let opened = unsafe { OpenThread(THREAD_QUERY_LIMITED_INFORMATION | THREAD_SYNCHRONIZE, 0, thread) };
        Self::of(owned(opened), GetThreadTimes)
    }
}

/// The handle, or why there is none.
fn owned(opened: HANDLE) -> Result<OwnedHandle, u32> {
    // SAFETY: the call has no conditions. It comes before any other that could fail.
    let error = unsafe { GetLastError() };
    handle(opened).map_err(|_| error)
}

fn units(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

/// Hundredths of a second since boot.
pub(crate) fn boot_ticks() -> u64 {
    // SAFETY: the call has no conditions.
    unsafe { GetTickCount64() / 10 }
}

/// Now, as processes' beginnings are told.
pub(crate) fn now() -> u64 {
    let mut time = FILETIME::default();
    // SAFETY: the time outlives the call.
    unsafe { GetSystemTimeAsFileTime(&mut time) };
    units(time)
}

/// Start of a process; `None` where there is none, or there is no telling.
pub(super) fn started(pid: u32) -> Option<u64> {
    match Life::of_process(pid) {
        Life::Since(since) => Some(since),
        Life::Over | Life::Unknown => None,
    }
}

/// This process, as a ledger's writer: it has one thread that writes.
pub(crate) fn this_thread() -> Owner {
    // SAFETY: the call has no conditions.
    let process = unsafe { GetCurrentProcessId() };
    Owner { process, namespace: 0, since: now() }
}

/// Tells whether the owner of an entry lives, as far as that can be told. Processes and threads
/// have their numbers from one stock, so that a number is that of one of both.
pub(crate) fn is_alive(owner: &Owner) -> bool {
    let life = match Life::of_process(owner.process) {
        Life::Over => Life::of_thread(owner.process),
        life => life,
    };
    match life {
        Life::Since(since) => since <= owner.since,
        Life::Over => false,
        Life::Unknown => true,
    }
}

/// The processes of a session that live.
pub(super) fn members(region: &Region) -> Vec<Owner> {
    region.processes.all().iter().filter_map(Process::owner).filter(is_alive).collect()
}
