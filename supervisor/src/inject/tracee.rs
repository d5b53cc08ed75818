//! A process that is about to begin a program: stopped in the midst of exec (ptrace(2)), its
//! memory and its registers.

use crate::client::field;
use libc::{pid_t, user_regs_struct};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr;

/// Tells a thread whose wait has been interrupted whether it may wait on.
type May<'a> = &'a dyn Fn() -> bool;

/// A process that this thread traces, and that stands still.
pub(super) struct Tracee<'a> {
    process: pid_t,
    memory: File,
    /// How long it may run.
    may: May<'a>,
    /// SIGSTOP has come, which nothing holds back, and has been put off.
    stops: Cell<bool>,
}

/// Traces a thread: this does not disturb it.
///
/// # Errors
/// The kernel's: EPERM where it is traced already.
pub(super) fn seize(thread: pid_t) -> io::Result<()> {
    trace(libc::PTRACE_SEIZE, thread, 0, libc::PTRACE_O_TRACEEXEC as usize)
}

/// Has a thread that is traced stop as soon as it has become another program, or has failed to. In
/// the call that it waits in, nothing but death disturbs it.
///
/// # Errors
/// The kernel's.
pub(super) fn interrupt(thread: pid_t) -> io::Result<()> {
    trace(libc::PTRACE_INTERRUPT, thread, 0, 0)
}

/// Waits until the thread that this one has seized has become another program, which has not begun.
/// `None` where it has failed to, is gone, or takes longer than it may.
pub(super) fn program(may: May<'_>) -> Option<Tracee<'_>> {
    let (process, status) = wait(may).ok()?;
    if status >> 16 == libc::PTRACE_EVENT_EXEC
        && let Ok(memory) = File::options().read(true).write(true).open(format!("/proc/{process}/mem"))
    {
        return Some(Tracee { process, memory, may, stops: Cell::new(false) });
    }
    let signal = if status >> 16 == 0 { libc::WSTOPSIG(status) } else { 0 };
    let _ = trace(libc::PTRACE_DETACH, process, 0, signal as usize);
    None
}

/// Tells whether this thread traces anything: what has ended, too, as long as nobody has asked how.
pub(super) fn is_tracing() -> bool {
    look(libc::WEXITED | libc::WSTOPPED | libc::WNOHANG).is_ok()
}

/// Looks at what this thread traces, and changes nothing: a process, and whether it stands still.
///
/// # Errors
/// The kernel's: ECHILD where there is none, EINTR.
fn look(how: c_int) -> io::Result<(pid_t, bool)> {
    // SAFETY: all zeroes is a valid record of no event.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let how = how | libc::WNOWAIT | libc::__WALL | libc::__WNOTHREAD;
    // SAFETY: the kernel writes one record.
    if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, how) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let stands = matches!(info.si_code, libc::CLD_TRAPPED | libc::CLD_STOPPED);
    // SAFETY: waitid(2) fills this in.
    Ok((unsafe { info.si_pid() }, stands))
}

