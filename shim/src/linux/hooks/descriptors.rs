//! Calls that give a descriptor another meaning, or the process another network: what is known of
//! the old one is forgotten.

use crate::linux::{original, start};
use core::ffi::{c_int, c_long, c_uint, c_void};
use core::mem::size_of;
use libc::{mmsghdr, msghdr, sockaddr, socklen_t, timespec};
use portshim_mechanism::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use portshim_mechanism::linux::kernel::descriptors as kernel;
use portshim_mechanism::linux::kernel::errno;
use portshim_mechanism::linux::known::changes::{copied, copy_to, forget, forget_all, fresh, is_copy};
use portshim_mechanism::linux::known::{changes, fd_cache};
use portshim_mechanism::linux::socket::options::own_range;

/// # Safety
/// As for socket(2).
#[inline]
pub(crate) unsafe fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    changes::socket(family, kind, protocol, || unsafe { original::socket::next(family, kind, protocol) })
}

/// # Safety
/// As for setsockopt(2).
#[inline]
pub(crate) unsafe fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    setsockopt_by(fd, level, name, || unsafe { original::setsockopt::next(fd, level, name, value, len) })
}

/// Sets an option by `original`, which is the program's call.
#[inline]
pub(super) fn setsockopt_by(fd: c_int, level: c_int, name: c_int, original: impl FnOnce() -> c_int) -> c_int {
    changes::set_option(fd, (level, name), start::session, original)
}

/// # Safety
/// As for getsockopt(2).
#[inline]
pub(crate) unsafe fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the program's own call, as it came.
    unsafe { getsockopt_by(fd, level, name, value, len, || original::getsockopt::next(fd, level, name, value, len)) }
}

/// Reads an option by `original`, which is the program's call.
///
/// # Safety
/// As for getsockopt(2).
#[inline]
pub(super) unsafe fn getsockopt_by(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
    original: impl FnOnce() -> c_int,
) -> c_int {
    let answer = original();
    if answer == 0 && (level, name) == (libc::SOL_IP, IP_LOCAL_PORT_RANGE) {
        // SAFETY: the kernel has just written both.
        unsafe { show_own_range(fd, value.cast(), len) };
    }
    answer
}

/// Shows a program the range that it set itself, not the one to which its socket is being steered.
///
/// # Safety
/// `value` is writable for `*len` bytes.
#[cold]
unsafe fn show_own_range(fd: c_int, value: *mut u32, len: *mut socklen_t) {
    // SAFETY: as the caller promises.
    unsafe {
        if *len as usize == size_of::<u32>() {
            let limits = start::session().is_none_or(portshim_mechanism::session::Session::programs_limit_sockets);
            value.write_unaligned(own_range(fd, value.read_unaligned(), limits));
        }
    }
}

/// # Safety
/// As for recvmsg(2).
#[inline]
pub(crate) unsafe fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> isize {
    // SAFETY: the program's own call, as it came.
    unsafe { recvmsg_by(message, || original::recvmsg::next(fd, message, flags)) }
}

/// Receives by `original`, which is the program's call.
///
/// # Safety
/// As for recvmsg(2).
#[inline]
pub(super) unsafe fn recvmsg_by(message: *const msghdr, original: impl FnOnce() -> isize) -> isize {
    let read = original();
    // SAFETY: the kernel has just read and written the header.
    if read >= 0 && unsafe { (*message).msg_controllen } != 0 {
        // SAFETY: as above.
        unsafe { forget_received(message) };
    }
    read
}

/// # Safety
/// As for recvmmsg(2).
#[inline]
pub(crate) unsafe fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut timespec,
) -> c_int {
    // SAFETY: the program's own call, as it came.
    unsafe { recvmmsg_by(messages, || original::recvmmsg::next(fd, messages, count, flags, timeout)) }
}

/// Receives by `original`, which is the program's call.
///
/// # Safety
/// As for recvmmsg(2).
#[inline]
pub(super) unsafe fn recvmmsg_by(messages: *const mmsghdr, original: impl FnOnce() -> c_int) -> c_int {
    let read = original();
    for n in 0..usize::try_from(read).unwrap_or(0) {
        // SAFETY: the kernel has just read and written as many headers.
        unsafe { forget_received(&raw const (*messages.add(n)).msg_hdr) };
    }
    read
}

