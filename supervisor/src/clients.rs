//! The threads and processes that are served, as far as they are remembered. What is remembered
//! spares work: a number that has become another's is noticed at the next call.

use crate::client::{Client, field, stack, started};
use crate::descriptors;
use crate::sessions::{Governed, Sessions};
use crate::surroundings::{Standing, Surroundings};
use crate::thread::Thread;
use portshim_mechanism::linux::kernel::clock::boot_ticks;
use portshim_mechanism::linux::kernel::liveness::MOST_PARENTS;
use portshim_mechanism::place;
use portshim_policy::region::{NAME, Region};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::rc::Rc;

/// A thread, and whose it is.
pub(crate) struct Member {
    pub(crate) thread: Thread,
    pub(crate) client: Rc<Client>,
    /// Where it stands, where sockets are made for it.
    pub(crate) standing: Standing,
    /// A call of it still waited when it had been found by its number: it is no other thread.
    pub(crate) is_sure: Cell<bool>,
}

/// Those that are remembered.
pub(crate) struct Clients {
    pub(crate) sessions: Sessions,
    members: HashMap<u32, Rc<Member>>,
    processes: HashMap<u32, Rc<Client>>,
    /// Processes that may have become another program, or are about to.
    executing: HashMap<u32, Executing>,
    /// Processes that have confined themselves.
    confined: HashMap<u32, Confined>,
    /// Time when the first of them did, in clock ticks since boot.
    first_confined: Option<u64>,
    most: usize,
    /// Surroundings of this process, where sockets are made for others.
    own: Option<Surroundings>,
}

/// Calls to execve(2) of a process. Until one has succeeded, its other threads go on.
struct Executing {
    /// The threads that have made them.
    threads: HashSet<u32>,
    /// The stack of the program that the process was before.
    stack: Option<u64>,
}

impl Executing {
    /// Tells whether one may be under way, as a call of this thread of the process shows.
    fn goes_on(&mut self, process: u32, caller: u32) -> bool {
        let is_there = |thread: &u32| fs::exists(format!("/proc/{process}/task/{thread}")).unwrap_or(true);
        self.threads.retain(|thread| *thread != caller && is_there(thread));
        !self.threads.is_empty() && stack(process) == self.stack
    }
}

/// Confinement of a process, and of what it forks from then on. Times are in clock ticks since
/// boot.
struct Confined {
    /// Begin of the process.
    since: u64,
    at: u64,
}

impl Clients {
    pub(crate) fn of(sessions: Sessions, makes_sockets: bool) -> Self {
        Self {
            sessions,
            members: HashMap::new(),
            processes: HashMap::new(),
            executing: HashMap::new(),
            confined: HashMap::new(),
            first_confined: None,
            most: descriptors::members(),
            own: makes_sockets.then(Surroundings::own),
        }
    }

    /// The thread of this number; `None` where nothing can be known of it.
    pub(crate) fn member(&mut self, thread: u32) -> Option<Rc<Member>> {
        if let Some(member) = self.members.get(&thread)
            && !self.executing.contains_key(&member.client.process)
        {
            return Some(Rc::clone(member));
        }
        self.look(thread)
    }

    #[cold]
    fn look(&mut self, number: u32) -> Option<Rc<Member>> {
        if self.members.len() >= self.most {
            self.members.clear();
            self.processes.clear();
            self.executing.retain(|process, _| started(*process).is_some());
        }
        if self.sessions.are_many() {
            self.shed();
        }
        let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
        let process = field(&status, "Tgid:")?.parse().ok()?;
        let thread = Thread::open(number, process).ok()?;
        let executes = self.executing.get_mut(&process).map(|executing| executing.goes_on(process, number));
        if executes == Some(false) {
            self.executing.remove(&process);
        }
        let executes = executes.is_some();
        let is_it = |client: &&Rc<Client>| !executes && started(process) == Some(client.since);
        let client = match self.processes.get(&process).filter(is_it) {
            Some(client) => Rc::clone(client),
            None => {
                let confined = self.is_confined(process, &status);
                let parent = parent(&status).and_then(|parent| self.processes.get(&parent));
                let governed = self.sessions.govern(process, parent.map(|parent| parent.governed));
                let before = self.processes.get(&process).map(Rc::as_ref);
                Rc::new(Client::look(governed, &thread, process, confined, before)?)
            }
        };
        if executes {
            self.members.retain(|_, member| member.client.process != process);
        }
        self.processes.insert(process, Rc::clone(&client));
        let standing = self.own.as_ref().map_or(Standing::Here, |own| own.standing(number, &status));
        let member = Rc::new(Member { thread, client, standing, is_sure: Cell::new(false) });
        self.members.insert(number, Rc::clone(&member));
        Some(member)
    }

