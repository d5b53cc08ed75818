//! Calls on sockets.

use super::call::{Result, call};
use super::descriptors::{may_open, opened};
use super::mark::marked;
use crate::address::Storage;
use core::ffi::c_int;
use core::mem::{MaybeUninit, size_of};

/// getsockopt(2) for an option that is one machine word of type `T`.
pub fn getsockopt<T: Copy>(fd: c_int, level: c_int, name: c_int) -> Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `value` and the length to `len`.
    unsafe { call!(getsockopt, fd, level, name, value.as_mut_ptr(), &raw mut len)? };
    // SAFETY: `T` is a plain integer for every option we ask for; all zeroes is one, too.
    Ok(unsafe { value.assume_init() })
}

/// setsockopt(2) for an option that is one machine word.
pub fn setsockopt<T: Copy>(fd: c_int, level: c_int, name: c_int, value: T) -> Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of a value that lives here.
    unsafe { call!(setsockopt, marked(fd), level, name, &raw const value, size_of::<T>()).map(drop) }
}

/// getsockname(2) into a buffer; the length the kernel gave.
pub fn getsockname(fd: c_int, address: &mut Storage) -> Result<usize> {
    let mut len = size_of::<Storage>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `address` and the length to `len`.
    unsafe { call!(getsockname, fd, address as *mut Storage, &raw mut len)? };
    Ok(len as usize)
}

/// getpeername(2) into a buffer; the length the kernel gave.
pub fn getpeername(fd: c_int, address: &mut Storage) -> Result<usize> {
    let mut len = size_of::<Storage>() as libc::socklen_t;
    // SAFETY: as in `getsockname`.
    unsafe { call!(getpeername, fd, address as *mut Storage, &raw mut len)? };
    Ok(len as usize)
}

/// bind(2) to an address of ours.
pub fn bind(fd: c_int, address: &Storage, len: usize) -> Result<()> {
    debug_assert!(len <= size_of::<Storage>());
    // SAFETY: the kernel reads `len` bytes of a storage that is no shorter.
    unsafe { call!(bind, marked(fd), address as *const Storage, len).map(drop) }
}

/// connect(2) to an address of ours.
pub fn connect(fd: c_int, address: &Storage, len: usize) -> Result<()> {
    debug_assert!(len <= size_of::<Storage>());
    // SAFETY: the kernel reads `len` bytes of a storage that is no shorter.
    unsafe { call!(connect, marked(fd), address as *const Storage, len).map(drop) }
}

/// listen(2).
pub fn listen(fd: c_int, backlog: c_int) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { call!(listen, marked(fd), backlog).map(drop) }
}

/// socket(2), closed on exec.
pub fn socket(family: c_int, kind: c_int, protocol: c_int) -> Result<c_int> {
    may_open()?;
    // SAFETY: no memory is passed.
    opened(|| unsafe { call!(socket, family, kind | libc::SOCK_CLOEXEC, protocol) })
}

/// sendto(2) without an address.
pub fn send(fd: c_int, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads `bytes.len()` bytes.
    unsafe { call!(sendto, fd, bytes.as_ptr(), bytes.len(), 0, 0, 0) }
}

/// sendto(2) with MSG_FASTOPEN, to an address that is too short to be one: it can only fail.
pub fn send_fast_nowhere(fd: c_int) -> Result<usize> {
    let nowhere = 0u8;
    // SAFETY: the kernel reads no data, and the one byte of the address.
    unsafe { call!(sendto, marked(fd), 0, 0, libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL, &raw const nowhere, 1) }
}

/// recvfrom(2) without an address, of what is there already.
pub fn recv(fd: c_int, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(recvfrom, fd, bytes.as_mut_ptr(), bytes.len(), libc::MSG_DONTWAIT, 0, 0) }
}
