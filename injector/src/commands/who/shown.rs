//! A socket that has a port, for programs to read.

use crate::commands::processes::ShownProcess;
use crate::platform::{self, Holders, LiveSession, Process, Socket, State};
use crate::present;
use humantime::format_rfc3339_micros;
use portshim_policy::ports::Scope;
use portshim_policy::region::{Event, Reader};
use serde::Serialize;
use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

/// A socket.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) port: u16,
    /// The port spaces in which it has that port.
    pub(super) scopes: Vec<&'static str>,
    /// Its local address.
    pub(super) address: String,
    /// Its state, as RFC 9293 names those of TCP; `bound` is none of them.
    pub(super) state: &'static str,
    /// Address and port of whom it is connected to; `null` where it is not.
    pub(super) peer: Option<String>,
    /// Time when the memory of a connection in TIME_WAIT ends; `null` in other states.
    pub(super) until: Option<String>,
    /// Whose it is; `null` where nobody has it any more, or the system does not tell.
    pub(super) user: Option<String>,
    /// The processes that have it; none where nobody has it any more, or `hidden` says so.
    pub(super) processes: Vec<Holder>,
    /// Set if a process has it that cannot be seen from here.
    pub(super) hidden: bool,
    /// Time and way in which a session handed the port out, as far as its log goes back.
    pub(super) handed_out: Option<HandedOut>,
    /// Set if it is hidden because this user may not look into some processes.
    #[serde(skip)]
    pub(super) denied: bool,
    #[serde(skip)]
    pub(super) is: State,
}

/// A process that has a socket.
#[derive(Serialize)]
pub(super) struct Holder {
    #[serde(flatten)]
    pub(super) process: ShownProcess,
    /// Time when the process started.
    pub(super) started: Option<String>,
    /// The session that it belongs to.
    pub(super) session: Option<String>,
    #[serde(skip)]
    pub(super) age: Option<Duration>,
}

/// Request that a port was handed out for.
#[derive(Clone, Serialize)]
pub(super) struct HandedOut {
    pub(super) time: String,
    pub(super) process: u32,
    pub(super) call: &'static str,
    pub(super) how: &'static str,
    pub(super) session: String,
}

/// The sessions, by what is asked of them.
pub(super) struct Sessions {
    by_process: HashMap<u32, String>,
    by_port: HashMap<(u16, usize), HandedOut>,
}

impl Sessions {
    pub(super) fn new(sessions: &[LiveSession]) -> Self {
        let mut all = Self { by_process: HashMap::new(), by_port: HashMap::new() };
        for session in sessions {
            let members = session.processes.iter().map(|process| (process.pid, session.id.clone()));
            all.by_process.extend(members);
            // What cannot be read is told of by `status`.
            let Ok(region) = session.snapshot() else { continue };
            region.events.read(&mut Reader::default(), |event| all.note(session, &event));
        }
        all
    }

    fn note(&mut self, session: &LiveSession, event: &Event) {
        let handed_out = HandedOut {
            time: format_rfc3339_micros(UNIX_EPOCH + Duration::from_nanos(event.time)).to_string(),
            process: event.process,
            call: event.call.into(),
            how: event.verdict.into(),
            session: session.id.clone(),
        };
        if event.verdict.is_given() {
            self.by_port.insert((event.port, event.scope.index()), handed_out);
        }
    }
}

impl Shown {
    pub(super) fn new(socket: &Socket, holders: &Holders, sessions: &Sessions) -> Self {
        let Socket { port, scopes, local, peer, state, user, inode } = socket;
        let processes: Vec<_> =
            holders.of.get(inode).into_iter().flatten().map(|pid| Holder::new(*pid, sessions)).collect();
        let owner = || platform::owner(processes.first()?.process.pid);
        let until = match state {
            State::TimeWait(left) => left.and_then(present::moment_in),
            _ => None,
        };
        Self {
            port: *port,
            scopes: scopes.iter().map(Scope::name).collect(),
            address: local.to_string(),
            state: state.into(),
            peer: peer.map(|peer| peer.to_string()),
            until,
            user: user.or_else(owner).map(platform::user),
            hidden: processes.is_empty() && *inode != 0,
            denied: holders.some_hidden,
            processes,
            handed_out: scopes.iter().find_map(|scope| sessions.by_port.get(&(*port, scope.index()))).cloned(),
            is: *state,
        }
    }

    /// Place in the list: by port, listeners before connections, and what only waits last.
    pub(super) fn rank(&self) -> (u16, u8, String) {
        let group = match self.is {
            State::Listen => 0,
            State::Bound => 1,
            State::TimeWait(_) => 3,
            _ => 2,
        };
        (self.port, group, self.peer.clone().unwrap_or_default())
    }
}

impl Holder {
    fn new(pid: u32, sessions: &Sessions) -> Self {
        let process = Process::new(pid);
        let age = process.age();
        Self {
            process: ShownProcess::from(&process),
            started: present::moment(age),
            session: sessions.by_process.get(&pid).cloned(),
            age,
        }
    }
}
