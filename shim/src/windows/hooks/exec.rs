//! CreateProcess and all that is made of it: the shim follows into the child.

use crate::session::{self, Session};
use crate::windows::environment::{self, ForChild};
use crate::windows::library::file_name;
use crate::windows::start::hand_down;
use crate::windows::{errno, inject, liveness, original};
use core::ffi::c_void;
use portshim_policy::region::{NAME, Presence};
use windows_sys::Win32::Foundation::{ERROR_BAD_EXE_FORMAT, FALSE, HANDLE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, PROCESS_INFORMATION, PROCESS_NAME_WIN32, QueryFullProcessImageNameW,
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
    let Some(session) = session::get() else { return original(flags, environment) };
    let suspended = flags | CREATE_SUSPENDED;
    // SAFETY: CreateProcessW's callers promise an environment block, or null.
    let (created, joins) = match unsafe { environment::for_child(environment, flags) } {
        ForChild::Declines => return original(flags, environment),
        ForChild::Asks(joins) => (original(suspended, environment), joins),
        ForChild::Completed(block) => (original(suspended | CREATE_UNICODE_ENVIRONMENT, block.as_ptr().cast()), true),
    };
    if created == FALSE {
        return FALSE;
    }
    let left = errno::get();
    // SAFETY: the call has succeeded, so it has written here; the handles stay open until the
    // program closes them.
    unsafe {
        let child = information.read_unaligned();
        follow(session, &child, joins);
        // One that its parent wants suspended loads the library once its parent resumes it.
        if flags & CREATE_SUSPENDED == 0 {
            ResumeThread(child.hThread);
        }
    }
    errno::set(left);
    created
}

/// Sends the guest into a child that has not begun to run. One that cannot be reached, for it is a
/// 32-bit program perhaps, runs uncovered; the session's table says so of each that has not said
/// that the guest is there, where it `joins` the session.
///
/// # Safety
/// The handles must be those that CreateProcessW has just given.
unsafe fn follow(session: Session, child: &PROCESS_INFORMATION, joins: bool) {
    // SAFETY: as the caller promises.
    let sent = unsafe { inject::send(child.hProcess, child.hThread) };
    if !joins {
        return;
    }
    // SAFETY: as the caller promises.
    unsafe { hand_down(child.hProcess) };
    let presence = match sent {
        Ok(()) => Presence::Awaited,
        Err(ERROR_BAD_EXE_FORMAT) => Presence::OtherMachine,
        Err(_) => Presence::Unreached,
    };
    let owner = liveness::owner_of(child.dwProcessId, child.hProcess);
    let rules = session.region.number_of(session.rules);
    // SAFETY: as the caller promises.
    let name = unsafe { name_of(child.hProcess) };
    if let Some(place) = session.region.processes.enter(&owner, &name, rules, liveness::is_alive) {
        place.set_presence(presence);
    }
}

/// The name of a process's file, as far as the session's table has room for it.
///
/// # Safety
/// `process` must be a process's handle.
unsafe fn name_of(process: HANDLE) -> [u8; NAME] {
    let (mut path, mut length) = ([0; 1024], 1024);
    // SAFETY: as the caller promises; the buffer is as long as is said.
    let known = unsafe { QueryFullProcessImageNameW(process, PROCESS_NAME_WIN32, path.as_mut_ptr(), &raw mut length) };
    let path = if known == FALSE { &[][..] } else { path.get(..length as usize).unwrap_or_default() };
    let mut name = [0; NAME];
    file_name(path, &mut name);
    name
}
