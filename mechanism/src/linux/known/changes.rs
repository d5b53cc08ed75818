//! Calls that give a descriptor another meaning, or the process another network: what is known of
//! the old one is forgotten. Each makes the program's own call, as it came.

use super::{fd_cache, fd_ports};
use crate::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use crate::linux::kernel::liveness;
use crate::linux::kernel::process::{VFORKED, in_vfork_child};
use crate::linux::socket::options::{copy_range, forget_range};
use crate::linux::socket::steering;
use crate::session::Session;
use core::ffi::{c_int, c_uint};
use core::sync::atomic::Ordering::Relaxed;

/// Forgets what `fd` was, if it is one.
#[inline]
pub fn fresh(fd: c_int) -> c_int {
    forget(fd);
    fd
}

/// Forgets what `fd` was.
#[inline]
pub fn forget(fd: c_int) {
    fd_cache::forget(fd);
    fd_ports::release(fd);
    // A child of vfork(2) closes its own descriptors, not its parent's.
    if !in_vfork_child() {
        forget_range(fd);
    }
}

/// Forgets what the descriptors from `first` to `last` were.
pub fn forget_all(first: c_uint, last: c_uint) {
    fd_cache::forget_all(first, last);
    fd_ports::release_all(first, last);
}

/// Makes a socket, by socket(2).
#[inline]
pub fn socket(family: c_int, kind: c_int, protocol: c_int, original: impl FnOnce() -> c_int) -> c_int {
    let set = fd_cache::options_set();
    let fd = original();
    fd_cache::on_socket(fd, family, kind, protocol, set == fd_cache::options_set());
    fd_ports::release(fd);
    forget_range(fd);
    fd
}

/// Sets an option, by setsockopt(2). `session` is the one that the process is under.
#[inline]
pub fn set_option(
    fd: c_int,
    (level, name): (c_int, c_int),
    session: impl FnOnce() -> Option<Session>,
    original: impl FnOnce() -> c_int,
) -> c_int {
    fd_cache::set(fd, level, name);
    if (level, name) == (libc::SOL_IP, IP_LOCAL_PORT_RANGE)
        && let Some(session) = session()
    {
        session.region.header.ranges.store(1, Relaxed);
    }
    original()
}

/// Closes a descriptor, by close(2).
#[inline]
pub fn close(fd: c_int, original: impl FnOnce() -> c_int) -> c_int {
    forget(fd);
    original()
}

/// Closes a range of descriptors, by close_range(2).
pub fn close_range<T>(first: c_uint, last: c_uint, flags: c_int, original: impl FnOnce() -> T) -> T {
    if flags as c_uint & libc::CLOSE_RANGE_UNSHARE != 0 {
        fd_cache::give_up();
    }
    forget_all(first, last);
    original()
}

/// Copies `from` to the number `to`, by dup2(2) or dup3(2). What `to` was is forgotten before it: a
/// signal handler may jump out of it once it has been done.
#[inline]
pub fn copy_to(from: c_int, to: c_int, original: impl FnOnce() -> c_int) -> c_int {
    fd_cache::forget(to);
    copied(from, original())
}

/// Tells whether this command of fcntl(2) copies a descriptor.
#[must_use]
pub fn is_copy(command: c_int) -> bool {
    command == libc::F_DUPFD || command == libc::F_DUPFD_CLOEXEC
}

/// `to` is a copy of `from`.
#[inline]
pub fn copied(from: c_int, to: c_int) -> c_int {
    if from != to {
        fd_cache::on_dup(from, to);
        copy_range(from, to);
        fd_ports::move_to(from, to);
    }
    to
}

/// Moves to another namespace, by setns(2). `is_under_session` tells whether the process is.
pub fn enter_namespace(is_under_session: bool, original: impl FnOnce() -> c_int) -> c_int {
    if is_under_session {
        steering::on_netns_change();
    }
    moved(is_under_session, original())
}

/// Parts from what is shared, by unshare(2). `is_under_session` tells whether the process is under
/// one.
pub fn unshare(flags: c_int, is_under_session: bool, original: impl FnOnce() -> c_int) -> c_int {
    if flags & libc::CLONE_FILES != 0 {
        fd_cache::give_up();
    }
    if flags & libc::CLONE_NEWNET != 0 && is_under_session {
        steering::on_netns_change();
    }
    moved(is_under_session, original())
}

/// This thread may be in another network namespace, which has a port range of its own, and its
/// children in another PID namespace.
fn moved(is_under_session: bool, answer: c_int) -> c_int {
    if answer == 0 && is_under_session {
        liveness::part();
    }
    answer
}

/// Takes note of what the flags of a clone(2), which is about to be made, mean for what is kept in
/// memory: a child may share it, and not the descriptors, or the other way round.
pub fn before_clone(flags: c_int) {
    let has = |flag: c_int| flags & flag != 0;
    if has(libc::CLONE_NEWNET) {
        steering::on_netns_change();
    }
    let (memory, descriptors) = (has(libc::CLONE_VM), has(libc::CLONE_FILES));
    if memory && !descriptors {
        VFORKED.store(1, Relaxed);
    }
    // Of vfork(2) the parent waits: its notes are its own.
    if memory != descriptors && (descriptors || !has(libc::CLONE_VFORK)) {
        fd_cache::give_up();
    }
}
