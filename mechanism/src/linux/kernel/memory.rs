//! Memory: mappings of our own, and what the kernel can read and write.

use super::call::{Result, call};
use super::process::process;
use super::{sandbox, valgrind};
use core::ffi::{c_int, c_void};
use core::sync::atomic::AtomicU64;

/// Maps `len` bytes, readable, writable and shared with children: of `fd`, or zeroes where there is
/// none.
pub fn map_shared(fd: Option<c_int>, len: usize) -> Result<*mut u8> {
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE | if fd.is_none() { libc::MAP_ANONYMOUS } else { 0 };
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    unsafe { call!(mmap, 0, len, protection, flags, fd.unwrap_or(-1) as isize, 0).map(|at| at as *mut u8) }
}

/// Maps `len` bytes of zeroes that are this process's alone, and those of who shares its memory.
pub fn map_private(len: usize) -> Result<*mut u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    unsafe { call!(mmap, 0, len, protection, flags, -1isize, 0).map(|at| at as *mut u8) }
}

/// Maps a page of zeroes that is this process's alone: in a forked child it is all zeroes again
/// (madvise(2), MADV_WIPEONFORK, since Linux 4.14).
pub fn map_wiped_on_fork() -> Result<*mut u8> {
    const PAGE: usize = 4096;
    let at = map_private(PAGE)?;
    // SAFETY: the page is ours; where the kernel does not know the advice, it goes unused.
    unsafe { call!(madvise, at, PAGE, libc::MADV_WIPEONFORK).map(|_| at) }
}

/// Undoes [`map_shared`] or [`map_private`].
///
/// # Safety
/// Nothing may refer to the mapping any more.
pub unsafe fn unmap(at: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    let _ = unsafe { call!(munmap, at, len) };
}

/// Tells whether the kernel can copy eight bytes from `at`, a multiple of eight.
pub fn can_copy_from(at: usize) -> bool {
    if valgrind::is_running() { can_read_own(at) } else { can_copy_set_from(at) }
}

/// process_vm_readv(2) of this very process: a call that valgrind hands on as it is.
#[cold]
fn can_read_own(at: usize) -> bool {
    let mut word = 0u64;
    let here = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: size_of::<u64>() };
    let there = libc::iovec { iov_base: at as *mut c_void, iov_len: size_of::<u64>() };
    // SAFETY: the kernel writes at most eight bytes to `word`.
    unsafe { call!(process_vm_readv, process(), &raw const here, 1, &raw const there, 1, 0) == Ok(size_of::<u64>()) }
}

/// rt_sigprocmask(2) copies its eight-byte set before it looks at an impossible `how`, so EINVAL
/// says yes and EFAULT says no.
fn can_copy_set_from(at: usize) -> bool {
    // SAFETY: the kernel copies the set itself, and an impossible `how` changes no mask.
    let result = unsafe { call!(rt_sigprocmask, c_int::MAX, at, 0, 8) };
    result == Err(libc::EINVAL)
}

/// Tells whether the kernel can write `word`, which stays as it is.
pub fn can_write(word: &AtomicU64) -> bool {
    can_write_at(word.as_ptr() as usize)
}

/// Tells whether the program's sandbox lets [`can_copy_from`] ask at all.
pub fn can_ask_what_is_readable() -> bool {
    let here = 0u64;
    !sandbox::is_on() || can_copy_from(&raw const here as usize)
}

/// Operation of futex(2), and what it is to do, that writes what was there before: an `or` with
/// nothing, and a comparison that there is none of, before which it ends (ENOSYS). Who waits there
/// goes on waiting. (MADV_POPULATE_WRITE is as good, since Linux 5.14.)
pub const WRITES_NOTHING: (c_int, c_int) =
    (libc::FUTEX_WAKE_OP | libc::FUTEX_PRIVATE_FLAG, libc::FUTEX_OP_OR << 28 | 0xf << 24);

/// Tells whether the kernel can write four bytes at a multiple of four; they stay as they are.
/// Where they lie in a file whose disk is full, or for which there is no memory, who touches them
/// is killed. The kernel says EFAULT.
pub fn can_write_at(at: usize) -> bool {
    let (operation, nothing) = WRITES_NOTHING;
    // SAFETY: the kernel changes nothing there, and says so where there is nothing to be changed.
    !matches!(unsafe { call!(futex, at, operation, 0, 0, at, nothing) }, Err(libc::EFAULT | sandbox::NOT_ASKED))
}
