//! A session, for programs to read.

use crate::commands::names::name_in;
use crate::commands::ports::{allowed, by_ports, ranges, set};
use crate::commands::processes::{Member, place_of};
use crate::commands::usage::{self, Usage};
use crate::messages;
use crate::platform::{self, LiveSession, Process};
use crate::present::{self, Outside};
use portshim_policy::model::Restriction;
use portshim_policy::ports::{PortSet, Scope, ScopeSet};
use portshim_policy::region::{Counts, Entry, Process as Place, Region, SharedRules};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::{Add, Not};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A session, for programs to read.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) id: String,
    /// Name that it was given; `null` for none.
    pub(super) name: Option<String>,
    /// Time when it was made; `null` where its file does not say.
    pub(super) started: Option<String>,
    /// The command line of its program.
    pub(super) command: String,
    /// The region's file.
    pub(super) file: String,
    /// The last is for all programs that none before it matched.
    pub(super) rules: Vec<ShownRules>,
    /// Ports reserved and blocked since it began, for all programs.
    pub(super) reserved: Vec<Taken>,
    pub(super) blocked: Vec<Taken>,
    /// Ports that wildcard binds do not get for as long as a test wants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exhausted: Vec<Taken>,
    /// The ports that the system keeps back, as far as its processes have met them.
    pub(super) kept_back: Vec<String>,
    pub(super) processes: Vec<ShownUse>,
    /// Programs outside the session that hold ports of its ranges.
    pub(super) others: Vec<ShownOther>,
    /// Programs that were executed where no policy reaches; `null` for none.
    pub(super) outside: Option<Outside>,
}

#[derive(Serialize)]
pub(super) struct ShownRules {
    /// The glob over the executable's name; `null` for all others.
    #[serde(rename = "match")]
    pub(super) matches: Option<String>,
    pub(super) select: &'static str,
    pub(super) sharing: &'static str,
    pub(super) scopes: Vec<ShownScope>,
    /// Ports that the policy itself keeps back.
    pub(super) reserved: Vec<Taken>,
    pub(super) blocked: Vec<Taken>,
}

#[derive(Serialize)]
pub(super) struct ShownScope {
    pub(super) scope: &'static str,
    /// The dynamic ports, reserved and blocked ones included.
    pub(super) dynamic: String,
    /// Those of them that may be handed out, and how many they are.
    pub(super) ports: String,
    #[serde(flatten)]
    pub(super) figures: Figures,
    /// Requests left to the system, because the program's sandbox left no way to serve them.
    pub(super) uncovered: u32,
}

/// Numbers of ports and of requests: of one scope, or of several together.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Figures {
    pub(super) allowed: u32,
    /// Number of dynamic ports that any socket holds, of this session or not.
    pub(super) in_use: u32,
    /// Number of them that processes of this session hold.
    pub(super) by_session: u32,
    /// On how many of those in use there is nothing but connections in TIME_WAIT.
    pub(super) time_wait: u32,
    /// Number of those that may be handed out, no socket holds and the system does not keep back.
    pub(super) free: u32,
    /// The most sockets that have held a port handed out here at once; `null` under a supervisor.
    pub(super) peak: Option<u32>,
    /// Requests that got a port.
    pub(super) served: u64,
    /// Requests that got none.
    pub(super) exhausted: u64,
    /// Specific binds refused because the port is blocked.
    pub(super) refused: u64,
}

/// Ports that are reserved or blocked, and by whom.
#[derive(Serialize)]
pub(super) struct Taken {
    pub(super) ports: String,
    pub(super) scope: String,
    pub(super) owner: Owner,
    /// Set if that holds for the owner and the processes that descend from it alone.
    #[serde(skip_serializing_if = "Not::not")]
    pub(super) alone: bool,
}

/// Owner of ports that are kept back.
#[derive(Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Owner {
    /// The policy that the session began with.
    Policy,
    /// The session itself, asked for on the command line.
    CommandLine,
    /// A process of the session, for as long as it lives.
    Process { pid: u32, name: Option<String> },
}

/// A process, and the ports that it holds, in this session's range or not.
#[derive(Serialize)]
pub(super) struct ShownUse {
    #[serde(flatten)]
    pub(super) member: Member,
    /// Number.
    pub(super) in_use: u32,
    /// Ports, by scope, as ranges and one by one.
    pub(super) ports: BTreeMap<&'static str, String>,
    pub(super) numbers: BTreeMap<&'static str, Vec<u16>>,
    /// Requests of its own that got a port, in all scopes; and so on.
    pub(super) served: u64,
    pub(super) exhausted: u64,
    pub(super) refused: u64,
    pub(super) uncovered: u64,
}

