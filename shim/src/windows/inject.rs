//! Loads this library into a process that has not begun to run: its first thread does so itself,
//! after the libraries that the program was linked with have come up and before the program's first
//! instruction.
//!
//! What is queued to a suspended thread it does once it is resumed. A thread of our own in the
//! process would come first instead, and the system's loader would bring everything up on that one:
//! a .NET program's `Main` would run there, libraries that belong to the thread they came up on
//! would break, and a process that its parent wants suspended would have run already.

use super::library;
use core::ffi::c_void;
use core::mem::transmute;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU32, Ordering::Release};
use windows_sys::Win32::Foundation::{
    CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_BAD_EXE_FORMAT, ERROR_DLL_INIT_FAILED,
    ERROR_DLL_NOT_FOUND, ERROR_PROC_NOT_FOUND, ERROR_PROCESS_ABORTED, FALSE, GetLastError, HANDLE, TRUE, WAIT_OBJECT_0,
};
use windows_sys::Win32::System::Diagnostics::Debug::{ReadProcessMemory, WriteProcessMemory};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleW, GetProcAddress,
};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE, VirtualAllocEx, VirtualFreeEx,
};
use windows_sys::Win32::System::SystemInformation::{
    IMAGE_FILE_MACHINE, IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_UNKNOWN,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, INFINITE, IsWow64Process2, PROCESS_MACHINE_INFORMATION, ProcessMachineTypeInfo,
    ResumeThread, SetEvent, SuspendThread, WaitForMultipleObjects,
};
use windows_sys::core::BOOL;
use windows_sys::w;

/// Word of this library about itself to whoever loaded it into this process, and reads it there.
#[derive(Clone, Copy)]
#[repr(C)]
struct Word {
    /// `HERE` once the hooks are in place.
    here: u32,
    /// A bit for each hook of the table that could not be placed.
    missing: u32,
}

const HERE: u32 = u32::from_le_bytes(*b"here");

/// This process's own [`Word`].
static SAID: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

/// Says that this library has come up, without these hooks.
pub(crate) fn say(missing: u32) {
    let [here, hooks] = &SAID;
    hooks.store(missing, Release);
    here.store(HERE, Release);
}

/// Has `process`, which was created suspended and whose only thread is `thread`, load this library.
/// It is suspended again before its first instruction. Returns 0, and a bit for each hook that
/// could not be placed; or a Win32 error code, `ERROR_PROCESS_ABORTED` where the process has ended
/// instead.
///
/// # Safety
/// The handles must have the rights that CreateProcessW gives, and `missing` must be writable.
#[unsafe(no_mangle)]
unsafe extern "system" fn portshim_enter(process: HANDLE, thread: HANDLE, missing: *mut u32) -> u32 {
    // SAFETY: as the caller promises.
    match unsafe { enter(process, thread) } {
        Ok(bits) => {
            // SAFETY: as the caller promises.
            unsafe { missing.write(bits) };
            0
        }
        Err(error) => error,
    }
}

/// As [`portshim_enter`].
///
/// # Safety
/// As for [`portshim_enter`].
unsafe fn enter(process: HANDLE, thread: HANDLE) -> Result<u32, u32> {
    // SAFETY: as the caller promises, for all of these. What is queued takes what the functions of
    // these names take; the memory and the handles that it uses are the process's own, which gives
    // them back itself, in the end.
    unsafe {
        let errand = Errand::begin(process, thread)?;
        let (came, go) = (Event::new(process)?, Event::new(process)?);
        let base = errand.memory.at as usize;
        errand.queue(c"GetModuleHandleExW", [UNCHANGED, errand.path(), base])?;
        errand.queue(c"SetEvent", [came.theirs as usize, 0, 0])?;
        errand.queue(c"WaitForSingleObject", [go.theirs as usize, INFINITE as usize, 0])?;
        for event in [&came, &go] {
            errand.queue(c"CloseHandle", [event.theirs as usize, 0, 0])?;
        }
        let memory = errand.end()?;
        if ResumeThread(thread) == u32::MAX {
            return Err(last_error());
        }
        // The libraries that the program is linked with come up first, and take as long as they
        // would without us.
        let either = [came.own, process];
        if WaitForMultipleObjects(2, either.as_ptr(), FALSE, INFINITE) != WAIT_OBJECT_0 {
            return Err(ERROR_PROCESS_ABORTED);
        }
        let word = word_of(process, memory)?;
        if SuspendThread(thread) == u32::MAX {
            return Err(last_error());
        }
        SetEvent(go.own);
        Ok(word.missing)
    }
}

