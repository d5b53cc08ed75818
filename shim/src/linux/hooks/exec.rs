//! exec, spawn, `system` and `popen`: the shim follows into the child.

use crate::linux::variables::{self, Strings};
use crate::linux::{children, environment, original};
use core::ffi::{c_char, c_int};
use libc::{pid_t, posix_spawn_file_actions_t, posix_spawnattr_t};
use portshim_mechanism::linux::kernel::{descriptors, errno};

/// # Safety
/// As for execve(2).
pub(crate) unsafe fn execve(path: *const c_char, argv: Strings, envp: Strings) -> c_int {
    children::look(path);
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(envp, |envp| unsafe { original::execve::next(path, argv, envp) })
}

/// # Safety
/// As for execvpe(3).
pub(crate) unsafe fn execvpe(file: *const c_char, argv: Strings, envp: Strings) -> c_int {
    children::look_in_path(file);
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(envp, |envp| unsafe { original::execvpe::next(file, argv, envp) })
}

/// # Safety
/// As for fexecve(3).
pub(crate) unsafe fn fexecve(fd: c_int, argv: Strings, envp: Strings) -> c_int {
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(envp, |envp| unsafe { original::fexecve::next(fd, argv, envp) })
}

/// # Safety
/// As for execveat(2).
pub(crate) unsafe fn execveat(fd: c_int, path: *const c_char, argv: Strings, envp: Strings, flags: c_int) -> c_int {
    // SAFETY: the program's own call, with the environment completed.
    let error =
        environment::with_preload_env(envp, |envp| unsafe { descriptors::execveat(fd, path, argv, envp, flags) });
    errno::set(error);
    -1
}

/// # Safety
/// As for execv(3), which is execve with the process's own environment.
pub(crate) unsafe fn execv(path: *const c_char, argv: Strings) -> c_int {
    children::look(path);
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(variables::own(), |envp| unsafe { original::execve::next(path, argv, envp) })
}

/// # Safety
/// As for execvp(3), which is execvpe with the process's own environment.
pub(crate) unsafe fn execvp(file: *const c_char, argv: Strings) -> c_int {
    children::look_in_path(file);
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(variables::own(), |envp| unsafe { original::execvpe::next(file, argv, envp) })
}

/// # Safety
/// As for posix_spawn(3).
pub(crate) unsafe fn posix_spawn(
    pid: *mut pid_t,
    path: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    argv: Strings,
    envp: Strings,
) -> c_int {
    children::look(path);
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(envp, |envp| unsafe {
        original::posix_spawn::next(pid, path, actions, attributes, argv, envp)
    })
}

/// # Safety
/// As for posix_spawnp(3).
pub(crate) unsafe fn posix_spawnp(
    pid: *mut pid_t,
    file: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    argv: Strings,
    envp: Strings,
) -> c_int {
    children::look_in_path(file);
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_env(envp, |envp| unsafe {
        original::posix_spawnp::next(pid, file, actions, attributes, argv, envp)
    })
}

/// # Safety
/// As for system(3).
pub(crate) unsafe fn system(command: *const c_char) -> c_int {
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_command(command, |command| unsafe { original::system::next(command) })
}

/// # Safety
/// As for popen(3).
pub(crate) unsafe fn popen(command: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    // SAFETY: the program's own call, with the environment completed.
    environment::with_preload_command(command, |command| unsafe { original::popen::next(command, mode) })
}

/// # Safety
/// `argv` is the list that execl(3) and execlp(3) were called with, laid out as an array.
pub(super) unsafe extern "C" fn listed(path: *const c_char, argv: Strings) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { execv(path, argv) }
}

/// # Safety
/// As for [`listed`].
pub(super) unsafe extern "C" fn listed_in_path(file: *const c_char, argv: Strings) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { execvp(file, argv) }
}

/// # Safety
/// As for [`listed`]; the environment follows the list's null pointer, as in execle(3).
pub(super) unsafe extern "C" fn listed_with_environment(path: *const c_char, argv: Strings) -> c_int {
    let mut at = argv;
    // SAFETY: execle's list ends in a null pointer, after which the environment stands.
    unsafe {
        while !(*at).is_null() {
            at = at.add(1);
        }
        execve(path, argv, *at.add(1).cast::<Strings>())
    }
}
