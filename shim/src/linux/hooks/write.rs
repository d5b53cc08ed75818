//! `write` and `writev`. On a datagram socket that is not connected they fail, and yet leave it
//! bound.

use super::send::{Destination, first};
use crate::linux::memory::is_readable;
use crate::linux::original;
use crate::linux::serve::Exit;
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use libc::iovec;
use portshim_mechanism::linux::known::fd_cache;

/// # Safety
/// As for write(2).
#[inline]
pub(crate) unsafe fn write(fd: c_int, bytes: *const c_void, len: usize) -> isize {
    // SAFETY: the program's own call, as it came.
    write_by(Exit::Library, fd, || unsafe { original::write::next(fd, bytes, len) })
}

/// # Safety
/// As for write(2).
#[inline]
pub(crate) unsafe fn __write(fd: c_int, bytes: *const c_void, len: usize) -> isize {
    // SAFETY: the program's own call, as it came.
    write_by(Exit::Library, fd, || unsafe { original::__write::next(fd, bytes, len) })
}

/// # Safety
/// As for writev(2).
#[inline]
pub(crate) unsafe fn writev(fd: c_int, vectors: *const iovec, count: c_int) -> isize {
    // SAFETY: the program's own call, as it came.
    writev_by(Exit::Library, fd, vectors, count, || unsafe { original::writev::next(fd, vectors, count) })
}

/// Writes by `original`, which is the program's call and leaves by `exit`.
#[inline]
pub(super) fn writev_by(
    exit: Exit,
    fd: c_int,
    vectors: *const iovec,
    count: c_int,
    original: impl Fn() -> isize,
) -> isize {
    // A list of vectors that cannot be read fails before the socket hears of it.
    let sound = || count == 0 || is_readable(vectors.cast::<c_void>(), size_of::<iovec>());
    if fd_cache::is_settled(fd) || !sound() { original() } else { write_by(exit, fd, original) }
}

/// The same of `write`. Most descriptors that are written to are files and connections: that is
/// found out at the first write.
#[inline]
pub(super) fn write_by(exit: Exit, fd: c_int, original: impl Fn() -> isize) -> isize {
    if fd_cache::is_settled(fd) { original() } else { first(exit, fd, 0, Destination::None, &original) }
}
