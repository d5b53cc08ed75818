//! Calls that give a descriptor another meaning, or the process another network: what is known of
//! the old one is forgotten.

use crate::linux::{errno, held, hooks, host, known, liveness, session, sys};
use core::ffi::{c_int, c_long, c_uint, c_void};
use libc::{sockaddr, socklen_t};

/// Forgets what `fd` was, if it is one.
#[inline]
pub(super) fn fresh(fd: c_int) -> c_int {
    forget(fd);
    fd
}

#[inline]
fn forget(fd: c_int) {
    known::forget(fd);
    held::release(fd);
}

fn forget_all(first: c_uint, last: c_uint) {
    known::forget_all(first, last);
    held::release_all(first, last);
}

/// # Safety
/// As for socket(2).
#[inline]
pub(crate) unsafe fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    socket_by(family, kind, protocol, || unsafe { hooks::socket::next(family, kind, protocol) })
}

/// Makes a socket by `own`, which is the program's call.
#[inline]
pub(super) fn socket_by(family: c_int, kind: c_int, protocol: c_int, own: impl FnOnce() -> c_int) -> c_int {
    let set = known::options_set();
    let fd = own();
    known::begin(fd, family, kind, protocol, set == known::options_set());
    held::release(fd);
    fd
}

/// # Safety
/// As for setsockopt(2).
#[inline]
pub(crate) unsafe fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    setsockopt_by(fd, level, name, || unsafe { hooks::setsockopt::next(fd, level, name, value, len) })
}

/// Sets an option by `own`, which is the program's call.
#[inline]
pub(super) fn setsockopt_by(fd: c_int, level: c_int, name: c_int, own: impl FnOnce() -> c_int) -> c_int {
    known::set(fd, level, name);
    own()
}

/// # Safety
/// As for accept(2).
#[inline]
pub(crate) unsafe fn accept(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    fresh(unsafe { hooks::accept::next(fd, address, len) })
}

/// # Safety
/// As for accept4(2).
#[inline]
pub(crate) unsafe fn accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    fresh(unsafe { hooks::accept4::next(fd, address, len, flags) })
}

/// # Safety
/// As for close(2).
#[inline]
pub(crate) unsafe fn close(fd: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    close_by(fd, || unsafe { hooks::close::next(fd) })
}

/// Closes by `own`, which is the program's call.
#[inline]
pub(super) fn close_by(fd: c_int, own: impl FnOnce() -> c_int) -> c_int {
    forget(fd);
    own()
}

/// # Safety
/// As for fclose(3).
#[inline]
pub(crate) unsafe fn fclose(file: *mut libc::FILE) -> c_int {
    // A stream that has no descriptor makes `fileno` say so in `errno`.
    let before = errno::get();
    // SAFETY: the program's own call, as it came; `fileno` only looks.
    unsafe {
        forget(libc::fileno(file));
        errno::set(before);
        hooks::fclose::next(file)
    }
}

/// The hook of `close_range`. Like that of `closefrom`, it stands outside the table because glibc has
/// only had it since 2.34.
///
/// # Safety
/// As for close_range(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    close_all(first, last, flags)
}

/// Closes a range, by system call.
pub(super) fn close_all(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    forget_all(first, last);
    match sys::close_range(first, last, flags) {
        Ok(()) => 0,
        Err(error) => {
            errno::set(error);
            -1
        }
    }
}

/// The hook of `closefrom`.
///
/// # Safety
/// As for closefrom(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn closefrom(first: c_int) {
    let first = first.max(0) as c_uint;
    forget_all(first, c_uint::MAX);
    if sys::close_range(first, c_uint::MAX, 0).is_err() {
        // A kernel before 5.9: one by one, as far as descriptors can go.
        (first as c_int..sys::most_descriptors()).for_each(sys::close);
    }
}

/// # Safety
/// As for dup(2).
#[inline]
pub(crate) unsafe fn dup(fd: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    copied(fd, unsafe { hooks::dup::next(fd) })
}

/// # Safety
/// As for dup2(2).
#[inline]
pub(crate) unsafe fn dup2(from: c_int, to: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    copied(from, unsafe { hooks::dup2::next(from, to) })
}

/// # Safety
/// As for dup3(2).
#[inline]
pub(crate) unsafe fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    copied(from, unsafe { hooks::dup3::next(from, to, flags) })
}

/// # Safety
/// As for fcntl(2). Every command takes at most one argument, which is passed on as a whole register.
#[inline]
pub(crate) unsafe fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the program's own call, as it came.
    duplicated(fd, command, unsafe { hooks::fcntl::next(fd, command, argument) })
}

/// # Safety
/// As for fcntl(2).
#[inline]
pub(crate) unsafe fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the program's own call, as it came.
    duplicated(fd, command, unsafe { hooks::fcntl64::next(fd, command, argument) })
}

fn duplicated(from: c_int, command: c_int, answer: c_int) -> c_int {
    if command == libc::F_DUPFD || command == libc::F_DUPFD_CLOEXEC { copied(from, answer) } else { answer }
}

/// `to` is a copy of `from`.
#[inline]
pub(super) fn copied(from: c_int, to: c_int) -> c_int {
    if from != to {
        known::copy(from, to);
        held::pass(from, to);
    }
    to
}

/// # Safety
/// As for setns(2).
pub(crate) unsafe fn setns(fd: c_int, kind: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    elsewhere(unsafe { hooks::setns::next(fd, kind) })
}

/// # Safety
/// As for unshare(2).
pub(crate) unsafe fn unshare(flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    elsewhere(unsafe { hooks::unshare::next(flags) })
}

/// The process may be in another network namespace, which has a port range of its own, and its children in another
/// PID namespace.
fn elsewhere(answer: c_int) -> c_int {
    if answer == 0 && session::get().is_some() {
        host::move_on();
        liveness::part();
    }
    answer
}
