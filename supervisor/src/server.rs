//! The server: goes through the calls one after the other.

use crate::bringer::Bringer;
use crate::calls::{ABIS, Abi, BEHIND_SOCKETCALL, Kind, Way, kind_of};
use crate::clients::{Clients, Member};
use crate::cut;
use crate::full::Full;
use crate::listener::{Call, Listener, Reply};
use crate::make::{self, make};
use crate::serve::{self, Asked, On, What};
use crate::sessions::Sessions;
use portshim_mechanism::linux::kernel::clock;
use portshim_mechanism::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use portshim_mechanism::linux::kernel::liveness;
use portshim_mechanism::linux::kernel::mark::{ANSWER, MAKES_SOCKETS, QUESTION};
use portshim_mechanism::linux::socket::options::forget_range;
use portshim_mechanism::linux::socket::steering;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

/// A supervisor's work.
pub struct Server {
    clients: Clients,
    /// Whoever brings the guest into programs.
    bringer: Option<Bringer>,
    way: Way,
    full: Full,
}

impl Server {
    /// Serves in this way, by the rules in the session's file, which is mapped for good.
    ///
    /// # Errors
    /// The kernel's, and where it is no region of this version.
    pub fn of(path: &Path, session: &File, way: Way) -> io::Result<Self> {
        cut::survive();
        // SAFETY: it is libc's.
        unsafe { clock::use_libcs(libc::clock_gettime as *mut c_void) };
        let makes_sockets = way == Way::Sockets;
        let sessions = Sessions::of(path, session, makes_sockets)?;
        sessions.home.header.supervisor.store(sessions.us, Relaxed);
        steering::reload();
        liveness::look();
        let clients = Clients::of(sessions, makes_sockets);
        Ok(Self { clients, bringer: None, way, full: Full::default() })
    }

    /// Brings this guest from now on into programs that it can serve.
    ///
    /// # Errors
    /// The kernel's.
    pub fn bring(&mut self, guest: &'static [u8], listener: &Listener) -> io::Result<()> {
        self.bringer = Bringer::begin(guest, listener)?;
        Ok(())
    }

    /// Waits for a call, and serves it.
    pub fn serve_one(&mut self, listener: &Listener) {
        let Some(call) = listener.receive() else { return };
        let Some(abi) = ABIS.iter().find(|abi| abi.arch == call.arch) else {
            return listener.answer(&call, Reply::Continue);
        };
        let kind = kind_of(call.number, abi.calls);
        if kind == Some(Kind::Execute) {
            self.clients.executes(call.thread);
            if self.is_brought(&call) {
                return;
            }
        }
        let reply = kind.map_or(Reply::Continue, |kind| self.reply(listener, &call, abi, kind));
        listener.answer(&call, reply);
    }

    /// Tells whether somebody else answers a call to execve(2), to bring the guest in.
    fn is_brought(&mut self, call: &Call) -> bool {
        let Some(bringer) = &self.bringer else { return false };
        self.clients.session_of(call.thread).is_some_and(|session| bringer.execute(call, session))
    }

    fn reply(&mut self, listener: &Listener, call: &Call, abi: &Abi, kind: Kind) -> Reply {
        match kind {
            Kind::Execute => return Reply::Continue,
            Kind::Filter | Kind::Prctl => {
                if let Some(bringer) = &self.bringer {
                    bringer.retire(call.thread);
                }
                return Reply::Continue;
            }
            Kind::IoUring => {
                if let Some(member) = self.clients.member(call.thread) {
                    member.client.has_ring();
                }
                return Reply::Continue;
            }
            Kind::Confine => {
                self.clients.confines(call.thread);
                return Reply::Continue;
            }
            Kind::SetSockOpt if is_question(&call.arguments) => {
                let way = if self.way == Way::Sockets { MAKES_SOCKETS } else { 0 };
                return Reply::Value(i64::from(ANSWER | way | std::process::id()));
            }
            Kind::Moves => {
                self.clients.moves(call.thread);
                return Reply::Continue;
            }
            _ if self.way == Way::Sockets => return self.reply_alone(listener, call, abi, kind),
            _ => {}
        }
        for _ in 0..2 {
            let Some(member) = self.clients.member(call.thread) else { return Reply::Continue };
            match served(listener, call, abi, kind, &member) {
                Ok(reply) => return reply,
                // The number was another thread's.
                Err(libc::ESRCH) => self.clients.forget(call.thread),
                Err(_) => return Reply::Continue,
            }
        }
        Reply::Continue
    }

    /// The same, where nothing is served but new sockets.
    fn reply_alone(&mut self, listener: &Listener, call: &Call, abi: &Abi, kind: Kind) -> Reply {
        let asked = if kind == Kind::Socket { make::Asked::of(&call.arguments) } else { None };
        if kind == Kind::Socket && asked.is_none() {
            return Reply::Continue;
        }
        let Some(member) = self.member_now(call.thread) else { return Reply::Continue };
        let (kind, asked) = match kind {
            Kind::SocketCall => {
                // Without a look into the program there is no telling what it asks for: this is a
                // kernel that lacks the call.
                let Some((kind, arguments)) = behind(call, abi, &member) else { return Reply::Error(libc::ENOSYS) };
                let is_range = || arguments[1] as c_int == libc::SOL_IP && arguments[2] as c_int == IP_LOCAL_PORT_RANGE;
                match kind {
                    Kind::Socket => (kind, make::Asked::of(&arguments)),
                    Kind::SetSockOpt if is_range() => (kind, None),
                    _ => return Reply::Continue,
                }
            }
            kind => (kind, asked),
        };
        match (kind, asked) {
            // A range of the program's own would take the place of ours.
            (Kind::SetSockOpt, _) => Reply::Error(libc::ENOPROTOOPT),
            (_, None) => Reply::Continue,
            (_, Some(asked)) => {
                let Some(session) = member.client.session else { return Reply::Continue };
                member.client.represent();
                make(listener, call, asked, session, member.standing, &mut self.full)
            }
        }
    }

