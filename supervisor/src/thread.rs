//! A thread that is served: its descriptors and its memory.

use portshim_mechanism::linux::socket::address::Address;
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// PIDFD_THREAD, linux/pidfd.h, since Linux 6.9.
const PIDFD_THREAD: c_int = libc::O_EXCL;

/// The longest address of any kind that the kernel copies.
const LONGEST: usize = size_of::<libc::sockaddr_storage>();

/// A thread, or where the kernel cannot tell threads apart, its process.
pub(crate) struct Thread {
    number: u32,
    fd: OwnedFd,
    /// The process that `fd` stands for, where it does not stand for the thread alone.
    process: Option<u32>,
}

impl Thread {
    /// The thread of this number, which belongs to `process`.
    pub(crate) fn open(number: u32, process: u32) -> io::Result<Self> {
        match open(number, PIDFD_THREAD) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Self::of_process(number, process),
            opened => Ok(Self { number, fd: opened?, process: None }),
        }
    }

    /// The same by its process, before Linux 6.9.
    fn of_process(number: u32, process: u32) -> io::Result<Self> {
        Ok(Self { number, fd: open(process, 0)?, process: Some(process).filter(|process| *process != number) })
    }

    /// Tells whether its descriptors can be had of nobody else, whoever has its number.
    pub(crate) fn is_known_by_itself(&self) -> bool {
        self.process.is_none()
    }

    /// Tells whether it still is a thread of this process.
    pub(crate) fn is_of(&self, process: u32) -> bool {
        let mut event = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let (process, thread) = (process.cast_signed(), self.number.cast_signed());
        // SAFETY: the kernel writes to one `struct pollfd`; the signal 0 is sent to nobody.
        unsafe {
            // It can be read once it has ended. Where it stands for the process, its number may be
            // another's by now.
            libc::poll(&raw mut event, 1, 0) == 0
                && (libc::syscall(libc::SYS_tgkill, process, thread, 0) == 0
                    || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM))
        }
    }

    /// A descriptor of ours for what the thread has as `fd`.
    ///
    /// # Errors
    /// The kernel's: ESRCH where the thread has ended. EXDEV where it has descriptors of its own,
    /// which are not to be had.
    pub(crate) fn duplicate(&self, fd: c_int) -> io::Result<OwnedFd> {
        if let Some(process) = self.process {
            shares_descriptors(process, self.number)?;
        }
        duplicate(self.fd.as_fd(), fd)
    }

    /// Fills `bytes` with what the thread has in memory at `at`; whether all of it can be read.
    pub(crate) fn reads(&self, at: u64, bytes: &mut [u8]) -> bool {
        self.read(at, bytes) == Ok(bytes.len())
    }

    /// Reads at most so many bytes of the thread's memory.
    ///
    /// # Errors
    /// The kernel's number: EPERM without the right to trace it.
    pub(crate) fn read(&self, at: u64, bytes: &mut [u8]) -> Result<usize, c_int> {
        let here = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let there = libc::iovec { iov_base: at as *mut c_void, iov_len: bytes.len() };
        // SAFETY: the kernel writes at most `bytes.len()` bytes there; `there` is the other's.
        let read =
            unsafe { libc::process_vm_readv(self.number.cast_signed(), &raw const here, 1, &raw const there, 1, 0) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error().raw_os_error().unwrap_or(libc::EFAULT))
    }

    /// A copy of an address, or `None` where the kernel would refuse to copy it.
    pub(crate) fn address(&self, at: u64, len: u64) -> Option<Address> {
        let len = usize::try_from(len as u32).ok().filter(|len| (2..=LONGEST).contains(len))?;
        let mut bytes = [0; LONGEST];
        if !self.reads(at, &mut bytes[..len]) {
            return None;
        }
        bytes.first_chunk().map(|bytes| Address::of_bytes(bytes, len))
    }

    /// A word of the thread's memory.
    pub(crate) fn word(&self, at: u64, wide: bool) -> Option<u64> {
        let mut bytes = [0; 8];
        self.reads(at, if wide { &mut bytes } else { &mut bytes[..4] }).then(|| u64::from_le_bytes(bytes))
    }
}

/// Finds out whether a thread is one of this process, and has the descriptors of its first thread.
///
/// # Errors
/// ESRCH where it is none of this process, EXDEV where it has descriptors of its own.
fn shares_descriptors(process: u32, thread: u32) -> io::Result<()> {
    /// KCMP_FILES, linux/kcmp.h.
    const FILES: c_int = 2;
    let (process, thread) = (process.cast_signed(), thread.cast_signed());
    // SAFETY: no memory is passed, and the signal 0 is sent to nobody.
    if unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) } < 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ESRCH) {
            return Err(error);
        }
    }
    // SAFETY: no memory is passed.
    let differ = unsafe { libc::syscall(libc::SYS_kcmp, process, thread, FILES, 0, 0) };
    // Where the kernel cannot tell, they hardly ever do.
    if differ > 0 { Err(io::Error::from_raw_os_error(libc::EXDEV)) } else { Ok(()) }
}

/// Tells whether descriptors of other processes can be had at all, be they one's own.
///
/// # Errors
/// The kernel's: EPERM where a filter refuses it, as container runtimes do.
pub fn can_look() -> io::Result<()> {
    let own = open(std::process::id(), 0)?;
    duplicate(own.as_fd(), own.as_raw_fd()).map(drop)
}

fn open(process: u32, flags: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, flags) };
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(owned(fd as c_int)) }
}

/// A descriptor of ours for what a process has as `fd`; it is closed on exec.
pub(crate) fn duplicate(process: BorrowedFd<'_>, fd: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) };
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(owned(fd as c_int)) }
}

/// A descriptor that the kernel has just given.
fn owned(fd: c_int) -> OwnedFd {
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{JoinHandle, spawn};

    /// A thread that goes on until the second is dropped, after it has done this; its number.
    fn begun(first: fn()) -> (u32, Sender<()>, JoinHandle<()>) {
        let ((tell, told), (end, ends)): (_, (Sender<()>, Receiver<()>)) = (channel(), channel());
        let thread = spawn(move || {
            first();
            // SAFETY: no memory is passed.
            tell.send(unsafe { libc::gettid() }.cast_unsigned()).expect("it is waited for");
            let _ = ends.recv();
        });
        (told.recv().expect("it has begun"), end, thread)
    }

    #[test]
    fn a_thread_that_is_known_by_its_process_is_told_from_the_next_of_its_number() {
        let (number, end, thread) = begun(|| ());
        let known = Thread::of_process(number, std::process::id()).expect("it runs");
        assert!(known.duplicate(1).is_ok());
        drop(end);
        thread.join().expect("it has ended");
        // The kernel knows its number for a moment more.
        while known.duplicate(1).is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(known.duplicate(1).map_err(|error| error.raw_os_error()).err(), Some(Some(libc::ESRCH)));
    }

    #[test]
    fn descriptors_of_a_thread_alone_are_not_taken_for_those_of_its_process() {
        let (number, end, thread) = begun(|| {
            // SAFETY: no memory is passed, and nobody has looked at this thread's descriptors yet.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_FILES) }, 0);
        });
        let known = Thread::of_process(number, std::process::id()).expect("it runs");
        assert_eq!(known.duplicate(1).map_err(|error| error.raw_os_error()).err(), Some(Some(libc::EXDEV)));
        drop(end);
        thread.join().expect("it has ended");
    }
}
