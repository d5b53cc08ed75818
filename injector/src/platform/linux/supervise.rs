//! A program under a supervisor: three processes.
//!
//! This one waits, as under `--report`, and passes signals on. A child of it is the supervisor, and
//! the supervisor's child becomes the program: to look into a program is for its ancestors alone on
//! many systems (Yama). The supervisor stays until no process is left that it has to serve, be the
//! program long over. Should this process be killed, the supervisor kills the program; should the
//! supervisor be, this process does.

#[cfg(target_arch = "x86_64")]
use super::super::embedded::FREESTANDING;
use super::handover::{Strings, open};
use super::host::steering;
use super::launch::call;
use super::offer::{Offered, offer};
use super::privileges::{has_capability, keeps_privileges};
use super::session::Session;
use crate::coverage::{Obstacle, Program};
use crate::messages;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork, setpgid, setsid};
use portshim_mechanism::linux::kernel::signals::keep_signals;
use portshim_supervisor::{Rings, Server, Way, can_listen, can_look, confine};
use std::ffi::{OsString, c_char};
use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvError, channel};
use std::{io, ptr, thread};
use strum::FromRepr;

/// The capability to look into processes.
const CAP_SYS_PTRACE: u32 = 19;

/// What Yama lets processes do to others, in a figure; empty where there is no Yama.
fn ptrace_scope() -> String {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default().trim().to_owned()
}

/// Reason why no supervisor can serve this program in that way; `None` where one can, as far as is
/// known before it is tried.
pub(crate) fn hindrance(obstacle: Option<&Obstacle>, way: Way) -> Option<String> {
    if let Err(error) = can_listen() {
        return Some(messages::no_listener(&error));
    }
    match way {
        Way::Sockets if !steering().possible => return Some(messages::UNSTEERABLE.into()),
        Way::Sockets => {}
        Way::Calls if can_look().is_err() => return Some(messages::NO_LOOK.into()),
        // Only who has the capability may attach to processes, or nobody may (Yama).
        Way::Calls => {
            let scope = ptrace_scope();
            if scope == "3" || scope == "2" && !has_capability(CAP_SYS_PTRACE) {
                return Some(messages::NO_ATTACHING.into());
            }
        }
    }
    let gains = matches!(obstacle, Some(Obstacle::SetId | Obstacle::Capabilities));
    (gains && !keeps_privileges()).then(|| messages::CANNOT_GAIN.into())
}

/// What keeps a supervisor's guest out of this program, if anything does.
pub(crate) fn keeps_guest_out(program: &Program) -> Option<String> {
    let executed = program.steps.last().map_or(&program.path, |step| &step.path);
    portshim_supervisor::keeps_guest_out(executed).map(|why| why.to_string())
}

/// Stage at which a program has not begun.
#[derive(Clone, Copy, Debug, FromRepr, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// The program could not be executed.
    Execute,
    /// It could not be put under the filter.
    Confine,
    /// The supervisor may not look into it.
    Rights,
    /// The session could not be mapped, or a process not be begun.
    Prepare,
}

/// News of the program, from its supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is this process.
    Began(i32),
    Stopped,
    /// It has ended with this status of waitpid(2), and nobody is left to be served.
    Ended(i32),
    /// It has ended, and others go on.
    Left(i32),
}

impl News {
    const LEN: usize = 5;

    fn bytes(self) -> [u8; Self::LEN] {
        let (kind, value) = match self {
            Self::Began(process) => (0, process),
            Self::Stopped => (1, 0),
            Self::Ended(status) => (2, status),
            Self::Left(status) => (3, status),
        };
        let [a, b, c, d] = value.to_ne_bytes();
        [kind, a, b, c, d]
    }

    fn of([kind, a, b, c, d]: [u8; Self::LEN]) -> Self {
        let value = i32::from_ne_bytes([a, b, c, d]);
        match kind {
            0 => Self::Began(value),
            1 => Self::Stopped,
            2 => Self::Ended(value),
            _ => Self::Left(value),
        }
    }

    fn tell(self, mut to: &PipeWriter) {
        // Who is to be told may be gone.
        let _ = to.write_all(&self.bytes());
    }
}

/// A program and its supervisor, as this process knows them.
pub(super) struct Supervised {
    /// The supervisor, a child of this process.
    pub(super) supervisor: Pid,
    /// The program: none where it has ended by now.
    program: Option<OwnedFd>,
    news: PipeReader,
}

