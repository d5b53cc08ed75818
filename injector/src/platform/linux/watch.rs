//! Stays with a program until it ends, and passes signals on to it.

use super::super::Environment;
use super::handover::Strings;
use super::launch::{call, failure, refuse_rings};
use super::session::Session;
use super::supervise::{News, Stage, Supervised};
use crate::coverage::Program;
use crate::messages::{self, Failure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_dumpable;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getsid};
use portshim_mechanism::linux::kernel::signals::{hold_these_signals, keep_signals};
use portshim_supervisor::{Rings, Way};
use std::ffi::{CString, OsString, c_char};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::ptr;

/// End of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this status.
    Exited(u8),
    /// By the signal of this number and name.
    Killed(u8, &'static str),
}

impl Ended {
    /// The end that a status of waitpid(2) tells of.
    fn of(status: libc::c_int) -> Self {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            return Self::Killed(signal as u8, name(signal));
        }
        Self::Exited(libc::WEXITSTATUS(status) as u8)
    }

    /// Ends this process by the signal that ended the program, so that whoever waits sees how it
    /// ended, but for a core dump. Else gives the status to exit with: the program's, or for an
    /// init, which outlives the signal, 128 and the signal's number, as a shell has it.
    pub(crate) fn pass_on(self) -> u32 {
        match self {
            Self::Exited(status) => status.into(),
            Self::Killed(signal, _) => {
                end_by(signal.into());
                128 + u32::from(signal)
            }
        }
    }

    /// The program's exit status, and the name of the signal that ended it: one of both.
    pub(crate) fn parts(self) -> (Option<u32>, Option<&'static str>) {
        match self {
            Self::Exited(status) => (Some(status.into()), None),
            Self::Killed(_, signal) => (None, Some(signal)),
        }
    }
}

/// Ends this process by a signal, and without a core dump: the program has left its own.
fn end_by(signal: libc::c_int) {
    // SAFETY: no handler is installed. What the C library keeps for itself is nobody's to ignore.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let _ = set_dumpable(false);
    // SAFETY: the process is this one, and kill(2) has no conditions.
    unsafe { libc::kill(libc::getpid(), signal) };
    // It has waited until now, and others go on waiting.
    keep_signals(Some(!(1 << (signal - 1))));
}

/// Time for which the program is left alone, in milliseconds: the ring of events holds some
/// thousands, and should not fill up in between.
const INTERVAL: u8 = 20;
/// The same where very much happens.
const SOON: u8 = 1;

/// The signals that are not meant for the program: what this process is told of its own. What a
/// fault of its own brings upon it ends it although it waits for that signal.
const OWN: [Signal; 4] = [Signal::SIGPIPE, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGXFSZ];

/// Those that a terminal sends to every process of its foreground group.
const OF_A_TERMINAL: [libc::c_int; 4] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGWINCH];
/// Those that it sends, when it hangs up, to the leader of its session alone (`__tty_hangup` in
/// tty_io.c).
const OF_A_HANGUP: [libc::c_int; 2] = [libc::SIGHUP, libc::SIGCONT];

/// Starts the program in this environment, or in that of this process; waits for its end, and calls
/// `meanwhile`, if there is one, every now and then, and soon again where that says so. It is
/// served from outside where a session is given to serve it by.
pub(crate) fn watch_program(
    program: &Program,
    arguments: &[OsString],
    environment: Option<&Environment>,
    supervised: Option<(&Session, Way)>,
    meanwhile: Option<&mut dyn FnMut() -> bool>,
) -> Result<Ended, Failure> {
    environment.inspect(|environment| environment.assume());
    let refuses_rings = environment.is_some_and(|environment| environment.refuses_rings);
    let brings_guest = environment.is_some_and(|environment| environment.brings_guest);
    let rings = if refuses_rings { Rings::Refused } else { Rings::Allowed };
    let waited = !OWN.into_iter().fold(0, |set, signal| set | 1 << (signal as u32 - 1));
    let before = hold_these_signals(&waited).ok_or_else(|| failure(program, Errno::EPERM))?;
    SignalFd::with_flags(&as_set(waited), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .and_then(|signals| {
            // Where SIGCHLD is ignored, no exit status can be had.
            let of_children =
                handled(Signal::SIGCHLD, &SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty()))?;
            Ok((signals, of_children))
        })
        .map_err(|errno| failure(program, errno))
        .and_then(|(signals, of_children)| {
            let begun = match supervised {
                None => {
                    refuse_rings(refuses_rings).map_err(|error| messages::rings_not_refused(&error)).and_then(|()| {
                        spawn(program, arguments, before, &of_children)
                            .map(Begun::Child)
                            .map_err(|errno| failure(program, errno))
                    })?
                }
                Some(supervised) => {
                    Supervised::begin(program, arguments, supervised, rings, brings_guest, before, &of_children)
                        .map(Begun::Supervised)
                        .map_err(|(stage, errno)| not_begun(program, stage, errno))?
                }
            };
            outlive_writing()
                .and_then(|()| wait(begun, &signals, meanwhile))
                .map_err(|errno| failure(program, errno))?
                .ok_or_else(messages::supervisor_ended)
        })
}

