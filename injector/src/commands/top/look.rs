//! One look at the live sessions.

use crate::commands::ports::ranges;
use crate::commands::shown::{Figures, Shown};
use crate::commands::usage::Usage;
use crate::platform::LiveSession;
use portshim_policy::ports::Scope;
use portshim_policy::region::Region;
use std::ops::Add;
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
    pub(super) scopes: [Figures; 4],
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
                of.map(|one| one.figures).reduce(Add::add).unwrap_or_default()
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
    pub(super) fn total(&self) -> Figures {
        self.scopes.iter().copied().reduce(Add::add).unwrap_or_default()
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
