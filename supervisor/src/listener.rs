//! The kernel's side: a program is put under the filter, and its calls are received and answered.

use crate::calls::Way;
use crate::filter::{Rings, filter, without_rings};
use crate::thread::duplicate;
use libc::{seccomp_data, seccomp_notif, seccomp_notif_resp};
use portshim_policy::filter::Instruction;
use std::ffi::{c_int, c_long, c_ulong};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// SECCOMP_IOCTL_NOTIF_ID_VALID, linux/seccomp.h.
const STILL_WAITS: u64 = 0x4008_2102;
/// SECCOMP_IOCTL_NOTIF_SET_FLAGS and SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, since Linux 6.6.
const SET_FLAGS: u64 = 0x4008_2104;
const SYNC_WAKE_UP: c_ulong = 1;

/// SECCOMP_IOCTL_NOTIF_ADDFD, since Linux 5.9.
const ADD_FD: u64 = 0x4018_2103;

/// A listener is made, and once a call has been received, only a fatal signal ends its wait: else
/// a signal would have it begun anew after it has been served (Linux 5.19).
const FLAGS: c_ulong = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

/// `struct sock_fprog`, linux/filter.h.
#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

fn seccomp(operation: u32, flags: c_ulong, program: *const Program) -> io::Result<c_int> {
    // SAFETY: null, or a program whose instructions are there for the length of the call.
    answered(unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, program) })
}

fn answered(answer: c_long) -> io::Result<c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as c_int) }
}

/// Tells whether this kernel can tell of calls in a way that can be served.
///
/// # Errors
/// The kernel's: ENOSYS without seccomp, EINVAL before Linux 5.19.
pub fn can_listen() -> io::Result<()> {
    // It looks at the flags before it reads the program.
    match seccomp(libc::SECCOMP_SET_MODE_FILTER, FLAGS, std::ptr::null()) {
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EINVAL)),
    }
}

/// Puts this process, and all that come of it, under the filter for good. Gives the descriptor at
/// which it is told of, closed on exec. With `privileges`, programs may still gain some by being
/// executed; only who has CAP_SYS_ADMIN may ask for that.
///
/// # Errors
/// The kernel's: EBUSY where another supervisor listens already.
pub fn confine(privileges: bool, way: Way, rings: Rings) -> io::Result<c_int> {
    put_under(&filter(way, rings), privileges, FLAGS)
}

/// Has io_uring refused to this process, and to all that come of it, for good, and tells nobody of
/// anything. `privileges` as in [`confine`].
///
/// # Errors
/// The kernel's.
pub fn refuse_rings(privileges: bool) -> io::Result<()> {
    put_under(&without_rings(), privileges, 0).map(drop)
}

fn put_under(instructions: &[Instruction], privileges: bool, flags: c_ulong) -> io::Result<c_int> {
    if !privileges {
        // SAFETY: no memory is passed.
        answered(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    }
    let program = Program { len: instructions.len() as u16, instructions: instructions.as_ptr() };
    seccomp(libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
}

/// A call that waits for an answer.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) id: u64,
    /// The thread that made it, by its number here; 0 where it has none.
    pub(crate) thread: u32,
    pub(crate) arch: u32,
    pub(crate) number: u32,
    pub(crate) arguments: [u64; 6],
}

/// Answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The kernel carries it out.
    Continue,
    /// It returns this.
    Value(i64),
    /// It fails with this error.
    Error(c_int),
}

/// The descriptor at which calls are told of.
pub struct Listener(OwnedFd);

impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Self {
        let listener = Self(fd);
        // Without it all works, and takes three times as long.
        // SAFETY: the flags are passed by value.
        let _ = unsafe { libc::ioctl(listener.fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
        listener
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Listener {
    /// A listener of another process, by the descriptor that it has there.
    ///
    /// # Errors
    /// The kernel's: EPERM without the right to trace that process.
    pub fn of(process: BorrowedFd<'_>, fd: c_int) -> io::Result<Self> {
        duplicate(process, fd).map(Self::from)
    }

    fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Waits for a call. `None` where there is none after all: it was interrupted, or its thread
    /// has ended.
    pub(crate) fn receive(&self) -> Option<Call> {
        let data = seccomp_data { nr: 0, arch: 0, instruction_pointer: 0, args: [0; 6] };
        // The kernel wants it empty.
        let mut told = seccomp_notif { id: 0, pid: 0, flags: 0, data };
        // SAFETY: the kernel writes one `struct seccomp_notif`.
        let received = unsafe { libc::ioctl(self.fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut told) };
        let seccomp_notif { id, pid: thread, data, .. } = told;
        let number = data.nr.cast_unsigned();
        (received == 0).then_some(Call { id, thread, arch: data.arch, number, arguments: data.args })
    }

    /// Tells whether the call still waits: else its thread is gone, and the number may be
    /// another's.
    pub(crate) fn still_waits(&self, call: &Call) -> bool {
        // SAFETY: the kernel reads one number.
        unsafe { libc::ioctl(self.fd(), STILL_WAITS as _, &raw const call.id) == 0 }
    }

    /// Gives the thread a descriptor for what `fd` is here, closed on exec where that is said; the
    /// call still waits for its answer. Gives the number of it.
    ///
    /// # Errors
    /// The kernel's: EMFILE where the thread has as many as it may.
    pub(crate) fn give(&self, call: &Call, fd: BorrowedFd<'_>, closed_on_exec: bool) -> Result<c_int, c_int> {
        let newfd_flags = if closed_on_exec { libc::O_CLOEXEC as u32 } else { 0 };
        let srcfd = fd.as_raw_fd().cast_unsigned();
        let added = libc::seccomp_notif_addfd { id: call.id, flags: 0, srcfd, newfd: 0, newfd_flags };
        // SAFETY: the kernel reads one `struct seccomp_notif_addfd`.
        let given = unsafe { libc::ioctl(self.fd(), ADD_FD as _, &raw const added) };
        if given < 0 { Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EMFILE)) } else { Ok(given) }
    }

    /// Answers a call. One whose thread is gone needs no answer.
    pub(crate) fn answer(&self, call: &Call, reply: Reply) {
        let (val, error, flags) = match reply {
            Reply::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Reply::Value(value) => (value, 0, 0),
            Reply::Error(error) => (0, -error, 0),
        };
        let mut answer = seccomp_notif_resp { id: call.id, val, error, flags };
        // SAFETY: the kernel reads one `struct seccomp_notif_resp`.
        let _ = unsafe { libc::ioctl(self.fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut answer) };
    }
}
