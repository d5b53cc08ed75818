//! Starts a program: becomes it, or begins a child.

use super::super::Environment;
use super::inspect::SHELL;
use super::privileges::keeps_privileges;
use crate::coverage::Program;
use crate::messages::{self, Failure};
use nix::errno::Errno;
use nix::unistd::execv;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Set if this process becomes the program.
pub(crate) const BECOMES: bool = true;

/// Becomes the program: same process, same signals, same terminal. Returns only if that fails.
pub(crate) fn become_program(program: &Program, arguments: &[OsString], environment: &Environment) -> Failure {
    environment.assume();
    if let Err(error) = refuse_rings(environment.refuses_rings) {
        return messages::rings_not_refused(&error);
    }
    let (path, argv) = call(program, arguments);
    let Err(errno) = execv(&path, &argv);
    failure(program, errno)
}

/// Has this process do without io_uring, where that is asked for.
pub(super) fn refuse_rings(asked: bool) -> io::Result<()> {
    if asked { portshim_supervisor::refuse_rings(keeps_privileges()) } else { Ok(()) }
}

/// Arguments for execve(2).
pub(super) fn call(program: &Program, arguments: &[OsString]) -> (CString, Vec<CString>) {
    let mut argv = Vec::with_capacity(arguments.len() + 2);
    if program.by_shell {
        argv.extend([string(SHELL.as_bytes()), string(program.path.as_os_str().as_bytes())]);
    } else {
        argv.push(string(program.typed.as_bytes()));
    }
    argv.extend(arguments.iter().map(|argument| string(argument.as_bytes())));
    let path = if program.by_shell { Path::new(SHELL) } else { &program.path };
    (string(path.as_os_str().as_bytes()), argv)
}

/// Our own arguments were strings to begin with, so no NUL is lost.
fn string(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

pub(super) fn failure(program: &Program, errno: Errno) -> Failure {
    match errno {
        Errno::ENOENT if !program.path.exists() => messages::not_found(&program.typed),
        Errno::ENOENT => messages::cannot_execute(&program.path, "its interpreter or loader does not exist"),
        errno => messages::cannot_execute(&program.path, &messages::plain(&errno.into())),
    }
}