impl Supervised {
    /// Begins the program under a supervisor, which brings a guest into programs that load no
    /// library, or does not.
    ///
    /// # Errors
    /// The stage that failed, and how.
    pub(super) fn begin(
        program: &Program,
        arguments: &[OsString],
        (session, way): (&Session, Way),
        rings: Rings,
        brings_guest: bool,
        mask: u64,
        of_children: &SigAction,
    ) -> Result<Self, (Stage, Errno)> {
        let prepare = |error: io::Error| (Stage::Prepare, Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)));
        let (mut told, telling) = pipe().map_err(prepare)?;
        let (mut news, tells_news) = pipe().map_err(prepare)?;
        let strings = Strings::prepared();
        let start = Start { program, arguments, session, way, rings, brings_guest, mask, of_children, strings };
        // SAFETY: this process has one thread, so its copy may do whatever it could.
        match unsafe { fork() }.map_err(|errno| (Stage::Prepare, errno))? {
            ForkResult::Child => start.supervise(&telling, tells_news),
            ForkResult::Parent { child: supervisor } => {
                drop((telling, tells_news));
                let mut first = [0; News::LEN];
                let process = news.read_exact(&mut first).ok().and_then(|()| match News::of(first) {
                    News::Began(process) => open(process),
                    _ => None,
                });
                let mut error = [0; 5];
                // The pipe is closed by exec.
                if told.read_exact(&mut error).is_ok() {
                    let _ = nix::sys::wait::waitpid(supervisor, None);
                    let [stage, number @ ..] = error;
                    let stage = Stage::from_repr(stage).unwrap_or(Stage::Prepare);
                    return Err((stage, Errno::from_raw(i32::from_ne_bytes(number))));
                }
                let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
                fcntl(&news, flags).map_err(|errno| (Stage::Prepare, errno))?;
                Ok(Self { supervisor, program: process, news })
            }
        }
    }

    /// Sends the program a signal, if it has not ended.
    pub(super) fn signal(&self, signal: libc::c_int) {
        if let Some(program) = &self.program {
            // SAFETY: no memory is passed: the kernel makes up what it tells of the sender.
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, program.as_raw_fd(), signal, ptr::null::<u8>(), 0) };
        }
    }

    /// News, if there is any. `Err` where the supervisor is gone.
    pub(super) fn news(&mut self) -> Result<Option<News>, Errno> {
        let mut bytes = [0; News::LEN];
        // The supervisor writes each at once, which a pipe keeps whole.
        match self.news.read(&mut bytes) {
            Ok(News::LEN) => Ok(Some(News::of(bytes))),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
            _ => Err(Errno::ESRCH),
        }
    }
}

impl AsFd for Supervised {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

/// Everything that it takes to begin the program.
struct Start<'a> {
    program: &'a Program,
    arguments: &'a [OsString],
    session: &'a Session,
    way: Way,
    rings: Rings,
    /// Set if a guest is brought into programs that load no library.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "there is none for this machine"))]
    brings_guest: bool,
    mask: u64,
    of_children: &'a SigAction,
    strings: Strings,
}

/// Tells of a failure, and ends this process.
fn fail(stage: Stage, errno: Errno, mut telling: &PipeWriter) -> ! {
    let [a, b, c, d] = (errno as i32).to_ne_bytes();
    let _ = telling.write_all(&[stage as u8, a, b, c, d]);
    end()
}

/// Ends this process, which is a copy of another: nothing of what that would do at its end is done.
fn end() -> ! {
    // SAFETY: the call has no conditions, and runs nothing that is another process's to run.
    unsafe { libc::_exit(127) }
}