/// A program outside the session, and the ports of the session's ranges that it holds.
#[derive(Serialize)]
pub(super) struct ShownOther {
    /// One of its processes; `null` where none can be seen: another user's, or ended meanwhile.
    pub(super) pid: Option<u32>,
    pub(super) name: Option<String>,
    pub(super) command: Option<String>,
    /// Whose it is; `null` where the system does not tell.
    pub(super) user: Option<String>,
    /// Ports, by scope, as ranges and one by one.
    pub(super) ports: BTreeMap<&'static str, String>,
    pub(super) numbers: BTreeMap<&'static str, Vec<u16>>,
}

impl Shown {
    pub(super) fn new(session: &LiveSession, region: &Region, usage: &Usage) -> Self {
        Self {
            id: session.id.clone(),
            name: name_in(region),
            started: present::moment(session.age),
            command: session.command.clone(),
            file: session.path.display().to_string(),
            rules: region.all_rules().iter().map(|rules| ShownRules::new(region, rules, usage)).collect(),
            reserved: entries(session, region, Restriction::Reserve),
            blocked: entries(session, region, Restriction::Block),
            exhausted: entries(session, region, Restriction::Exhaust),
            kept_back: messages::kept_back(region),
            processes: session.processes.iter().map(|process| ShownUse::new(session, process, region, usage)).collect(),
            others: usage.by_others(&ranges(region)).into_iter().map(ShownOther::new).collect(),
            outside: Outside::of(region),
        }
    }
}

/// The ports of each scope that has any, as ranges.
fn ranges_of(ports: &[PortSet; 4]) -> BTreeMap<&'static str, String> {
    let scopes = Scope::ALL.into_iter().zip(ports).filter(|(_, ports)| !ports.is_empty());
    scopes.map(|(scope, ports)| (scope.name(), ports.to_string())).collect()
}

/// The ports of each scope that has any, one by one.
fn numbers_of(ports: &[PortSet; 4]) -> BTreeMap<&'static str, Vec<u16>> {
    let scopes = Scope::ALL.into_iter().zip(ports).filter(|(_, ports)| !ports.is_empty());
    let all = |ports: &PortSet| ports.runs().flat_map(|run| run.first()..=run.last()).collect();
    scopes.map(|(scope, ports)| (scope.name(), all(ports))).collect()
}

impl ShownOther {
    fn new(other: usage::Other) -> Self {
        let process = other.process;
        Self {
            pid: process.as_ref().map(|process| process.pid),
            name: process.as_ref().map(|process| process.name.clone()),
            command: process.map(|process| process.command),
            user: other.user.map(platform::user),
            ports: ranges_of(&other.ports),
            numbers: numbers_of(&other.ports),
        }
    }
}

/// Entries of the ledger, the oldest first.
fn entries(session: &LiveSession, region: &Region, act: Restriction) -> Vec<Taken> {
    let mut entries: Vec<_> = region.ledger.entries().filter(|entry| entry.act == act).collect();
    entries.sort_by_key(|entry| entry.number);
    let taken = |entry: &Entry| Taken {
        alone: entry.maker.tree,
        ..Taken::new(&entry.range, entry.scopes, Owner::of(session, &entry.maker.owner))
    };
    entries.iter().map(taken).collect()
}

impl Owner {
    fn of(session: &LiveSession, owner: &portshim_policy::region::Owner) -> Self {
        if owner.is(&portshim_policy::region::Owner::SESSION) {
            return Self::CommandLine;
        }
        match session.processes.iter().find(|process| process.is(owner)) {
            Some(process) => Self::Process { pid: process.pid, name: Some(process.name.clone()) },
            None => Self::Process { pid: owner.process, name: None },
        }
    }
}