/// Waits for a stop of what this thread traces.
///
/// # Errors
/// `Interrupted` where it may wait no longer; another where that has ended: how is for others to
/// ask.
fn wait(may: May<'_>) -> io::Result<(pid_t, c_int)> {
    let (process, stands) = loop {
        match look(libc::WEXITED | libc::WSTOPPED) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && may() => {}
            looked => break looked?,
        }
    };
    let mut status = 0;
    let how = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
    // SAFETY: the kernel writes one number.
    let waited = stands.then(|| unsafe { libc::waitpid(process, &raw mut status, how) });
    let stopped = waited == Some(process) && libc::WIFSTOPPED(status);
    if stopped { Ok((process, status)) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

impl Tracee<'_> {
    pub(super) fn process(&self) -> u32 {
        self.process.cast_unsigned()
    }

    pub(super) fn registers(&self) -> io::Result<user_regs_struct> {
        // SAFETY: all zeroes are registers.
        let mut registers: user_regs_struct = unsafe { std::mem::zeroed() };
        trace(libc::PTRACE_GETREGS, self.process, 0, &raw mut registers as usize)?;
        Ok(registers)
    }

    pub(super) fn set_registers(&self, registers: &user_regs_struct) -> io::Result<()> {
        trace(libc::PTRACE_SETREGS, self.process, 0, ptr::from_ref(registers) as usize)
    }

    pub(super) fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.memory.read_exact_at(bytes, at)
    }

    /// Tells whether these bytes stand there in its memory.
    pub(super) fn has(&self, at: u64, bytes: &[u8]) -> bool {
        let mut found = vec![0; bytes.len()];
        self.read(at, &mut found).is_ok() && found == bytes
    }

    /// Reads its memory as far as there is any.
    pub(super) fn read_some(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        self.memory.read_at(bytes, at)
    }

    /// Writes its memory, be it writable to itself or not.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.memory.write_all_at(bytes, at)
    }

    /// Lets it run from these registers to the next breakpoint; the registers there. Signals are to
    /// be held back.
    ///
    /// # Errors
    /// `Interrupted` where it does not get there, or takes longer than it may: it stands still
    /// somewhere.
    pub(super) fn run(&self, from: &user_regs_struct) -> io::Result<user_regs_struct> {
        self.set_registers(from)?;
        loop {
            trace(libc::PTRACE_CONT, self.process, 0, 0)?;
            let waited = wait(self.may).inspect_err(|error| {
                if error.kind() == io::ErrorKind::Interrupted {
                    self.halt();
                }
            });
            let (_, status) = waited?;
            match (status >> 16, libc::WSTOPSIG(status)) {
                (0, libc::SIGTRAP) => return self.registers(),
                (0, libc::SIGSTOP) => self.stops.set(true),
                // What was asked for to see exec fail, or a group that stops: both can wait.
                (libc::PTRACE_EVENT_STOP, _) => {}
                _ => return Err(io::ErrorKind::Interrupted.into()),
            }
        }
    }

    /// Has it stand still wherever it is. A call that the kernel does not break off is waited for.
    fn halt(&self) {
        let _ = interrupt(self.process);
        // Somebody else may have been told of the stop. The alarm goes on.
        while self.registers().is_err() {
            match wait(&|| false) {
                Ok((_, status)) if status >> 16 == 0 && libc::WSTOPSIG(status) == libc::SIGSTOP => self.stops.set(true),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                _ => {}
            }
        }
        if self.stops.take() && !self.continues() {
            // SAFETY: no memory is passed.
            unsafe { libc::kill(self.process, libc::SIGSTOP) };
        }
    }

    /// Tells whether a SIGCONT waits for it: that has come after every SIGSTOP.
    fn continues(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        ["SigPnd:", "ShdPnd:"].into_iter().any(|name| {
            let waiting = field(&status, name).and_then(|signals| u64::from_str_radix(signals, 16).ok());
            waiting.is_some_and(|signals| signals >> (libc::SIGCONT - 1) & 1 == 1)
        })
    }

    /// The signals that it holds back.
    pub(super) fn mask(&self) -> io::Result<u64> {
        let mut mask = 0u64;
        trace(libc::PTRACE_GETSIGMASK, self.process, 8, &raw mut mask as usize)?;
        Ok(mask)
    }

    pub(super) fn set_mask(&self, mask: u64) -> io::Result<()> {
        trace(libc::PTRACE_SETSIGMASK, self.process, 8, &raw const mask as usize)
    }
}

impl Drop for Tracee<'_> {
    /// Lets it go, with the SIGSTOP that has been put off: the kernel drops that if a SIGCONT comes
    /// from now on.
    fn drop(&mut self) {
        let stops = self.stops.get() && !self.continues();
        let signal = if stops { libc::SIGSTOP } else { 0 };
        let _ = trace(libc::PTRACE_DETACH, self.process, 0, signal as usize);
    }
}

fn trace(request: libc::c_uint, process: pid_t, at: usize, data: usize) -> io::Result<()> {
    // SAFETY: where the kernel writes, callers pass the place of something as long as that.
    let answer: c_long = unsafe { libc::ptrace(request, process, at as *mut c_void, data as *mut c_void) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
