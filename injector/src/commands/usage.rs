//! Holders of ports: the sockets that the kernel knows, and the processes that have them.

use crate::platform::{self, LiveSession, Process, Socket};
use portshim_policy::ports::{PortRange, PortSet, Scope};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Ports of each scope.
type Ports = [PortSet; 4];

/// The ports that are in use where a session's processes are.
#[derive(Default)]
pub(super) struct Usage {
    any: Ports,
    open: Ports,
    session: Ports,
    processes: HashMap<u32, Ports>,
    others: Vec<Socket>,
    members: HashSet<u32>,
    none: Ports,
}

/// A program that is not of a session, and ports that it holds.
pub(super) struct Other {
    /// One of its processes, where any can be seen.
    pub(super) process: Option<Process>,
    /// Number of its user, as far as the system tells.
    pub(super) user: Option<u32>,
    pub(super) ports: Ports,
}

impl Usage {
    /// As it is now.
    pub(super) fn of(session: &LiveSession) -> Result<Self, String> {
        // Descriptors first: a socket that is closed in between is then not counted as anybody's.
        let mut holders = HashMap::<u64, Vec<u32>>::new();
        for process in &session.processes {
            for inode in platform::held(process.pid) {
                holders.entry(inode).or_default().push(process.pid);
            }
        }
        let sockets = platform::sockets(session.processes.iter().map(|process| process.pid))?;
        let members = session.processes.iter().map(|process| process.pid).collect();
        let mut usage = Self { members, ..Self::default() };
        for socket in &sockets {
            usage.count(socket, holders.get(&socket.inode).map_or(&[], Vec::as_slice));
        }
        // What no process has any more, a connection that ends by itself, is nobody's.
        let is_others = |socket: &Socket| socket.inode != 0 && !holders.contains_key(&socket.inode);
        usage.others = sockets.into_iter().filter(is_others).collect();
        Ok(usage)
    }

    fn count(&mut self, socket: &Socket, holders: &[u32]) {
        let port = PortRange::single(socket.port);
        for scope in socket.scopes.iter().map(Scope::index) {
            self.any[scope].insert(port);
            if !socket.waits() {
                self.open[scope].insert(port);
            }
            if !holders.is_empty() {
                self.session[scope].insert(port);
            }
            for pid in holders {
                self.processes.entry(*pid).or_default()[scope].insert(port);
            }
        }
    }

    /// The ports that any socket holds, of whichever program.
    pub(super) fn any(&self, scope: Scope) -> &PortSet {
        &self.any[scope.index()]
    }

    /// Those of them that a socket holds which is more than a connection in TIME_WAIT.
    pub(super) fn open(&self, scope: Scope) -> &PortSet {
        &self.open[scope.index()]
    }

    /// Those of them that processes of the session hold.
    pub(super) fn by_session(&self, scope: Scope) -> &PortSet {
        &self.session[scope.index()]
    }

    /// Those of `ports` that programs hold which are not of the session.
    pub(super) fn by_others(&self, ports: &Ports) -> Vec<Other> {
        let within = |socket: &&Socket| socket.scopes.iter().any(|scope| ports[scope.index()].contains(socket.port));
        let sockets: Vec<_> = self.others.iter().filter(within).collect();
        let inodes = sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
        let holders = platform::holders(&inodes);
        let mut others = BTreeMap::<(Option<u32>, Option<u32>), Ports>::new();
        for socket in sockets {
            let pids = holders.of.get(&socket.inode).map_or(&[][..], Vec::as_slice);
            // One that was opened in the midst of the look is the session's all the same.
            if pids.iter().any(|pid| self.members.contains(pid)) {
                continue;
            }
            let pid = pids.first().copied();
            let user = socket.user.or_else(|| platform::owner(pid?));
            let held = others.entry((pid, user)).or_default();
            let scopes = socket.scopes.iter().filter(|scope| ports[scope.index()].contains(socket.port));
            scopes.for_each(|scope| held[scope.index()].insert(PortRange::single(socket.port)));
        }
        let other = |((pid, user), ports): ((Option<u32>, _), _)| Other { process: pid.map(Process::new), user, ports };
        others.into_iter().map(other).collect()
    }

    /// Those of them that one process holds.
    pub(super) fn by_process(&self, pid: u32) -> &Ports {
        self.processes.get(&pid).unwrap_or(&self.none)
    }
}

/// Number of ports two sets have in common.
pub(super) fn common(one: &PortSet, other: &PortSet) -> u32 {
    one.words().iter().zip(other.words()).map(|(one, other)| (one & other).count_ones()).sum()
}
