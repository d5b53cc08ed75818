//! Reasons why no port was left: where the ports of a range were.

use crate::commands::ports::{ranges, set};
use crate::commands::usage::{Usage, common};
use crate::platform::{self, LiveSession, Session};
use portshim_policy::model::Restriction;
use portshim_policy::ports::{PortSet, Scope};
use portshim_policy::region::Region;
use serde::Serialize;

/// Number of holders that are named.
const NAMED: usize = 5;

/// Holders of the ports of a scope, each counted once: at the first of these that has it.
#[derive(Serialize)]
pub(super) struct Why {
    /// Time between the last request and the look, in milliseconds.
    pub(super) late: u64,
    /// Number of ports of the range.
    pub(super) range: u32,
    pub(super) reserved: u32,
    pub(super) blocked: u32,
    /// In use by the session, by others, by nobody any more.
    pub(super) own: u32,
    pub(super) others: u32,
    pub(super) waiting: u32,
    /// Kept back by the system.
    pub(super) kept_back: u32,
    pub(super) free: u32,
    /// Holder of the most of them.
    pub(super) holders: Vec<Holder>,
}

/// A process, and how many ports it has; `null` for one that cannot be seen.
#[derive(Serialize)]
pub(super) struct Holder {
    pub(super) process: Option<u32>,
    pub(super) name: String,
    pub(super) ports: u32,
    /// Set if it is of the session.
    pub(super) own: bool,
}

impl Why {
    /// As it is now; `None` where the session has ended, or the system does not tell.
    pub(super) fn of(session: &Session, region: &Region, scope: &str, late: u64) -> Option<Self> {
        let session = LiveSession::all().into_iter().find(|live| live.path == session.path)?;
        let scope = Scope::ALL.into_iter().find(|one| one.name() == scope)?;
        let usage = Usage::of(&session).ok()?;
        let dynamic = ranges(region);
        let range = &dynamic[scope.index()];
        let mut left = range.clone();
        let mut take = |ports: &PortSet| {
            let count = common(&left, ports);
            left.subtract(ports);
            count
        };
        let (reserved, blocked) = kept(region, scope);
        let others = usage.by_others(&dynamic);
        let own = session.processes.iter().map(|process| Holder {
            process: Some(process.pid),
            name: process.name.clone(),
            ports: common(range, &usage.by_process(process.pid)[scope.index()]),
            own: true,
        });
        let others = others.iter().map(|other| {
            let (process, ports) = (other.process.as_ref(), other.ports[scope.index()].len());
            let user = || other.user.map_or_else(String::new, platform::user);
            let name = process.map_or_else(user, |process| process.name.clone());
            Holder { process: process.map(|process| process.pid), name, ports, own: false }
        });
        let mut holders: Vec<_> = own.chain(others).filter(|holder| holder.ports > 0).collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.ports));
        holders.truncate(NAMED);
        Some(Self {
            late,
            range: range.len(),
            blocked: take(&blocked),
            reserved: take(&reserved),
            own: take(usage.by_session(scope)),
            others: take(usage.open(scope)),
            waiting: take(usage.any(scope)),
            kept_back: take(&region.kept_back(scope).ports()),
            free: left.len(),
            holders,
        })
    }
}

/// Ports that are reserved and blocked, by the policy and since.
pub(super) fn kept(region: &Region, scope: Scope) -> (PortSet, PortSet) {
    let (mut reserved, mut blocked) = (PortSet::new(), PortSet::new());
    for rules in region.all_rules() {
        reserved.union(&set(&rules.scope(scope).reserved));
        blocked.union(&set(&rules.scope(scope).blocked));
    }
    for entry in region.ledger.entries().filter(|entry| entry.scopes.contains(scope) && !entry.maker.tree) {
        match entry.act {
            // For the reader of the report, who asks why there was no port, that is the same.
            Restriction::Reserve | Restriction::Exhaust => reserved.insert(entry.range),
            Restriction::Block => blocked.insert(entry.range),
        }
    }
    (reserved, blocked)
}
