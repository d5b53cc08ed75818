//! One look at the live sessions.

use crate::commands::ports::ranges;
use crate::commands::shown::{Shown, ShownScope};
use crate::commands::usage::Usage;
use crate::platform::LiveSession;
use portshim_policy::ports::Scope;
use portshim_policy::region::Region;
use std::sync::atomic::Ordering::Relaxed;

/// View of a session.
pub(super) struct Look {
    pub(super) id: String,
    /// Its name, if it has one, and its command line.
    pub(super) command: String,
    /// `Err` says why it cannot be read.
    pub(super) inside: Result<Inside, String>,
}

/// View inside it.
pub(super) struct Inside {
    pub(super) shown: Shown,
    pub(super) usage: Usage,
    pub(super) region: Box<Region>,
    /// By scope, all rules together.
    pub(super) scopes: [Sum; 4],
}

/// Numbers of one scope, of all rules together.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) allowed: u32,
    pub(super) in_use: u32,
    pub(super) own: u32,
    pub(super) waiting: u32,
    pub(super) free: u32,
    pub(super) peak: Option<u32>,
    pub(super) served: u64,
    pub(super) exhausted: u64,
    pub(super) refused: u64,
}

impl Sum {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            allowed: self.allowed + other.allowed,
            in_use: self.in_use + other.in_use,
            own: self.own + other.own,
            waiting: self.waiting + other.waiting,
            free: self.free + other.free,
            peak: self.peak.zip(other.peak).map(|(one, other)| one + other),
            served: self.served + other.served,
            exhausted: self.exhausted + other.exhausted,
            refused: self.refused + other.refused,
        }
    }

    fn of(scope: &ShownScope) -> Self {
        Self {
            allowed: scope.allowed,
            in_use: scope.in_use,
            own: scope.by_session,
            waiting: scope.time_wait,
            free: scope.free,
            peak: scope.peak,
            served: scope.served,
            exhausted: scope.exhausted,
            refused: scope.refused,
        }
    }
}

/// Requests of one process in one scope that went without a port.
pub(super) struct Denied {
    pub(super) process: u32,
    pub(super) since: u64,
    pub(super) name: String,
    pub(super) scope: Scope,
    pub(super) exhausted: u64,
    pub(super) refused: u64,
}

impl Look {
    /// At every session.
    pub(super) fn all() -> Vec<Self> {
        LiveSession::all().iter().map(Self::at).collect()
    }

    fn at(session: &LiveSession) -> Self {
        let inside = session.snapshot().and_then(|region| {
            let usage = Usage::of(session)?;
            let shown = Shown::new(session, &region, &usage);
            let sum = |scope: Scope| {
                let of = shown.rules.iter().flat_map(|rules| &rules.scopes).filter(|one| one.scope == scope.name());
                of.map(Sum::of).reduce(Sum::and).unwrap_or_default()
            };
            Ok(Inside { scopes: Scope::ALL.map(sum), shown, usage, region })
        });
        let name = inside.as_ref().ok().and_then(|inside| inside.shown.name.as_ref());
        let command = name.map_or_else(|| session.command.clone(), |name| format!("{name}: {}", session.command));
        Self { id: session.id.clone(), command, inside }
    }
}

impl Inside {
    /// All scopes together.
    pub(super) fn total(&self) -> Sum {
        self.scopes.iter().copied().reduce(Sum::and).unwrap_or_default()
    }

    /// The ports of a scope's range, as text.
    pub(super) fn range(&self, scope: Scope) -> String {
        ranges(&self.region)[scope.index()].to_string()
    }

    /// The requests that went without a port, by process and scope.
    pub(super) fn denied(&self) -> Vec<Denied> {
        let mut denied = Vec::new();
        for place in self.region.processes.all() {
            let Some(owner) = place.owner() else { continue };
            let name = place.name();
            let name = String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
            for scope in Scope::ALL {
                let counts = place.counts(scope);
                denied.push(Denied {
                    process: owner.process,
                    since: owner.since,
                    name: name.clone(),
                    scope,
                    exhausted: counts.exhausted.load(Relaxed),
                    refused: counts.refused.load(Relaxed),
                });
            }
        }
        denied
    }
}