/// The signals of a word, as the kernel has them, in a set that has room for more.
fn as_set(word: u64) -> SigSet {
    // SAFETY: a set is words of bits, all of which may be anything, and the kernel reads the first.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        (&raw mut set).cast::<u64>().write(word);
        SigSet::from_sigset_t_unchecked(set)
    }
}

/// Has a signal handled in another way, and gives the way before.
fn handled(signal: Signal, action: &SigAction) -> nix::Result<SigAction> {
    // SAFETY: no handler is installed, so nothing runs that could disturb anything.
    unsafe { sigaction(signal, action) }
}

/// A log that grows beyond the caller's limit, or that nobody reads any more, is an error to
/// report, not the end of this process: the program would be left behind.
fn outlive_writing() -> nix::Result<()> {
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    [Signal::SIGXFSZ, Signal::SIGPIPE].into_iter().try_for_each(|signal| handled(signal, &ignored).map(drop))
}

/// Begins the program in a child, with the signal mask that this process was started with, and what
/// it was to be told of children.
fn spawn(program: &Program, arguments: &[OsString], mask: u64, of_children: &SigAction) -> nix::Result<Pid> {
    let (path, argv) = call(program, arguments);
    let mut argv: Vec<*const c_char> = argv.iter().map(|a: &CString| a.as_ptr()).collect::<Vec<_>>();
    argv.push(ptr::null());
    let mut environment = Strings::prepared();
    let (mut told, telling) = std::io::pipe().map_err(errno)?;
    // SAFETY: this process has one thread, so its copy may do whatever it could.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(telling);
            let mut error = [0; size_of::<i32>()];
            // The pipe is closed by exec.
            match told.read_exact(&mut error) {
                Err(_) => Ok(child),
                Ok(()) => {
                    let _ = waitpid(child, None);
                    Err(Errno::from_raw(i32::from_ne_bytes(error)))
                }
            }
        }
        ForkResult::Child => {
            let envp = environment.name_this_process();
            let ready = handled(Signal::SIGCHLD, of_children);
            keep_signals(Some(mask));
            if ready.is_ok() {
                // SAFETY: path and argv end in NUL and NULL, as the environment does, and all of
                // them are still there.
                unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp) };
            }
            let _ = (&telling).write_all(&Errno::last_raw().to_ne_bytes());
            // SAFETY: the call has no conditions, and runs nothing that is the parent's to run.
            unsafe { libc::_exit(NOT_BEGUN) }
        }
    }
}

/// The exit status of a child that has not become the program. Nobody is shown it.
const NOT_BEGUN: libc::c_int = 127;

fn errno(e: std::io::Error) -> Errno {
    Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO))
}

/// A program that has begun.
enum Begun {
    /// As a child of this process.
    Child(Pid),
    /// As a child of its supervisor.
    Supervised(Supervised),
}

/// State of a program.
enum Fate {
    /// It goes on.
    Runs,
    Ended(Ended),
    /// Its supervisor has been ended, and so has it.
    Lost,
}

impl Begun {
    fn signal(&self, signal: libc::c_int) {
        match self {
            // Of real-time signals there are more than have names. The program may be gone already;
            // its end is what comes next then. SAFETY: kill(2) has no conditions, and until it is
            // waited for, the number is the program's.
            Self::Child(child) => drop(unsafe { libc::kill(child.as_raw(), signal) }),
            Self::Supervised(supervised) => supervised.signal(signal),
        }
    }

    /// Takes notice of whatever became of the program.
    fn fate(&mut self) -> nix::Result<Fate> {
        match self {
            Self::Child(child) => Ok(reap(*child)?.map_or(Fate::Runs, Fate::Ended)),
            Self::Supervised(supervised) => {
                let fate = told(supervised);
                // What the program came to, the supervisor tells; who stops it does not mean us.
                reap(NOBODY)?;
                Ok(fate)
            }
        }
    }
}

/// State of the program, as the supervisor tells it.
fn told(supervised: &mut Supervised) -> Fate {
    loop {
        match supervised.news() {
            Ok(Some(News::Began(_))) => {}
            Ok(None) => return Fate::Runs,
            Ok(Some(News::Stopped)) => {
                stop_as_well(|| supervised.signal(libc::SIGCONT));
            }
            Ok(Some(News::Left(status))) => return Fate::Ended(Ended::of(status)),
            Ok(Some(News::Ended(status))) => {
                // With it, nobody is left in the session.
                let _ = waitpid(supervised.supervisor, None);
                return Fate::Ended(Ended::of(status));
            }
            Err(_) => {
                supervised.signal(libc::SIGKILL);
                return Fate::Lost;
            }
        }
    }
}

