//! An end to waits: a signal that interrupts a thread's system call after some time.

use std::ffi::c_int;
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::ptr;
use std::time::{Duration, Instant};

/// The signal. Nobody else sends it to this process.
const SIGNAL: c_int = libc::SIGALRM;
/// Once it is time, it comes this often: a thread that was just about to wait has not heard it.
const AGAIN: Duration = Duration::from_millis(50);

/// A timer of the thread that made it.
pub(crate) struct Alarm {
    timer: libc::timer_t,
}

impl Alarm {
    /// One for this thread.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn of_this_thread() -> io::Result<Self> {
        extern "C" fn interrupt(_: c_int) {}
        let handler: extern "C" fn(c_int) = interrupt;
        let mut timer = MaybeUninit::uninit();
        // SAFETY: all zeroes is an action, a set and an event; the handler does nothing; each is
        // there for the length of its call.
        let made = unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = handler as usize;
            let mut set: libc::sigset_t = zeroed();
            libc::sigaddset(&raw mut set, SIGNAL);
            libc::sigaction(SIGNAL, &raw const action, ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
            let mut event: libc::sigevent = zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = SIGNAL;
            event.sigev_notify_thread_id = libc::gettid();
            libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, timer.as_mut_ptr())
        };
        if made != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has made it.
        Ok(Self { timer: unsafe { timer.assume_init() } })
    }

    /// Does something that may wait. It is interrupted after that time, and asks then whether it
    /// may wait on.
    pub(super) fn within<T>(&self, time: Duration, work: impl FnOnce(&dyn Fn() -> bool) -> T) -> T {
        let end = Instant::now() + time;
        self.set(time, AGAIN);
        let done = work(&|| Instant::now() < end);
        self.set(Duration::ZERO, Duration::ZERO);
        done
    }

    fn set(&self, first: Duration, then: Duration) {
        let time =
            |of: Duration| libc::timespec { tv_sec: of.as_secs().cast_signed(), tv_nsec: i64::from(of.subsec_nanos()) };
        let times = libc::itimerspec { it_value: time(first), it_interval: time(then) };
        // SAFETY: the timer was made here, and the kernel reads two times.
        unsafe { libc::timer_settime(self.timer, 0, &raw const times, ptr::null_mut()) };
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // SAFETY: it was made here, and nobody uses it any more.
        unsafe { libc::timer_delete(self.timer) };
    }
}
