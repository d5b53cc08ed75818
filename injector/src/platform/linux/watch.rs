//! Stays with a program until it ends, and passes signals on to it.

use super::launch::{call, failure};
use crate::coverage::Program;
use crate::environment::Environment;
use crate::failure::Failure;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, sigaction, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getsid};
use std::ffi::{CString, OsString, c_char};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::ptr;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this status.
    Exited(u8),
    /// By the signal of this number and name.
    Killed(u8, &'static str),
}

impl Ended {
    /// The status to exit with: a shell's convention is 128 and the signal's number.
    pub(crate) fn status(self) -> u32 {
        match self {
            Self::Exited(status) => status.into(),
            Self::Killed(signal, _) => 128 + u32::from(signal),
        }
    }

    /// The program's exit status, and the name of the signal that ended it: one of both.
    pub(crate) fn told(self) -> (Option<u32>, Option<&'static str>) {
        match self {
            Self::Exited(status) => (Some(status.into()), None),
            Self::Killed(_, signal) => (None, Some(signal)),
        }
    }
}

/// How long the program is left alone, in milliseconds: the ring of events holds some thousands, and
/// should not fill up in between.
const INTERVAL: u8 = 20;

/// The signals that are not meant for the program: what this process is told of its own. What a fault of its own brings
/// upon it ends it although it waits for that signal.
const OWN: [Signal; 4] = [Signal::SIGPIPE, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGXFSZ];

/// Those that a terminal sends to every process of its foreground group.
const OF_A_TERMINAL: [libc::c_int; 4] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGWINCH];
/// Those that it sends, when it hangs up, to the leader of its session alone (`__tty_hangup` in tty_io.c).
const OF_A_HANGUP: [libc::c_int; 2] = [libc::SIGHUP, libc::SIGCONT];

/// Starts the program, waits for its end, and calls `meanwhile`, if there is one, every now and then.
pub(crate) fn watch_program(
    program: &Program,
    arguments: &[OsString],
    environment: &Environment,
    meanwhile: Option<&mut dyn FnMut()>,
) -> Result<Ended, Failure> {
    environment.assume();
    let mut waited = SigSet::all();
    OWN.into_iter().for_each(|signal| waited.remove(signal));
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&waited), Some(&mut before))
        .and_then(|()| SignalFd::with_flags(&waited, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
        .and_then(|signals| {
            reap_children()?;
            let child = spawn(program, arguments, &before)?;
            outlive_full_files()?;
            wait(child, &signals, meanwhile)
        })
        .map_err(|errno| failure(program, errno))
}

/// Where SIGCHLD was ignored, no exit status could be had.
fn reap_children() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed, so nothing runs that could disturb anything.
    unsafe { sigaction(Signal::SIGCHLD, &default) }.map(drop)
}

/// A log that grows beyond the caller's limit is an error to report, not the end of this process: the program
/// would be left behind.
fn outlive_full_files() -> nix::Result<()> {
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed, so nothing runs that could disturb anything.
    unsafe { sigaction(Signal::SIGXFSZ, &ignored) }.map(drop)
}

/// Begins the program in a child, with the signal mask that this process was started with.
fn spawn(program: &Program, arguments: &[OsString], mask: &SigSet) -> nix::Result<Pid> {
    let (path, argv) = call(program, arguments);
    let mut argv: Vec<*mut c_char> = argv.iter().map(|a: &CString| a.as_ptr().cast_mut()).collect::<Vec<_>>();
    argv.push(ptr::null_mut());
    let mut attributes = MaybeUninit::uninit();
    let mut pid = 0;
    // SAFETY: `environ` belongs to the C library and is only changed by this one thread; the attributes
    // are initialised before use and destroyed after it; path and argv end in NUL and NULL, and their
    // strings outlive the call.
    let error = unsafe {
        libc::posix_spawnattr_init(attributes.as_mut_ptr());
        libc::posix_spawnattr_setsigmask(attributes.as_mut_ptr(), mask.as_ref());
        libc::posix_spawnattr_setflags(attributes.as_mut_ptr(), libc::POSIX_SPAWN_SETSIGMASK as _);
        let error = libc::posix_spawn(
            &mut pid,
            path.as_ptr(),
            ptr::null(),
            attributes.as_ptr(),
            argv.as_ptr(),
            environ.cast_const(),
        );
        libc::posix_spawnattr_destroy(attributes.as_mut_ptr());
        error
    };
    if error == 0 { Ok(Pid::from_raw(pid)) } else { Err(Errno::from_raw(error)) }
}

unsafe extern "C" {
    static environ: *mut *mut c_char;
}

fn wait(child: Pid, signals: &SignalFd, mut meanwhile: Option<&mut dyn FnMut()>) -> nix::Result<Ended> {
    let pause = if meanwhile.is_some() { PollTimeout::from(INTERVAL) } else { PollTimeout::NONE };
    loop {
        let info = match signals.read_signal() {
            Ok(Some(info)) => info,
            Ok(None) => {
                if let Some(meanwhile) = &mut meanwhile {
                    meanwhile();
                }
                match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], pause) {
                    Ok(_) | Err(Errno::EINTR) => continue,
                    Err(errno) => return Err(errno),
                }
            }
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        };
        let signal = info.ssi_signo.cast_signed();
        if signal == libc::SIGCHLD {
            if let Some(ended) = reap(child)? {
                return Ok(ended);
            }
        } else if !has_it_already(signal, info.ssi_code) {
            // Of real-time signals there are more than have names. The program may be gone already; its end is what
            // comes next then.
            // SAFETY: kill(2) has no conditions, and until it is waited for, the number is the program's.
            let _ = unsafe { libc::kill(child.as_raw(), signal) };
        }
    }
}

/// Whether the kernel has sent this signal to the program, which is in the same group and session, as well.
fn has_it_already(signal: libc::c_int, code: i32) -> bool {
    let leads = || getsid(None) == Ok(Pid::this());
    code == libc::SI_KERNEL && (OF_A_TERMINAL.contains(&signal) || OF_A_HANGUP.contains(&signal) && !leads())
}

/// Takes notice of whatever became of the program.
fn reap(child: Pid) -> nix::Result<Option<Ended>> {
    loop {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        match waitpid(child, Some(flags)) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Some(Ended::Exited(status as u8))),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Ok(Some(Ended::Killed(signal as u8, signal.as_str())));
            }
            // The shell is told, as it would be of the program itself; and whoever wakes us wakes the program.
            Ok(WaitStatus::Stopped(..)) => {
                kill(Pid::this(), Signal::SIGSTOP)?;
                kill(child, Signal::SIGCONT)?;
            }
            Ok(_) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