/// Stops this process: the shell is told, as it would be of the program itself; and whoever wakes
/// us wakes the program. An init cannot be stopped: whoever stopped the program wakes it.
fn stop_as_well(wake: impl FnOnce()) {
    if Pid::this() != INIT && kill(Pid::this(), Signal::SIGSTOP).is_ok() {
        wake();
    }
}

/// Says why a program under a supervisor has not begun.
fn not_begun(program: &Program, stage: Stage, errno: Errno) -> Failure {
    match stage {
        Stage::Execute => failure(program, errno),
        Stage::Confine => messages::not_confined(program, errno == Errno::EBUSY, &errno.into()),
        Stage::Rights => messages::no_rights(program, &errno.into()),
        Stage::Prepare => messages::not_supervised(program, &errno.into()),
    }
}

/// Waits for the end of the program. `None` where its supervisor has been ended.
fn wait(
    mut program: Begun,
    signals: &SignalFd,
    mut meanwhile: Option<&mut dyn FnMut() -> bool>,
) -> nix::Result<Option<Ended>> {
    let mut pause = PollTimeout::NONE;
    loop {
        let info = match signals.read_signal() {
            Ok(Some(info)) => info,
            Ok(None) => {
                if let Some(meanwhile) = &mut meanwhile {
                    pause = PollTimeout::from(if meanwhile() { SOON } else { INTERVAL });
                }
                let of_signals = PollFd::new(signals.as_fd(), PollFlags::POLLIN);
                let polled = match &program {
                    Begun::Child(_) => poll(&mut [of_signals], pause),
                    Begun::Supervised(supervised) => {
                        poll(&mut [of_signals, PollFd::new(supervised.as_fd(), PollFlags::POLLIN)], pause)
                    }
                };
                match polled {
                    Ok(0) | Err(Errno::EINTR) => continue,
                    Ok(_) => {}
                    Err(errno) => return Err(errno),
                }
                if let Begun::Supervised(_) = program {
                    match program.fate()? {
                        Fate::Runs => {}
                        Fate::Ended(ended) => return Ok(Some(ended)),
                        Fate::Lost => return Ok(None),
                    }
                }
                continue;
            }
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        };
        let signal = info.ssi_signo.cast_signed();
        if signal == libc::SIGCHLD {
            match program.fate()? {
                Fate::Runs => {}
                Fate::Ended(ended) => return Ok(Some(ended)),
                Fate::Lost => return Ok(None),
            }
        } else if !has_it_already(signal, info.ssi_code) {
            program.signal(signal);
        }
    }
}

/// Tells whether the kernel has sent this signal to the program, which is in the same group and
/// session, as well.
fn has_it_already(signal: libc::c_int, code: i32) -> bool {
    let leads = || getsid(None) == Ok(Pid::this());
    code == libc::SI_KERNEL && (OF_A_TERMINAL.contains(&signal) || OF_A_HANGUP.contains(&signal) && !leads())
}

/// Takes notice of whatever became of the program, and of every other process that is left to this
/// one: as the first of a PID namespace, and as a subreaper, it inherits the orphans.
fn reap(child: Pid) -> nix::Result<Option<Ended>> {
    loop {
        let mut status = 0;
        // SAFETY: waitpid(2) fills the status, and reads nothing.
        let pid = unsafe { libc::waitpid(ANY, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
        match Errno::result(pid) {
            Ok(0) => return Ok(None),
            Ok(pid) if pid != child.as_raw() => {}
            Ok(_) if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) => return Ok(Some(Ended::of(status))),
            Ok(_) if libc::WIFSTOPPED(status) => stop_as_well(|| _ = kill(child, Signal::SIGCONT)),
            Ok(_) | Err(Errno::EINTR) => {}
            // The supervisor may have been waited for.
            Err(Errno::ECHILD) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
}

/// No child.
const NOBODY: Pid = Pid::from_raw(0);
/// Stands for any child.
const ANY: libc::pid_t = -1;
/// The first process of a PID namespace.
const INIT: Pid = Pid::from_raw(1);

/// First of the real-time signals that glibc leaves to programs.
const RTMIN: libc::c_int = 34;

/// A signal's name. Real-time signals are counted from the first that a program of glibc can have.
fn name(signal: libc::c_int) -> &'static str {
    match Signal::try_from(signal) {
        Ok(signal) => signal.as_str(),
        Err(_) => String::leak(format!("SIGRTMIN+{}", signal - RTMIN)),
    }
}
