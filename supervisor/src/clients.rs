//! The threads and processes that are served, as far as they are remembered. What is remembered
//! spares work: a number that has become another's is noticed at the next call.

use crate::client::{Client, field, started};
use crate::sessions::Sessions;
use crate::thread::Thread;
use portshim_mechanism::linux::kernel::liveness::MOST_PARENTS;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::rc::Rc;

/// Number of threads that are remembered at once. Each takes a descriptor.
const MOST: usize = 512;

/// A thread, and whose it is.
pub(crate) struct Member {
    pub(crate) thread: Thread,
    pub(crate) client: Rc<Client>,
}

/// Those that are remembered.
pub(crate) struct Clients {
    pub(crate) sessions: Sessions,
    members: HashMap<u32, Rc<Member>>,
    processes: HashMap<u32, Rc<Client>>,
    /// Processes that may have become another program.
    executing: HashSet<u32>,
    /// Processes that have confined themselves, children of theirs included.
    confined: HashSet<u32>,
}

impl Clients {
    pub(crate) fn of(sessions: Sessions) -> Self {
        let (members, processes) = (HashMap::new(), HashMap::new());
        Self { sessions, members, processes, executing: HashSet::new(), confined: HashSet::new() }
    }

    /// The thread of this number; `None` where nothing can be known of it.
    pub(crate) fn member(&mut self, thread: u32) -> Option<Rc<Member>> {
        if let Some(member) = self.members.get(&thread)
            && !self.executing.contains(&member.client.process)
        {
            return Some(Rc::clone(member));
        }
        self.look(thread)
    }

    #[cold]
    fn look(&mut self, number: u32) -> Option<Rc<Member>> {
        if self.members.len() >= MOST {
            self.members.clear();
            self.processes.clear();
            self.executing.clear();
        }
        let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
        let process = field(&status, "Tgid:")?.parse().ok()?;
        let thread = Thread::open(number, process).ok()?;
        let executes = self.executing.remove(&process);
        let is_it = |client: &&Rc<Client>| !executes && started(process) == Some(client.since);
        let client = match self.processes.get(&process).filter(is_it) {
            Some(client) => Rc::clone(client),
            None => {
                let confined = self.inherits(process, &status);
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
        let member = Rc::new(Member { thread, client });
        self.members.insert(number, Rc::clone(&member));
        Some(member)
    }

    /// Tells whether a process is confined: by itself, or by one that it descends from. Where the
    /// chain of parents ends before one that is known, because one has ended, it may be.
    fn inherits(&mut self, process: u32, status: &str) -> bool {
        if self.confined.is_empty() {
            return false;
        }
        let confined = self.confined.contains(&process) || self.descends_from_confined(status);
        if confined {
            self.confined.insert(process);
        }
        confined
    }

    fn descends_from_confined(&self, status: &str) -> bool {
        let mut at = parent(status).unwrap_or(0);
        for _ in 0..MOST_PARENTS {
            if at <= 1 || at == std::process::id() || self.confined.contains(&at) {
                return true;
            }
            if let Some(client) = self.processes.get(&at).filter(|client| started(at) == Some(client.since)) {
                return client.confined;
            }
            let status = fs::read_to_string(format!("/proc/{at}/status")).unwrap_or_default();
            at = parent(&status).unwrap_or(0);
        }
        true
    }

    /// The number means another thread by now.
    pub(crate) fn forget(&mut self, thread: u32) {
        if let Some(member) = self.members.remove(&thread) {
            self.processes.remove(&member.client.process);
        }
    }

    /// The process of this thread is about to become another program.
    pub(crate) fn executes(&mut self, thread: u32) {
        let process = match self.members.get(&thread) {
            Some(member) => Some(member.client.process),
            None => process_of(thread).filter(|process| self.processes.contains_key(process)),
        };
        self.executing.extend(process);
    }

    /// The process of this thread is about to confine itself.
    pub(crate) fn confines(&mut self, thread: u32) {
        let Some(process) = process_of(thread) else { return };
        self.confined.insert(process);
        // Its children, too, are looked at anew.
        self.members.clear();
        self.processes.clear();
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