fn last(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

impl Start<'_> {
    /// Becomes the supervisor.
    fn supervise(self, telling: &PipeWriter, news: PipeWriter) -> ! {
        let pipes = || -> io::Result<_> { Ok((UnixStream::pair()?, pipe()?)) };
        let ((offered, offers), (may_go, go)) = pipes().unwrap_or_else(|e| fail(Stage::Prepare, last(&e), telling));
        // SAFETY: this process has one thread, so its copy may do whatever it could.
        let child = match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                drop((offered, go, news));
                self.begin(telling, offers, may_go)
            }
            Ok(ForkResult::Parent { child }) => child,
            Err(errno) => fail(Stage::Prepare, errno, telling),
        };
        drop((offers, may_go));
        News::Began(child.as_raw()).tell(&news);
        let Some(offered) = Offered::wait(&offered) else { end() }; // the child has said why
        let process = open(child.as_raw());
        let listener = offered.listener(process.as_ref().map(AsFd::as_fd));
        let listener = listener.unwrap_or_else(|e| fail(Stage::Rights, last(&e), telling));
        let server = Server::of(&self.session.path, &self.session.file, self.way);
        let mut server = server.unwrap_or_else(|e| fail(Stage::Prepare, last(&e), telling));
        detach(&[listener.as_fd(), news.as_fd(), telling.as_fd(), go.as_fd()]);
        let watched = listener.as_fd().try_clone_to_owned();
        let watched = watched.unwrap_or_else(|e| fail(Stage::Prepare, last(&e), telling));
        #[cfg(target_arch = "x86_64")]
        if self.brings_guest
            && self.way == Way::Calls
            && let Err(e) = server.bring(FREESTANDING, &listener)
        {
            fail(Stage::Prepare, last(&e), telling);
        }
        let (parts, parted) = channel();
        let others = [telling.as_raw_fd(), go.as_raw_fd()];
        let begun = thread::Builder::new().spawn(move || {
            part_descriptors(others);
            drop(parts);
            accompany(child, &watched, &news)
        });
        if let Err(e) = begun {
            fail(Stage::Prepare, last(&e), telling);
        }
        // Until then, a socket that is served might be copied along.
        let _: Result<(), RecvError> = parted.recv();
        let _ = (&go).write_all(&[1]);
        // SAFETY: both were made here; nothing uses them any more.
        unsafe {
            libc::close(telling.as_raw_fd());
            libc::close(go.as_raw_fd());
        }
        std::mem::forget(go);
        loop {
            server.serve_one(&listener);
        }
    }

    /// Becomes the program.
    fn begin(mut self, telling: &PipeWriter, offers: UnixStream, mut may_go: PipeReader) -> ! {
        let (path, argv) = call(self.program, self.arguments);
        let mut argv: Vec<*const c_char> = argv.iter().map(|argument| argument.as_ptr()).collect();
        argv.push(ptr::null());
        let envp = self.strings.name_this_process();
        let listener = confine(keeps_privileges(), self.way, self.rings)
            .unwrap_or_else(|e| fail(Stage::Confine, last(&e), telling));
        offer(&offers, listener, self.way).unwrap_or_else(|e| fail(Stage::Prepare, last(&e), telling));
        if may_go.read_exact(&mut [0]).is_err() {
            end(); // the supervisor has said why
        }
        // SAFETY: no handler is installed, so nothing runs that could disturb anything.
        let ready = unsafe { sigaction(Signal::SIGCHLD, self.of_children) };
        keep_signals(Some(self.mask));
        if ready.is_ok() {
            // SAFETY: path and argv end in NUL and NULL, as the environment does, and all of them
            // are still there. The listener is closed on exec.
            unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp) };
        }
        fail(Stage::Execute, Errno::last(), telling)
    }
}

/// Has this thread keep a table of descriptors of its own, without these: with one table for two
/// threads, the kernel counts the references to a descriptor at each call of the other one.
fn part_descriptors(others: [RawFd; 2]) {
    if unshare(CloneFlags::CLONE_FILES).is_ok() {
        for other in others {
            // SAFETY: this is the copy of this thread, which makes no use of it.
            unsafe { libc::close(other) };
        }
    }
}

/// Leaves what this process has in common with the program: its terminal, and every descriptor but
/// these. It takes as many as it may for itself.
fn detach(keep: &[BorrowedFd<'_>]) {
    // A group of its own, and not a session: the kernel would count this process and the program as
    // of two groups of work (autogroup, sched(7)), and take longer to go from one to the other.
    // But a parent in the program's session, of another group, would keep what the program leaves
    // behind from being orphaned, and have it stop at the terminal for good.
    let _ = match remain_ancestor() {
        true => setsid().map(drop),
        false => setpgid(Pid::from_raw(0), Pid::from_raw(0)),
    };
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).and_then(|()| dup2_stderr(&null));
    }
    let _ = std::env::set_current_dir("/");
    let mut keep: Vec<u32> = keep.iter().map(|fd| fd.as_raw_fd().cast_unsigned()).collect();
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep.into_iter().chain([u32::MAX]) {
        if fd > first {
            // SAFETY: what is closed is used by nothing in this process from here on.
            unsafe { libc::syscall(libc::SYS_close_range, first, fd - 1, 0) };
        }
        first = fd.saturating_add(1);
    }
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed, so nothing runs that could disturb anything.
    let _ = unsafe { sigaction(Signal::SIGPIPE, &ignored) };
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Has orphans of the program become this process's children, where only its descendants may be
/// looked into (Yama's ptrace_scope), and it has no privilege that lifts that. Tells whether it is
/// so.
fn remain_ancestor() -> bool {
    let is_needed = !matches!(ptrace_scope().as_str(), "" | "0") && !has_capability(CAP_SYS_PTRACE);
    is_needed && nix::sys::prctl::set_child_subreaper(true).is_ok()
}

