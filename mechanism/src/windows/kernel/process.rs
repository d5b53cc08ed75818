//! This process.

use windows_sys::Win32::System::Threading::{GetCurrentProcessId, GetCurrentThreadId};

/// This process's number.
pub fn process() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetCurrentProcessId() }
}

/// This thread's number. Processes and threads are numbered together.
pub fn thread() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetCurrentThreadId() }
}

pub use process as process_even_in_vfork;

/// The number of a process that is forbidden to ask for its own: no process has it.
pub const UNKNOWN: u32 = i32::MAX as u32;
