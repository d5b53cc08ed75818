//! Threads that bring the guest into programs. They wait until those have been executed, and the
//! server goes on meanwhile; nor does one wait for another.

use crate::descriptors;
#[cfg(target_arch = "x86_64")]
use crate::inject::{Alarm, Injector};
use crate::listener::{Call, Listener};
use crate::no_guest::NoGuest;
use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// A call to execve(2), and the session that its process is under so far.
type Job = (Call, PathBuf);

/// What the server has of them.
pub(crate) struct Bringer {
    threads: Arc<Threads>,
    /// Address in programs of the word that switches the guest off there.
    switch: u64,
}

/// Time after which a thread ends that has nothing to do.
const IDLE: Duration = Duration::from_secs(10);

/// What the threads have in common.
struct Threads {
    injector: Injector,
    listener: Listener,
    /// Those that have nothing to do, each with its identity.
    idle: Mutex<Vec<(ThreadId, Sender<Job>)>>,
    number: AtomicUsize,
    most: usize,
}

impl Bringer {
    /// Makes ready for it. `None` where the guest is none.
    pub(crate) fn begin(guest: &'static [u8], listener: &Listener) -> io::Result<Option<Self>> {
        let Some(injector) = Injector::of(guest) else { return Ok(None) };
        let switch = injector.switch();
        let listener = Listener::from(listener.as_fd().try_clone_to_owned()?);
        let threads = Threads {
            injector,
            listener,
            idle: Mutex::new(Vec::new()),
            number: AtomicUsize::new(0),
            most: descriptors::bringers(),
        };
        Ok(Some(Self { threads: Arc::new(threads), switch }))
    }

    /// Takes over a call to execve(2) by a process that is under this session so far, and answers
    /// it. False where it does not.
    pub(crate) fn execute(&self, call: &Call, session: &Path) -> bool {
        let job = (*call, session.to_owned());
        let idle = self.threads.idle().pop();
        match idle {
            Some((_, thread)) => thread.send(job).is_ok(),
            None => self.threads.add(job),
        }
    }

    /// Switches the guest off in a process, if it is there. The program is about to forbid itself
    /// calls, and the guest does not know which.
    pub(crate) fn retire(&self, thread: u32) {
        let mut word = 1u64;
        let here = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: size_of::<u64>() };
        let there = libc::iovec { iov_base: self.switch as *mut c_void, iov_len: size_of::<u64>() };
        // SAFETY: the kernel reads eight bytes here; the other place is the guest's, where anything
        // is mapped.
        let _ = unsafe { libc::process_vm_writev(thread.cast_signed(), &raw const here, 1, &raw const there, 1, 0) };
    }
}

impl Threads {
    fn idle(&self) -> MutexGuard<'_, Vec<(ThreadId, Sender<Job>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for another job. `None` where none comes, and this thread is not known as idle any
    /// more.
    fn another(&self, jobs: &Receiver<Job>) -> Option<Job> {
        if let Ok(job) = jobs.recv_timeout(IDLE) {
            return Some(job);
        }
        let mut idle = self.idle();
        let before = idle.len();
        idle.retain(|(thread, _)| *thread != thread::current().id());
        let is_taken = idle.len() == before;
        drop(idle);
        // Who has just taken it sends a job.
        if is_taken { jobs.recv().ok() } else { None }
    }

    /// Begins another one with this. False where there are enough.
    fn add(self: &Arc<Self>, first: Job) -> bool {
        if self.number.fetch_add(1, Relaxed) < self.most {
            let all = Arc::clone(self);
            let begun = thread::Builder::new().spawn(move || {
                let (sender, jobs) = channel();
                let mut next = Some(first);
                // Without an alarm, it could wait for ever.
                let alarm = Alarm::of_this_thread().ok();
                while let Some((call, session)) = next.take() {
                    let Some(alarm) = &alarm else {
                        all.listener.answer(&call, crate::listener::Reply::Continue);
                        break;
                    };
                    if !all.injector.execute(alarm, &all.listener, &call, &session) {
                        break;
                    }
                    all.idle().push((thread::current().id(), sender.clone()));
                    next = all.another(&jobs);
                }
                all.number.fetch_sub(1, Relaxed);
            });
            if begun.is_ok() {
                return true;
            }
        }
        self.number.fetch_sub(1, Relaxed);
        false
    }
}

/// What keeps the guest out of the program of this file, where a process is to become that which is
/// under no filter of its own nor a limit on its memory. `None` where nothing does.
#[must_use]
pub fn keeps_guest_out(program: &Path) -> Option<NoGuest> {
    Injector::look(program).err()
}

/// Nobody: no guest is made for this machine.
#[cfg(not(target_arch = "x86_64"))]
enum Injector {}

#[cfg(not(target_arch = "x86_64"))]
impl Injector {
    fn of(_guest: &[u8]) -> Option<Self> {
        None
    }

    fn look(_path: &Path) -> Result<(), NoGuest> {
        Err(NoGuest::Machine)
    }

    fn switch(&self) -> u64 {
        match *self {}
    }

    fn execute(&self, _alarm: &Alarm, _listener: &Listener, _call: &Call, _session: &Path) -> bool {
        match *self {}
    }
}

#[cfg(not(target_arch = "x86_64"))]
struct Alarm;

#[cfg(not(target_arch = "x86_64"))]
impl Alarm {
    fn of_this_thread() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