impl ShownRules {
    fn new(region: &Region, rules: &SharedRules, usage: &Usage) -> Self {
        let taken = |ports: &dyn Fn(Scope) -> PortSet| {
            let groups = by_ports(Scope::ALL.map(|scope| (scope, ports(scope))));
            let taken = groups.into_iter().map(|(ports, scopes)| Taken::new(&ports, scopes, Owner::Policy));
            taken.collect()
        };
        Self {
            matches: rules.pattern(),
            select: rules.order().into(),
            sharing: rules.sharing().into(),
            scopes: Scope::ALL.map(|scope| ShownScope::new(region, rules, scope, usage)).into(),
            reserved: taken(&|scope| set(&rules.scope(scope).reserved)),
            blocked: taken(&|scope| set(&rules.scope(scope).blocked)),
        }
    }
}

impl Add for Figures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            allowed: self.allowed + other.allowed,
            in_use: self.in_use + other.in_use,
            by_session: self.by_session + other.by_session,
            time_wait: self.time_wait + other.time_wait,
            free: self.free + other.free,
            peak: self.peak.zip(other.peak).map(|(one, other)| one + other),
            served: self.served + other.served,
            exhausted: self.exhausted + other.exhausted,
            refused: self.refused + other.refused,
        }
    }
}

impl ShownScope {
    fn new(region: &Region, rules: &SharedRules, scope: Scope, usage: &Usage) -> Self {
        let ports = allowed(region, rules, scope);
        let live = rules.live(scope);
        // What was handed out before it was reserved is in use all the same.
        let dynamic = set(&rules.scope(scope).dynamic);
        let of = |held: &PortSet| usage::common(&dynamic, held);
        let (open, any) = (of(usage.open(scope)), of(usage.any(scope)));
        let mut gone = usage.any(scope).clone();
        gone.union(&region.kept_back(scope).ports());
        let by_session = of(usage.by_session(scope)).max(unlisted(region, |place| {
            let is_under_these = place.rules.load(Relaxed) == region.number_of(rules);
            if is_under_these { place.counts(scope).held.load(Relaxed) } else { 0 }
        }));
        let in_use = any.max(by_session);
        Self {
            scope: scope.name(),
            figures: Figures {
                allowed: ports.len(),
                in_use,
                by_session,
                time_wait: any - open,
                free: (ports.len() - usage::common(&ports, &gone)).saturating_sub(in_use - any),
                peak: present::peak(region, live.high.load(Relaxed)),
                served: live.served.load(Relaxed),
                exhausted: live.exhausted.load(Relaxed),
                refused: live.refused.load(Relaxed),
            },
            uncovered: live.uncovered.load(Relaxed),
            ports: ports.to_string(),
            dynamic: dynamic.to_string(),
        }
    }
}

/// Sum of what the processes that live `count` themselves, where the system does not list every
/// socket that has a port.
fn unlisted(region: &Region, count: impl Fn(&Place) -> u32) -> u32 {
    if platform::LISTS_ALL {
        return 0;
    }
    let lives = |place: &&Place| place.owner().as_ref().is_some_and(platform::is_alive);
    region.processes.all().iter().filter(lives).map(count).fold(0, u32::saturating_add)
}

impl Taken {
    fn new(ports: &impl Display, scopes: ScopeSet, owner: Owner) -> Self {
        Self { ports: ports.to_string(), scope: scopes.to_string(), owner, alone: false }
    }
}

impl ShownUse {
    fn new(session: &LiveSession, process: &Process, region: &Region, usage: &Usage) -> Self {
        let held = usage.by_process(process.pid);
        let place = place_of(process, region);
        let counts = || place.into_iter().flat_map(|place| Scope::ALL.map(|scope| place.counts(scope)));
        let sum = |counter: &dyn Fn(&Counts) -> &AtomicU64| {
            counts().map(|counts| counter(counts).load(Relaxed)).fold(0, u64::saturating_add)
        };
        let own = unlisted(region, |one| {
            let is_it = one.owner().is_some_and(|owner| process.is(&owner));
            if is_it { Scope::ALL.iter().map(|scope| one.counts(*scope).held.load(Relaxed)).sum() } else { 0 }
        });
        Self {
            in_use: held.iter().map(PortSet::len).sum::<u32>().max(own),
            ports: ranges_of(held),
            numbers: numbers_of(held),
            served: sum(&|counts| &counts.served),
            exhausted: sum(&|counts| &counts.exhausted),
            refused: sum(&|counts| &counts.refused),
            uncovered: counts().map(|counts| u64::from(counts.uncovered.load(Relaxed))).sum(),
            member: Member::new(session, process, Some(region)),
        }
    }
}
