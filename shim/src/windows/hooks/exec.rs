//! CreateProcess and all that is made of it: the shim follows into the child.

use crate::session;
use crate::windows::environment::{self, ForChild};
use crate::windows::inject::inject;
use crate::windows::{errno, original};
use core::ffi::c_void;
use windows_sys::Win32::Foundation::{FALSE, HANDLE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, DEBUG_ONLY_THIS_PROCESS, DEBUG_PROCESS, PROCESS_INFORMATION,
    ResumeThread, STARTUPINFOW,
};
use windows_sys::core::{BOOL, PCWSTR, PWSTR};

/// # Safety
/// As for CreateProcessW.
pub(super) unsafe extern "system" fn create_process(
    token: HANDLE,
    application: PCWSTR,
    command: PWSTR,
    process: *const SECURITY_ATTRIBUTES,
    thread: *const SECURITY_ATTRIBUTES,
    inherits: BOOL,
    flags: u32,
    environment: *const c_void,
    folder: PCWSTR,
    startup: *const STARTUPINFOW,
    information: *mut PROCESS_INFORMATION,
    restricted: *mut HANDLE,
) -> BOOL {
    let before = errno::get();
    let original = |flags, environment| {
        errno::set(before);
        // SAFETY: the program's own call, as it came but for what the caller of this closure
        // completes.
        unsafe {
            original::CreateProcessInternalW::next(
                token,
                application,
                command,
                process,
                thread,
                inherits,
                flags,
                environment,
                folder,
                startup,
                information,
                restricted,
            )
        }
    };
    // A program that is being debugged does not load anything before its debugger lets it, who is
    // waiting for us.
    let is_debugged = flags & (DEBUG_PROCESS | DEBUG_ONLY_THIS_PROCESS) != 0;
    if session::get().is_none() || is_debugged {
        return original(flags, environment);
    }
    let suspended = flags | CREATE_SUSPENDED;
    // SAFETY: CreateProcessW's callers promise an environment block, or null.
    let created = match unsafe { environment::for_child(environment, flags) } {
        ForChild::Declines => return original(flags, environment),
        ForChild::Asks => original(suspended, environment),
        ForChild::Completed(block) => original(suspended | CREATE_UNICODE_ENVIRONMENT, block.as_ptr().cast()),
    };
    if created == FALSE {
        return FALSE;
    }
    let left = errno::get();
    // SAFETY: the call has succeeded, so it has written here; the handles stay open until the
    // program closes them.
    unsafe {
        let child = information.read_unaligned();
        // A child that cannot be reached, for it is a 32-bit program perhaps, runs uncovered.
        let _ = inject(child.hProcess);
        if flags & CREATE_SUSPENDED == 0 {
            ResumeThread(child.hThread);
        }
    }
    errno::set(left);
    created
}
