//! A child's environment: the variables that load the shim are put back where the program left them
//! out.

mod missing;
mod shell;

use super::memory::Memory;
use super::variables::{Strings, own};
use core::ffi::c_char;
use missing::MissingVars;
use shell::ShellCommand;

/// Calls `then` with an environment in which the shim is loaded: `given`, or a copy with the
/// missing variables put back. Nothing is allocated, for this also runs between vfork and exec.
pub(crate) fn with_preload_env<T>(given: Strings, then: impl Fn(Strings) -> T) -> T {
    let Some(missing) = MissingVars::of(given) else { return then(given) };
    let mut result = None;
    missing.complete(given, &mut |envp| result = Some(then(envp)));
    match result {
        Some(result) => result,
        None => then(given), // there is no memory for it
    }
}

/// Calls `then` with a shell command before which the variables are put back that this process's
/// own environment lacks: `command` itself where it lacks none. The environment is not touched:
/// another thread may be changing it.
pub(crate) fn with_preload_command<T>(command: *const c_char, then: impl FnOnce(*const c_char) -> T) -> T {
    let complete = || {
        let missing = MissingVars::of(own())?;
        let mut memory = Memory::default();
        let length = memory.end_of_string(command as usize)? - command as usize;
        // SAFETY: all of the string has just been seen to be readable.
        let command = unsafe { core::slice::from_raw_parts(command.cast::<u8>(), length) };
        ShellCommand::new(&missing, command)
    };
    match complete() {
        Some(shell) => then(shell.text()),
        None => then(command),
    }
}