/// Time after which it is looked once more for orphans that are hidden behind another, in
/// milliseconds.
const SOON: u8 = 20;

/// Stays with the program, and with all that come of it, until nobody is left to be served.
fn accompany(program: Pid, listener: &OwnedFd, news: &PipeWriter) -> ! {
    let mut of_children = SigSet::empty();
    of_children.add(Signal::SIGCHLD);
    let Ok(signals) = SignalFd::with_flags(&of_children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK) else { end() };
    let mut runs = true;
    loop {
        // Before it is looked who has changed: what comes after that ends the wait.
        while let Ok(Some(_)) = signals.read_signal() {}
        if runs && let Some(status) = change_of(program) {
            if libc::WIFSTOPPED(status) {
                News::Stopped.tell(news);
                continue;
            }
            runs = false;
            let is_last = has_hung_up(listener.as_fd());
            if is_last { News::Ended(status) } else { News::Left(status) }.tell(news);
        }
        let all = bury_orphans(program);
        if !runs && has_hung_up(listener.as_fd()) {
            end();
        }
        // While the program runs, there is news to be told; then, others may be left.
        let other = if runs { news.as_fd() } else { listener.as_fd() };
        let mut events = [PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(other, PollFlags::empty())];
        let _ = poll(&mut events, if all { PollTimeout::NONE } else { SOON.into() });
        if runs && events[1].revents().is_some_and(|events| events.contains(PollFlags::POLLERR)) {
            runs = false;
            let _ = nix::sys::signal::kill(program, Signal::SIGKILL);
        }
    }
}

/// The status of the program, if it has stopped or ended since the last time. While a guest is
/// being brought into it, its stops are another thread's.
fn change_of(program: Pid) -> Option<libc::c_int> {
    let (_, code) = look(libc::P_PID, program.as_raw().cast_unsigned(), libc::WEXITED | libc::WSTOPPED)?;
    if code == libc::CLD_TRAPPED {
        return None;
    }
    let mut status = 0;
    // SAFETY: waitpid(2) fills the status, and reads nothing.
    let changed = unsafe { libc::waitpid(program.as_raw(), &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
    // Its upper half is an event of a program that is traced by now.
    (changed == program.as_raw() && status >> 16 == 0).then_some(status)
}

/// Takes notice of all orphans that have ended. False where one that is traced stands before
/// others.
fn bury_orphans(program: Pid) -> bool {
    while let Some((orphan, code)) = look(libc::P_ALL, 0, libc::WEXITED) {
        if orphan == program.as_raw() || !matches!(code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED) {
            return false;
        }
        // SAFETY: waitpid(2) writes no status where it is given no place for it.
        let _ = unsafe { libc::waitpid(orphan, ptr::null_mut(), libc::WNOHANG) };
    }
    true
}

/// Looks for a child that has changed, and takes no notice of it: which, and how (`si_code` of
/// sigaction(2)).
fn look(among: libc::idtype_t, id: libc::id_t, how: libc::c_int) -> Option<(i32, libc::c_int)> {
    // SAFETY: all zeroes is a valid record of no event.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one record.
    let looked = unsafe { libc::waitid(among, id, &raw mut info, how | libc::WNOHANG | libc::WNOWAIT) };
    // SAFETY: waitid(2) fills this in.
    let process = unsafe { info.si_pid() };
    (looked == 0 && process != 0).then_some((process, info.si_code))
}

/// Tells whether no process is left that the listener would be told of.
fn has_hung_up(listener: BorrowedFd<'_>) -> bool {
    let mut events = [PollFd::new(listener, PollFlags::empty())];
    let _ = poll(&mut events, PollTimeout::ZERO);
    events[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}
