//! Descriptors: opened, closed, and the files behind them.

use super::call::{Result, call, own};
use super::sandbox;
use super::signals::{hold_signals, keep_signals};
use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;

/// Tells whether a descriptor of ours could be closed again.
pub(super) fn may_open() -> Result<()> {
    const ANY: usize = 64;
    if !sandbox::is_on() || sandbox::allows(syscalls::Sysno::close, [ANY, 0, 0, 0, 0, 0]) {
        Ok(())
    } else {
        Err(sandbox::NOT_ASKED)
    }
}

/// A descriptor of ours. Where the program has reached its limit of them (RLIMIT_NOFILE), it is
/// opened beyond that.
pub(super) fn opened(open: impl Fn() -> Result<usize>) -> Result<c_int> {
    match open() {
        Err(libc::EMFILE) => opened_beyond_limit(open),
        opened => opened,
    }
    .map(|fd| fd as c_int)
}

/// Raises the limit for the time of opening one descriptor, as far as the hard limit allows: what
/// is open stays open.
#[cold]
fn opened_beyond_limit(open: impl Fn() -> Result<usize>) -> Result<usize> {
    const TRIES: u32 = 8;
    let mut answer = Err(libc::EMFILE);
    // A jump out of a signal handler must not leave it raised.
    let held = hold_signals();
    for _ in 0..TRIES {
        let Ok([soft, hard]) = descriptor_limit(None) else { break };
        // Where there is nothing to be raised, another thread may be about to lower it again.
        let raised = soft < hard && descriptor_limit(Some([hard, hard])).is_ok();
        answer = open();
        if raised
            && let Ok(now) = descriptor_limit(Some([soft, hard]))
            && now != [hard, hard]
        {
            // The program itself has changed it meanwhile, or another thread has put it back.
            let _ = descriptor_limit(Some(now));
        }
        if answer != Err(libc::EMFILE) {
            break;
        }
    }
    keep_signals(held);
    answer
}

/// The limit of descriptors, soft and hard, as it was before it is set.
fn descriptor_limit(to: Option<[u64; 2]>) -> Result<[u64; 2]> {
    let mut before = [0u64; 2];
    let to = to.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the kernel reads one `struct rlimit64`, or none, and writes another.
    unsafe { call!(prlimit64, 0, libc::RLIMIT_NOFILE, to, before.as_mut_ptr())? };
    Ok(before)
}

/// close(2) of a descriptor of ours.
pub fn close(fd: c_int) {
    // SAFETY: no memory is passed; every caller closes what it opened itself.
    let _ = unsafe { call!(close, fd) };
}

/// The program's own close(2).
pub fn close_as_asked(fd: c_int) {
    // SAFETY: no memory is passed; the program wants it closed.
    let _ = unsafe { own!(close, fd) };
}

/// The program's own close_range(2).
pub fn close_range(first: u32, last: u32, flags: c_int) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { own!(close_range, first, last, flags).map(drop) }
}

/// One more than the largest descriptor can be, by prlimit(2).
pub fn most_descriptors() -> c_int {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one limit.
    let _ = unsafe { call!(prlimit64, 0, libc::RLIMIT_NOFILE, 0, &raw mut limit) };
    limit.rlim_cur.min(c_int::MAX as u64) as c_int
}

/// open(2) of an existing file, closed on exec.
pub fn open(path: &CStr, flags: c_int) -> Result<c_int> {
    may_open()?;
    // SAFETY: the path ends in a NUL.
    opened(|| unsafe { call!(openat, libc::AT_FDCWD, path.as_ptr(), flags | libc::O_CLOEXEC, 0) })
}

/// read(2).
pub fn read(fd: c_int, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(read, fd, bytes.as_mut_ptr(), bytes.len()) }
}

/// readlink(2).
pub fn readlink(path: &CStr, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the path ends in a NUL; the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(readlinkat, libc::AT_FDCWD, path.as_ptr(), bytes.as_mut_ptr(), bytes.len()) }
}

/// getcwd(2): the length of the path, without its NUL.
pub fn current_folder(bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(getcwd, bytes.as_mut_ptr(), bytes.len()).map(|len| len - 1) }
}

/// fstat(2).
pub fn stat(fd: c_int) -> Result<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the kernel writes one `struct stat`, which is all integers.
    unsafe {
        call!(fstat, fd, stat.as_mut_ptr())?;
        Ok(stat.assume_init())
    }
}

/// Size and owner of an open file.
pub fn size_and_owner(fd: c_int) -> Result<(u64, u32)> {
    stat(fd).map(|stat| (stat.st_size as u64, stat.st_uid))
}

/// The inode of a file, by stat(2).
pub fn inode(path: &CStr) -> Result<u64> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path ends in a NUL; the kernel writes one `struct stat`, which is all integers.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        call!(newfstatat, libc::AT_FDCWD, path.as_ptr(), stat.as_mut_ptr(), 0)?;
        // The same call; the crate has another name for it there.
        #[cfg(target_arch = "aarch64")]
        call!(fstatat, libc::AT_FDCWD, path.as_ptr(), stat.as_mut_ptr(), 0)?;
        Ok(stat.assume_init().st_ino)
    }
}

/// fcntl(2), F_GETFL.
pub fn status_flags(fd: c_int) -> Result<usize> {
    // SAFETY: no memory is passed.
    unsafe { call!(fcntl, fd, libc::F_GETFL, 0) }
}

/// fcntl(2), F_SETFL.
pub fn set_status_flags(fd: c_int, flags: usize) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { call!(fcntl, fd, libc::F_SETFL, flags).map(drop) }
}

/// The program's own execveat(2), which only comes back with an error.
///
/// # Safety
/// As for execveat(2).
pub unsafe fn execveat(
    fd: c_int,
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: as the caller promises.
    match unsafe { own!(execveat, fd, path, argv, envp, flags) } {
        Err(error) => error,
        Ok(_) => 0,
    }
}

/// Time that ppoll(2) waits: none.
#[cfg(target_arch = "aarch64")]
static AT_ONCE: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

/// Writes one line to standard error, where that can take it at once: nobody waits for it, and no
/// signal comes of it.
pub fn write_stderr(line: &[u8]) {
    let mut ready = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    let held = hold_signals();
    // SAFETY: the kernel reads and writes one pollfd, and reads `line`.
    unsafe {
        // A pipe that nobody reads is no place to write to: SIGPIPE would be waiting for the
        // program.
        #[cfg(target_arch = "x86_64")]
        let polled = call!(poll, &raw mut ready, 1, 0);
        #[cfg(target_arch = "aarch64")]
        let polled = call!(ppoll, &raw mut ready, 1, &raw const AT_ONCE, 0, 0);
        if polled == Ok(1) && ready.revents == libc::POLLOUT {
            let _ = call!(write, libc::STDERR_FILENO, line.as_ptr(), line.len());
        }
    }
    keep_signals(held);
}
