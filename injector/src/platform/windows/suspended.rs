//! A process that has been created and has not yet run: it runs in the end, or is ended.

use super::native::{done, handle, wide};
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use std::{io, ptr};
use windows_sys::Win32::Foundation::{HANDLE, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE, SetHandleInformation};
use windows_sys::Win32::System::Console::{GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_BREAKAWAY_OK, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, CreateProcessW, GetStartupInfoW, PROCESS_INFORMATION, ResumeThread, STARTF_USESTDHANDLES,
    STARTUPINFOW, TerminateProcess,
};

/// A process before its first instruction.
pub(super) struct Suspended {
    process: Option<OwnedHandle>,
    thread: OwnedHandle,
    job: Option<OwnedHandle>,
}

/// A process that runs.
pub(super) struct Running {
    pub(super) process: OwnedHandle,
    /// Ends the process when this one is ended: it would have been this very process, if Windows
    /// had it so.
    _job: Option<OwnedHandle>,
}

impl Suspended {
    /// Creates the process of this file, with this command line and with all that this process was
    /// started with.
    pub(super) fn begin(file: &Path, mut line: Vec<u16>) -> io::Result<Self> {
        line.push(0);
        let (file, startup) = (wide(file), startup());
        let mut made = PROCESS_INFORMATION::default();
        // SAFETY: file and line end in NUL and outlive the call, as do the other two; the line may
        // be written to. Whatever `startup` points to, this process itself was given, for as long
        // as it runs.
        done(unsafe {
            CreateProcessW(
                file.as_ptr(),
                line.as_mut_ptr(),
                ptr::null(),
                ptr::null(),
                1,
                CREATE_SUSPENDED,
                ptr::null(),
                ptr::null(),
                &startup,
                &mut made,
            )
        })?;
        let process = handle(made.hProcess)?;
        let job = job().ok();
        if let Some(job) = &job {
            // Where the process is in a job already that allows no other, it lives on its own.
            // SAFETY: both handles are open.
            unsafe { AssignProcessToJobObject(job.as_raw_handle(), process.as_raw_handle()) };
        }
        Ok(Self { process: Some(process), thread: handle(made.hThread)?, job })
    }

    /// The process.
    pub(super) fn process(&self) -> &OwnedHandle {
        self.process.as_ref().expect("it is taken only where it is resumed, and that consumes it")
    }

    /// Its only thread.
    pub(super) fn thread(&self) -> &OwnedHandle {
        &self.thread
    }

    /// Lets it run.
    pub(super) fn resume(mut self) -> io::Result<Running> {
        // SAFETY: the handle is open.
        if unsafe { ResumeThread(self.thread.as_raw_handle()) } == u32::MAX {
            return Err(io::Error::last_os_error());
        }
        let process = self.process.take().expect("it is taken only here");
        Ok(Running { process, _job: self.job.take() })
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            // SAFETY: the handle is open.
            unsafe { TerminateProcess(process.as_raw_handle(), 1) };
        }
    }
}

/// Start-up values of this process itself, for the program to be started with.
fn startup() -> STARTUPINFOW {
    let mut startup = STARTUPINFOW::default();
    // SAFETY: the structure is one of its kind.
    unsafe { GetStartupInfoW(&mut startup) };
    startup.cb = size_of::<STARTUPINFOW>() as u32;
    startup.dwFlags |= STARTF_USESTDHANDLES;
    startup.hStdInput = inherited(STD_INPUT_HANDLE);
    startup.hStdOutput = inherited(STD_OUTPUT_HANDLE);
    startup.hStdError = inherited(STD_ERROR_HANDLE);
    startup
}

/// One of the standard handles, made fit to be inherited.
fn inherited(which: u32) -> HANDLE {
    // SAFETY: the call has no conditions.
    let standard = unsafe { GetStdHandle(which) };
    if !standard.is_null() && standard != INVALID_HANDLE_VALUE {
        // SAFETY: at worst the handle is not open, and the call says so.
        unsafe { SetHandleInformation(standard, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    }
    standard
}

/// A job that ends with its last handle and takes the process along, but not what that one starts.
fn job() -> io::Result<OwnedHandle> {
    // SAFETY: neither attributes nor a name are given.
    let job = handle(unsafe { CreateJobObjectW(ptr::null(), ptr::null()) })?;
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    // SAFETY: the handle is open, and the structure is the one that is announced, in full.
    done(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of_val(&limits) as u32,
        )
    })?;
    Ok(job)
}
