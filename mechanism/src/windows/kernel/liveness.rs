//! Identity of this process, and whether another one still lives. The latter is asked only where
//! the ledger or the table of processes has something to say about it.

use super::{errno, process};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use portshim_policy::region::Owner;
use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::{CloseHandle, ERROR_INVALID_PARAMETER, FALSE, FILETIME, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, OpenThread, PROCESS_BASIC_INFORMATION,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, THREAD_SYNCHRONIZE, WaitForSingleObject,
};

/// Time when this process was created; 0 where it has not been asked.
static CREATED: AtomicU64 = AtomicU64::new(0);

/// This process's number.
pub fn this_process() -> u32 {
    process::process()
}

/// This process. It is told from another of the same number by when it was created, in units of 100
/// ns since 1601.
pub fn me() -> Owner {
    let mut since = CREATED.load(Relaxed);
    if since == 0 {
        // SAFETY: the handle stands for this process, and is always valid.
        since = created(unsafe { GetCurrentProcess() }).unwrap_or(u64::MAX);
        CREATED.store(since, Relaxed);
    }
    Owner { process: process::process(), namespace: 0, since }
}

/// Start of this process.
pub fn began() -> u64 {
    me().since
}

/// This thread.
pub fn this_thread() -> Owner {
    Owner { process: process::thread(), ..me() }
}

/// Tells whether this process, or thread, still lives. Where there is no telling, it does.
pub fn is_alive(owner: &Owner) -> bool {
    match lives(owner.process) {
        Some(created) => created.is_none_or(|created| created <= owner.since),
        // Whose turn it is, is a thread, and no time is known of it.
        None => owner.since == u64::MAX && thread_lives(owner.process),
    }
}

/// Tells whether a process is `owner`, or descends from it: through parents that live.
pub fn descends(child: u32, owner: &Owner) -> bool {
    let mut at = Owner { process: child, ..me() };
    for _ in 0..MOST_PARENTS {
        if at.process == owner.process {
            return true;
        }
        // Where a parent has ended, another process may have its number: one that began later.
        match parent(at.process) {
            Some(parent) if parent.since <= at.since => at = parent,
            _ => return false,
        }
    }
    false
}

/// Number of parents that are looked through, at most.
const MOST_PARENTS: usize = 1000;

/// The parent of a process, where it lives and that is told.
fn parent(process: u32) -> Option<Owner> {
    let open = |process| {
        // SAFETY: no conditions; the handle is closed with `Handle`.
        let handle = Handle(unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process) });
        (!handle.0.is_null()).then_some(handle)
    };
    let before = errno::get();
    let mut told = PROCESS_BASIC_INFORMATION::default();
    let parent = open(process).and_then(|handle| {
        let size = size_of::<PROCESS_BASIC_INFORMATION>() as u32;
        let into = (&raw mut told).cast();
        // SAFETY: the handle is open, and the structure is as long as is said.
        let status =
            unsafe { NtQueryInformationProcess(handle.0, ProcessBasicInformation, into, size, core::ptr::null_mut()) };
        (status >= 0).then_some(told.InheritedFromUniqueProcessId as u32)
    });
    let owner = parent.and_then(|parent| Some(owner_of(parent, open(parent)?.0)));
    errno::set(before);
    owner
}

/// As [`is_alive`]: here, to ask less is not cheaper.
pub fn may_be_alive(owner: &Owner) -> bool {
    is_alive(owner)
}

/// `None` where there is no such process, else when it was created, where that is told.
pub fn lives(process: u32) -> Option<Option<u64>> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    let before = errno::get();
    // SAFETY: no conditions; the handle is closed with `Handle`.
    let handle = Handle(unsafe { OpenProcess(rights, FALSE, process) });
    let missing = handle.0.is_null() && errno::get() == ERROR_INVALID_PARAMETER as i32;
    errno::set(before);
    if handle.0.is_null() {
        return (!missing).then_some(None);
    }
    (!handle.has_ended()).then(|| created(handle.0))
}

fn thread_lives(thread: u32) -> bool {
    let before = errno::get();
    // SAFETY: as above.
    let handle = Handle(unsafe { OpenThread(THREAD_SYNCHRONIZE, FALSE, thread) });
    let missing = handle.0.is_null() && errno::get() == ERROR_INVALID_PARAMETER as i32;
    errno::set(before);
    if handle.0.is_null() { !missing } else { !handle.has_ended() }
}

/// The process of this number, where `handle` is its handle.
pub fn owner_of(process: u32, handle: HANDLE) -> Owner {
    Owner { process, namespace: 0, since: created(handle).unwrap_or(u64::MAX) }
}

/// Time at which a process was created; `None` where that is not told.
fn created(process: HANDLE) -> Option<u64> {
    let mut times = [FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 }; 4];
    let [creation, exit, kernel, user] = &mut times;
    // SAFETY: four times of ours; what is no process's handle is refused.
    (unsafe { GetProcessTimes(process, creation, exit, kernel, user) } != 0)
        .then(|| u64::from(times[0].dwLowDateTime) | u64::from(times[0].dwHighDateTime) << 32)
}

/// A process or thread, held open so that its number is not given to another.
struct Handle(HANDLE);

impl Handle {
    /// Whoever has ended can still be opened while somebody holds a handle.
    fn has_ended(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { WaitForSingleObject(self.0, 0) == WAIT_OBJECT_0 }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the handle is ours.
            unsafe { CloseHandle(self.0) };
        }
    }
}
