//! A thread that brings the guest into programs: it waits until they have been executed, and the
//! server goes on meanwhile.

#[cfg(target_arch = "x86_64")]
use crate::inject::Injector;
use crate::listener::{Call, Listener};
use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// What the server has of it.
pub(crate) struct Bringer {
    programs: Sender<(Call, PathBuf)>,
    /// Address in programs of the word that switches the guest off there.
    switch: u64,
}

impl Bringer {
    /// Begins it. `None` where the guest is none.
    pub(crate) fn begin(guest: &'static [u8], listener: &Listener) -> io::Result<Option<Self>> {
        let Some(mut injector) = Injector::of(guest) else { return Ok(None) };
        let switch = injector.switch();
        let listener = Listener::from(listener.as_fd().try_clone_to_owned()?);
        let (programs, begun) = channel::<(Call, PathBuf)>();
        thread::Builder::new().spawn(move || {
            for (call, session) in begun {
                injector.execute(&listener, &call, &session);
            }
        })?;
        Ok(Some(Self { programs, switch }))
    }

    /// Takes over a call to execve(2) by a process that is under this session so far, and answers
    /// it. False where it does not.
    pub(crate) fn execute(&self, call: &Call, session: &Path) -> bool {
        self.programs.send((*call, session.to_owned())).is_ok()
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

/// Nobody: no guest is made for this machine.
#[cfg(not(target_arch = "x86_64"))]
enum Injector {}

#[cfg(not(target_arch = "x86_64"))]
impl Injector {
    fn of(_guest: &[u8]) -> Option<Self> {
        None
    }

    fn switch(&self) -> u64 {
        match *self {}
    }

    fn execute(&mut self, _listener: &Listener, _call: &Call, _session: &Path) {
        match *self {}
    }
}