    /// The thread of this number, looked at anew where the number has become another's.
    fn member_now(&mut self, thread: u32) -> Option<Rc<Member>> {
        let member = self.clients.member(thread)?;
        if member.thread.is_of(member.client.process) {
            return Some(member);
        }
        self.clients.forget(thread);
        self.clients.member(thread)
    }
}

/// A call behind socketcall(2). `None` where its arguments cannot be read.
fn behind(call: &Call, abi: &Abi, member: &Member) -> Option<(Kind, [u64; 6])> {
    let kind = kind_of(call.arguments[0] as u32, BEHIND_SOCKETCALL)?;
    let mut arguments = [0; 6];
    // Where they end, the memory may, too.
    for (at, argument) in arguments.iter_mut().enumerate().take(3) {
        *argument = member.thread.word(call.arguments[1] + 4 * at as u64, abi.wide)?;
    }
    Some((kind, arguments))
}

/// Tells whether a program asks for us: whether the option is that one, the filter has seen.
fn is_question(arguments: &[u64; 6]) -> bool {
    arguments[0] as c_int == -1 && arguments[3] == QUESTION
}

/// Tells whether the call is this thread's, and what was read of it, before a descriptor of the
/// thread was had: its number may be another's by now. Of one that is sure, that descriptor shows
/// that it lived, and its number was nobody else's.
fn is_caller(listener: &Listener, call: &Call, member: &Member) -> bool {
    if member.is_sure.get() {
        return true;
    }
    let waits = listener.still_waits(call);
    member.is_sure.set(waits && member.thread.is_known_by_itself());
    waits
}

/// Serves a call of this thread.
///
/// # Errors
/// The kernel's where the thread's descriptor cannot be had: ESRCH where it is gone.
fn served(listener: &Listener, call: &Call, abi: &Abi, kind: Kind, member: &Member) -> Result<Reply, c_int> {
    let Member { thread, client, .. } = member;
    let (kind, arguments) = match kind {
        Kind::SocketCall => {
            let number = call.arguments[0] as u32;
            let Some(kind) = kind_of(number, BEHIND_SOCKETCALL) else { return Ok(Reply::Continue) };
            let mut arguments = [0; 6];
            let count = if matches!(kind, Kind::SendTo) { 6 } else { 5 };
            for (at, argument) in arguments.iter_mut().enumerate().take(count) {
                // Where they end, the memory may, too.
                *argument = thread.word(call.arguments[1] + 4 * at as u64, abi.wide).unwrap_or(0);
            }
            (kind, arguments)
        }
        kind => (kind, call.arguments),
    };
    let descriptor = || {
        let duplicate = thread.duplicate(arguments[0] as c_int);
        duplicate.map_err(|error| error.raw_os_error().unwrap_or(libc::EBADF))
    };
    // Most sends need no port any more: of these, nothing else is asked.
    let sender = match kind.send_flags(&arguments) {
        Some(flags) => {
            let sender = descriptor()?;
            let Some(local) = serve::unsettled(sender.as_raw_fd(), flags) else { return Ok(Reply::Continue) };
            Some((sender, local))
        }
        None => None,
    };
    let unread = sender.as_ref().and_then(|(_, local)| What::unread(kind, &arguments, local, client));
    let reads = unread.is_none();
    let read = || What::of(kind, &arguments, thread, abi.wide);
    let Some(what) = unread.or_else(read) else { return Ok(Reply::Continue) };
    let Some(session) = client.session else { return Ok(Reply::Continue) };
    session.region.header.unseen.fetch_add(1, Relaxed);
    if let What::LimitsItself = what {
        session.region.header.ranges.store(1, Relaxed);
        return Ok(Reply::Continue);
    }
    let (duplicate, local) = match sender {
        Some((sender, local)) => (sender, Some(local)),
        None => (descriptor()?, None),
    };
    // What was read since a descriptor was had may be another thread's, which has the number now.
    let waits = if local.is_some() && reads { listener.still_waits(call) } else { is_caller(listener, call, member) };
    if !waits {
        return Ok(Reply::Continue);
    }
    what.note(kind, &arguments, client);
    let fd = duplicate.as_raw_fd();
    client.represent();
    let reply = serve::serve(&Asked { on: On { client, session }, fd, local, what });
    forget_range(fd);
    // It is closed before the call is answered: the program's own descriptors alone keep its
    // socket.
    drop(duplicate);
    // An address that can no longer be read fails before a port is looked for.
    let is_bad = !reads && matches!(reply, Reply::Error(_)) && read().is_none();
    Ok(if is_bad { Reply::Continue } else { reply })
}
