//! Starts a program with the shim in it, stays until it ends, and ends as it did.

use super::super::Environment;
use super::super::windows_formats::{batch, command_line};
use super::hooks::NEEDED;
use super::inject::{NotEntered, Shim};
use super::inspect::shell;
use super::session;
use super::suspended::Suspended;
use crate::coverage::{Coverage, Program};
use crate::messages::{self, Failure};
use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use std::{io, process, slice};
use windows_sys::Win32::Foundation::{
    ERROR_BAD_EXE_FORMAT, ERROR_ELEVATION_REQUIRED, ERROR_EXE_MACHINE_TYPE_MISMATCH, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Environment::GetCommandLineW;
use windows_sys::Win32::System::Threading::{GetExitCodeProcess, INFINITE, Sleep, WaitForSingleObject};
use windows_sys::core::BOOL;

/// End of a program: with this status. No signal ends one on Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended(u32);

impl Ended {
    /// The status to exit with: the program's own.
    pub(crate) fn pass_on(self) -> u32 {
        self.0
    }

    /// The program's exit status, and the signal that ended it.
    pub(crate) fn parts(self) -> (Option<u32>, Option<&'static str>) {
        (Some(self.0), None)
    }
}

/// Exit codes from here on are errors of the system's own: of its loader, say (NTSTATUS).
const FAILED: u32 = 0xC000_0000;

/// Time for which the program is left alone, in milliseconds: the ring of events holds some
/// thousands, and should not fill up in between.
const INTERVAL: u32 = 20;
/// The same where very much happens.
const SOON: u32 = 1;

/// Set if this process becomes the program: on Windows none can.
pub(crate) const BECOMES: bool = false;

/// Waits for the program's end, and ends with its exit code. Returns only if that fails.
pub(crate) fn become_program(program: &Program, arguments: &[OsString], environment: &Environment) -> Failure {
    match watch_program(program, arguments, Some(environment), None, None) {
        Ok(ended) => process::exit(ended.pass_on().cast_signed()),
        Err(failure) => failure,
    }
}

/// Starts the program in this environment, or in that of this process; waits for its end, and calls
/// `meanwhile`, if there is one, every now and then, and soon again where that says so.
pub(crate) fn watch_program(
    program: &Program,
    arguments: &[OsString],
    environment: Option<&Environment>,
    _: Option<(&session::Session, super::Way)>,
    mut meanwhile: Option<&mut dyn FnMut() -> bool>,
) -> Result<Ended, Failure> {
    let reached = !matches!(program.coverage, Coverage::None(_));
    // Before the variables that switch it on are there: in this process it has nothing to do.
    let load = |path| Shim::load(path).map_err(|e| messages::unloadable(path, &e));
    let library = environment.and_then(|environment| environment.library.as_deref());
    let shim = library.filter(|_| reached).map(load).transpose()?;
    environment.inspect(|environment| environment.assume());
    if let Some(marker) = environment.and_then(|environment| environment.session.as_deref()) {
        session::tell(marker, &program.typed, arguments);
    }
    leave_interrupts();
    let suspended = begin(program, arguments).map_err(|e| failure(program, &e))?;
    match shim.map(|shim| shim.enter(&suspended)) {
        None | Some(Ok(0)) => {}
        Some(Ok(missing)) if missing & NEEDED != 0 => {
            return Err(messages::hooks_refused(&program.path, missing & NEEDED));
        }
        Some(Ok(missing)) => {
            environment.inspect(|environment| (environment.warn)(&messages::hooks_missing(&program.path, missing)));
        }
        Some(Err(NotEntered::Refused(e))) => return Err(messages::not_entered(&program.path, &e)),
        Some(Err(NotEntered::Ended)) => {
            let code = exit_code(suspended.process()).map_err(|e| failure(program, &e))?;
            // A program that lacks a library of its own has come to an end that is no other without
            // us.
            return if code >= FAILED { Ok(Ended(code)) } else { Err(messages::ended_before(&program.path, code)) };
        }
    }
    let running = suspended.resume().map_err(|e| failure(program, &e))?;
    let mut pause = if meanwhile.is_some() { INTERVAL } else { INFINITE };
    loop {
        // SAFETY: the handle is open.
        match unsafe { WaitForSingleObject(running.process.as_raw_handle(), pause) } {
            WAIT_OBJECT_0 => break,
            WAIT_TIMEOUT => {
                let soon = meanwhile.as_mut().is_some_and(|meanwhile| meanwhile());
                pause = if soon { SOON } else { INTERVAL };
            }
            _ => return Err(failure(program, &io::Error::last_os_error())),
        }
    }
    exit_code(&running.process).map(Ended).map_err(|e| failure(program, &e))
}

fn exit_code(process: &OwnedHandle) -> io::Result<u32> {
    let mut code = 0;
    // SAFETY: the handle is open, and the code outlives the call.
    super::native::done(unsafe { GetExitCodeProcess(process.as_raw_handle(), &mut code) })?;
    Ok(code)
}

/// Leaves what is typed at the console to the program, which shares it.
fn leave_interrupts() {
    // SAFETY: the handler touches nothing. Unlike what SetConsoleCtrlHandler(NULL, TRUE) does,
    // programs do not inherit it.
    unsafe { SetConsoleCtrlHandler(Some(leave), 1) };
}

/// Runs in a thread of its own.
unsafe extern "system" fn leave(event: u32) -> BOOL {
    if event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT {
        // The console closes, or the user leaves. The program has been told, too, and may take the
        // few seconds that Windows gives; if this process ended first, it would take the program
        // along. SAFETY: the call has no conditions.
        unsafe { Sleep(INFINITE) };
    }
    1
}

fn begin(program: &Program, arguments: &[OsString]) -> io::Result<Suspended> {
    let units = |text: &OsStr| text.encode_wide().collect::<Vec<_>>();
    let words: Vec<_> = arguments.iter().map(|argument| units(argument)).collect();
    if program.by_shell {
        let (shell, script) = (shell(), std::path::absolute(&program.path)?);
        let line = batch::line(&units(shell.as_os_str()), &units(script.as_os_str()), words.iter().map(Vec::as_slice));
        let line = line.ok_or_else(|| io::Error::other("a batch file cannot be given an argument with a line end"))?;
        return Suspended::begin(&shell, line);
    }
    let name = units(&program.typed);
    let line = match command_line::tail(own_line(), &words) {
        Some(tail) => command_line::called(&name, tail),
        None => command_line::line(&name, words.iter().map(Vec::as_slice)),
    };
    Suspended::begin(&program.path, line)
}

/// The command line of this process.
fn own_line() -> &'static [u16] {
    // SAFETY: the call has no conditions.
    let line = unsafe { GetCommandLineW() };
    // SAFETY: the line ends in NUL, and all before it can be read.
    let length = (0..).take_while(|n| unsafe { *line.add(*n) } != 0).count();
    // SAFETY: as many characters as were just counted. They stay as they are as long as the process
    // runs.
    unsafe { slice::from_raw_parts(line, length) }
}

fn failure(program: &Program, e: &io::Error) -> Failure {
    let path: &Path = &program.path;
    match e.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_BAD_EXE_FORMAT | ERROR_EXE_MACHINE_TYPE_MISMATCH) => {
            messages::cannot_execute(path, "it is damaged, or not made for this Windows")
        }
        Some(ERROR_ELEVATION_REQUIRED) => messages::needs_elevation(path),
        _ if e.kind() == io::ErrorKind::NotFound && !path.exists() => messages::not_found(&program.typed),
        _ => messages::cannot_execute(path, &messages::plain(e)),
    }
}