const UNCHANGED: usize = GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT as usize;

/// Reads the word of this library in `process`, where the first word of `memory` tells where it
/// lies.
///
/// # Safety
/// `process` must be a process's handle with the rights that CreateProcessW gives.
unsafe fn word_of(process: HANDLE, memory: *const c_void) -> Result<Word, u32> {
    let mut base = 0usize;
    // SAFETY: as the caller promises; a word is read into a word.
    unsafe { read(process, memory, &raw mut base)? };
    if base == 0 {
        return Err(ERROR_DLL_INIT_FAILED);
    }
    let own = library::base().ok_or(ERROR_DLL_NOT_FOUND)? as usize;
    let at = (&raw const SAID as usize).wrapping_sub(own).wrapping_add(base);
    let mut word = Word { here: 0, missing: 0 };
    // SAFETY: as above.
    unsafe { read(process, at as *const c_void, &raw mut word)? };
    if word.here == HERE { Ok(word) } else { Err(ERROR_DLL_INIT_FAILED) }
}

/// # Safety
/// `process` must be a process's handle with the rights that CreateProcessW gives, and `into` be
/// plain numbers of ours.
unsafe fn read<T>(process: HANDLE, at: *const c_void, into: *mut T) -> Result<(), u32> {
    // SAFETY: as the caller promises.
    match unsafe { ReadProcessMemory(process, at, into.cast(), size_of::<T>(), null_mut()) } {
        0 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Has `process` load this library at its first step, whoever lets it take that, and does not wait
/// for it.
///
/// # Safety
/// As for [`portshim_enter`].
pub(crate) unsafe fn send(process: HANDLE, thread: HANDLE) -> Result<(), u32> {
    // SAFETY: as the caller promises.
    unsafe { Errand::begin(process, thread)?.end() }.map(drop)
}

/// A function whose type is not known yet.
type Any = unsafe extern "system" fn() -> isize;

/// Calls that a suspended thread is to make before its program's first instruction.
struct Errand {
    thread: HANDLE,
    /// A word that is free, and the path of this library.
    memory: Lent,
}

/// Queues a call to a thread: `NtQueueApcThread`, of which `QueueUserAPC` is the form for functions
/// of one argument.
type Queue = unsafe extern "system" fn(HANDLE, *const c_void, usize, usize, usize) -> i32;

impl Errand {
    /// Begins with loading this library.
    ///
    /// # Safety
    /// As for [`portshim_enter`].
    unsafe fn begin(process: HANDLE, thread: HANDLE) -> Result<Self, u32> {
        let path = library::path().ok_or(ERROR_DLL_NOT_FOUND)?;
        // SAFETY: as the caller promises; `path` is ours.
        unsafe {
            if machine_of(process).is_some_and(|machine| machine != IMAGE_FILE_MACHINE_AMD64) {
                return Err(ERROR_BAD_EXE_FORMAT);
            }
            let errand = Self { thread, memory: Lent::to(process, path)? };
            errand.queue(c"LoadLibraryW", [errand.path(), 0, 0])?;
            Ok(errand)
        }
    }

    /// Address of the path in the process.
    fn path(&self) -> usize {
        self.memory.at as usize + size_of::<usize>()
    }

    /// Adds a call of a function of kernel32, which lies at the same address in every process of
    /// one kind until the system starts anew.
    ///
    /// # Safety
    /// The function must take these arguments, as many as it takes, in the process.
    unsafe fn queue(&self, function: &core::ffi::CStr, [a, b, c]: [usize; 3]) -> Result<(), u32> {
        // SAFETY: both names are literals with a NUL at their end, for both.
        let (queue, function) = unsafe {
            let ntdll = GetModuleHandleW(w!("ntdll.dll"));
            let kernel32 = GetModuleHandleW(w!("kernel32.dll"));
            let queue = GetProcAddress(ntdll, c"NtQueueApcThread".as_ptr().cast());
            (queue, GetProcAddress(kernel32, function.as_ptr().cast()))
        };
        let (Some(queue), Some(function)) = (queue, function) else { return Err(ERROR_PROC_NOT_FOUND) };
        // SAFETY: ntdll's function of this name has this type.
        let queue = unsafe { transmute::<Any, Queue>(queue) };
        // SAFETY: as the caller promises.
        match unsafe { queue(self.thread, function as *const c_void, a, b, c) } {
            0 => Ok(()),
            _ => Err(ERROR_PROC_NOT_FOUND),
        }
    }

    /// Has the process give the memory back in the end. Says where it lies.
    ///
    /// # Safety
    /// Nothing else may be queued after that which uses it.
    unsafe fn end(self) -> Result<*const c_void, u32> {
        let at = self.memory.at;
        // SAFETY: as the caller promises.
        unsafe { self.queue(c"VirtualFree", [at as usize, 0, MEM_RELEASE as usize])? };
        core::mem::forget(self.memory);
        Ok(at)
    }
}

/// Asks about a process: `GetProcessInformation`, which not every Windows has.
type Ask = unsafe extern "system" fn(HANDLE, i32, *mut c_void, u32) -> BOOL;

/// The machine that a process runs for, where that is told. IsWow64Process2 does not tell a program
/// for x64 from one for ARM64, where Windows is for the latter; Windows that has both tells by the
/// other call.
///
/// # Safety
/// `process` must be a process's handle.
unsafe fn machine_of(process: HANDLE) -> Option<IMAGE_FILE_MACHINE> {
    let mut about = PROCESS_MACHINE_INFORMATION::default();
    let size = size_of::<PROCESS_MACHINE_INFORMATION>() as u32;
    let (mut guest, mut host) = (IMAGE_FILE_MACHINE_UNKNOWN, IMAGE_FILE_MACHINE_UNKNOWN);
    // SAFETY: the structure and both numbers are ours, and as long as is said; the function of this
    // name has this type.
    unsafe {
        let ask = GetProcAddress(GetModuleHandleW(w!("kernel32.dll")), c"GetProcessInformation".as_ptr().cast());
        let ask = ask.map(|found| transmute::<Any, Ask>(found));
        if ask.is_some_and(|ask| ask(process, ProcessMachineTypeInfo, (&raw mut about).cast(), size) != 0) {
            return Some(about.ProcessMachine);
        }
        if IsWow64Process2(process, &raw mut guest, &raw mut host) == 0 {
            return None;
        }
    }
    Some(if guest == IMAGE_FILE_MACHINE_UNKNOWN { host } else { guest })
}

/// An event that this process and another one know.
struct Event {
    own: HANDLE,
    /// The other one's handle.
    theirs: HANDLE,
}

impl Event {
    /// # Safety
    /// `process` must be a process's handle with the rights that CreateProcessW gives.
    unsafe fn new(process: HANDLE) -> Result<Self, u32> {
        // SAFETY: neither attributes nor a name are given.
        let own = unsafe { CreateEventW(null(), TRUE, FALSE, null()) };
        if own.is_null() {
            return Err(last_error());
        }
        let mut event = Self { own, theirs: null_mut() };
        // SAFETY: as the caller promises; the new handle is written to where it belongs.
        let given = unsafe {
            DuplicateHandle(GetCurrentProcess(), own, process, &raw mut event.theirs, 0, FALSE, DUPLICATE_SAME_ACCESS)
        };
        if given == 0 { Err(last_error()) } else { Ok(event) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and used no more.
        unsafe { CloseHandle(self.own) };
    }
}

/// Memory in another process.
struct Lent {
    process: HANDLE,
    at: *mut c_void,
}

impl Lent {
    /// A word of zeroes and a copy of `text` there.
    ///
    /// # Safety
    /// `process` must be a process's handle that outlives this.
    unsafe fn to(process: HANDLE, text: &[u16]) -> Result<Self, u32> {
        let size = size_of_val(text);
        // SAFETY: as the caller promises; new memory is nobody's.
        let at = unsafe {
            VirtualAllocEx(process, null(), size_of::<usize>() + size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE)
        };
        if at.is_null() {
            return Err(last_error());
        }
        let lent = Self { process, at };
        let to = at.wrapping_byte_add(size_of::<usize>());
        // SAFETY: `size` bytes were just allocated there, and as many are readable here.
        if unsafe { WriteProcessMemory(process, to, text.as_ptr().cast(), size, null_mut()) } == 0 {
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