    /// Forgets processes that have ended, and the sessions that are over with them.
    fn shed(&mut self) {
        self.processes.retain(|process, client| started(*process) == Some(client.since));
        self.members.retain(|_, member| self.processes.contains_key(&member.client.process));
        place::act_for(0, 0, &[0; NAME], None);
        let members = self.members.values().map(|member| &member.client);
        let clients: Vec<_> = self.processes.values().chain(members).collect();
        let is_in_use = |region: &Region| {
            clients.iter().any(|client| matches!(client.governed, Governed::By(its) if std::ptr::eq(its, region)))
        };
        // SAFETY: only clients refer to sessions, and only those that are in these tables are in
        // use: nobody is being served while it is looked for another.
        unsafe { self.sessions.shed(is_in_use) };
    }

    /// Tells whether a process is confined: by itself, or by one that it descends from, if it was
    /// forked after that. Of an orphan's parents nothing is known: one that began after the first
    /// confinement may be confined.
    fn is_confined(&mut self, process: u32, status: &str) -> bool {
        let Some(first) = self.first_confined else { return false };
        self.confined.retain(|process, confined| started(*process) == Some(confined.since));
        if self.confined.contains_key(&process) {
            return true;
        }
        let Some(mut began) = started(process) else { return true };
        let mut at = parent(status).unwrap_or(0);
        for _ in 0..MOST_PARENTS {
            if at <= 1 || at == std::process::id() {
                return began >= first;
            }
            if self.confined.get(&at).is_some_and(|parent| began >= parent.at) {
                return true;
            }
            let since = started(at);
            let known = self.processes.get(&at).filter(|client| since == Some(client.since));
            // Of one that has confined itself, that may have been all.
            if let Some(client) = known.filter(|_| !self.confined.contains_key(&at)) {
                return client.confined;
            }
            let status = fs::read_to_string(format!("/proc/{at}/status")).unwrap_or_default();
            at = parent(&status).unwrap_or(0);
            began = since.unwrap_or(u64::MAX);
        }
        true
    }

    /// The file of the session that the process of this thread is under.
    pub(crate) fn session_of(&mut self, thread: u32) -> Option<&Path> {
        let governed = match self.sessions.is_alone() {
            true => None,
            false => self.member(thread).map(|member| member.client.governed),
        };
        match governed {
            Some(Governed::By(region)) => self.sessions.file(region),
            Some(Governed::ByItself) | None => self.sessions.file(self.sessions.home),
        }
    }

    /// The number means another thread by now.
    pub(crate) fn forget(&mut self, thread: u32) {
        if let Some(member) = self.members.remove(&thread) {
            self.processes.remove(&member.client.process);
        }
    }

    /// The thread is about to be another user's, or in another network.
    pub(crate) fn moves(&mut self, thread: u32) {
        self.members.remove(&thread);
    }

    /// The process of this thread is about to become another program.
    pub(crate) fn executes(&mut self, thread: u32) {
        let process = match self.members.get(&thread) {
            Some(member) => Some(member.client.process),
            // Another thread of it may be met before the call has succeeded.
            None => fs::read_to_string(format!("/proc/{thread}/status")).ok().and_then(|status| {
                let process = field(&status, "Tgid:")?.parse().ok()?;
                (self.processes.contains_key(&process) || field(&status, "Threads:") != Some("1")).then_some(process)
            }),
        };
        let Some(process) = process else { return };
        let begins = || Executing { threads: HashSet::new(), stack: stack(process) };
        self.executing.entry(process).or_insert_with(begins).threads.insert(thread);
    }

    /// The process of this thread is about to confine itself.
    pub(crate) fn confines(&mut self, thread: u32) {
        let Some(process) = process_of(thread) else { return };
        let Some(since) = started(process) else { return };
        let at = boot_ticks();
        self.first_confined.get_or_insert(at);
        self.confined.entry(process).and_modify(|confined| confined.since = since).or_insert(Confined { since, at });
        // What is known of it, and of it alone, was before that.
        self.members.retain(|_, member| member.client.process != process);
        self.processes.remove(&process);
    }
}

/// The number of a process's parent.
fn parent(status: &str) -> Option<u32> {
    field(status, "PPid:")?.parse().ok()
}

fn process_of(thread: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    field(&status, "Tgid:")?.parse().ok()
}