/// Forgets what the descriptors were that have come with a message (SCM_RIGHTS).
///
/// # Safety
/// The kernel has filled the message in.
#[cold]
unsafe fn forget_received(message: *const msghdr) {
    // SAFETY: as the caller promises; CMSG_NXTHDR stays inside the control data.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(message);
        while !control.is_null() {
            if ((*control).cmsg_level, (*control).cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let (first, end) = (libc::CMSG_DATA(control) as usize, control as usize + (*control).cmsg_len as usize);
                for at in (first..end.saturating_sub(size_of::<c_int>() - 1)).step_by(size_of::<c_int>()) {
                    let fd = (at as *const c_int).read_unaligned();
                    forget(fd);
                    fd_cache::renew(fd);
                }
            }
            control = libc::CMSG_NXTHDR(message, control);
        }
    }
}

/// # Safety
/// As for accept(2).
#[inline]
pub(crate) unsafe fn accept(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    fresh(unsafe { original::accept::next(fd, address, len) })
}

/// # Safety
/// As for accept4(2).
#[inline]
pub(crate) unsafe fn accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    fresh(unsafe { original::accept4::next(fd, address, len, flags) })
}

/// # Safety
/// As for close(2).
#[inline]
pub(crate) unsafe fn close(fd: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    changes::close(fd, || unsafe { original::close::next(fd) })
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
        original::fclose::next(file)
    }
}

/// # Safety
/// As for close_range(2).
pub(crate) unsafe fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    close_all(first, last, flags)
}

/// Closes a range, by system call.
pub(super) fn close_all(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    match changes::close_range(first, last, flags, || kernel::close_range(first, last, flags)) {
        Ok(()) => 0,
        Err(error) => {
            errno::set(error);
            -1
        }
    }
}

/// # Safety
/// As for closefrom(3).
pub(crate) unsafe fn closefrom(first: c_int) {
    let first = first.max(0) as c_uint;
    forget_all(first, c_uint::MAX);
    if kernel::close_range(first, c_uint::MAX, 0).is_err() {
        // A kernel before 5.9: one by one, as far as descriptors can go.
        (first as c_int..kernel::most_descriptors()).for_each(kernel::close_as_asked);
    }
}

/// # Safety
/// As for dup(2).
#[inline]
pub(crate) unsafe fn dup(fd: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    copied(fd, unsafe { original::dup::next(fd) })
}

/// # Safety
/// As for dup2(2).
#[inline]
pub(crate) unsafe fn dup2(from: c_int, to: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    copy_to(from, to, || unsafe { original::dup2::next(from, to) })
}

/// # Safety
/// As for dup3(2).
#[inline]
pub(crate) unsafe fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    copy_to(from, to, || unsafe { original::dup3::next(from, to, flags) })
}

/// # Safety
/// As for fcntl(2). Every command takes at most one argument, which is passed on as a whole
/// register.
#[inline]
pub(crate) unsafe fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the program's own call, as it came.
    duplicated(fd, command, unsafe { original::fcntl::next(fd, command, argument) })
}

/// # Safety
/// As for fcntl(2).
#[inline]
pub(crate) unsafe fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the program's own call, as it came.
    duplicated(fd, command, unsafe { original::fcntl64::next(fd, command, argument) })
}

fn duplicated(from: c_int, command: c_int, answer: c_int) -> c_int {
    if is_copy(command) { copied(from, answer) } else { answer }
}

/// # Safety
/// As for setns(2).
pub(crate) unsafe fn setns(fd: c_int, kind: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    setns_by(|| unsafe { original::setns::next(fd, kind) })
}

/// Moves to another namespace by `original`, which is the program's call.
pub(super) fn setns_by(original: impl FnOnce() -> c_int) -> c_int {
    changes::enter_namespace(start::session().is_some(), original)
}

/// # Safety
/// As for unshare(2).
pub(crate) unsafe fn unshare(flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    unshare_by(flags, || unsafe { original::unshare::next(flags) })
}

/// Parts from what is shared by `original`, which is the program's call.
pub(super) fn unshare_by(flags: c_int, original: impl FnOnce() -> c_int) -> c_int {
    changes::unshare(flags, start::session().is_some(), original)
}
