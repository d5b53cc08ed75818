//! The ports of one scope, as netsh sees them.

use crate::commands::ports::set;
use crate::messages::{self, Failure};
use crate::platform::LiveSession;
use crate::present;
use portshim_policy::config::{Origin, Resolved, ShownPorts};
use portshim_policy::model::Restriction;
use portshim_policy::netsh;
use portshim_policy::ports::{PortRange, PortSet, Scope, spec};
use portshim_policy::region::Entry;

/// Answer of netsh where it refuses, and what there is to add to it.
pub(super) type Refused = (&'static str, Failure);

/// The ports of one scope.
pub(super) struct Seen {
    dynamic: PortSet,
    pub(super) excluded: Vec<Excluded>,
}

/// Ports that are left out of the dynamic range.
pub(super) struct Excluded {
    pub(super) range: PortRange,
    /// Set if an administrator did it: reserved ports. Blocked ones belong to some program.
    pub(super) administered: bool,
    /// Source that keeps them out, where they are kept in a policy.
    pub(super) origin: Option<Origin>,
}

impl Seen {
    pub(super) fn of_session(session: &LiveSession, scope: Scope) -> Result<Self, Failure> {
        let region =
            session.snapshot().map_err(|why| messages::unreadable_session(&session.id, &session.path, &why))?;
        let none = || messages::unreadable_session(&session.id, &session.path, "it holds no rules");
        let shared = region.all_rules().last().ok_or_else(none)?.scope(scope);
        let counts =
            |entry: &Entry| entry.scopes.contains(scope) && !entry.maker.tree && entry.act != Restriction::Exhaust;
        let live = region.ledger.entries().filter(counts);
        let mut excluded: Vec<_> = live.map(|entry| (entry.range, entry.act == Restriction::Reserve)).collect();
        excluded.extend(set(&shared.reserved).runs().map(|range| (range, true)));
        excluded.extend(set(&shared.blocked).runs().map(|range| (range, false)));
        let entry = |(range, administered)| Excluded { range, administered, origin: None };
        Ok(Self { dynamic: set(&shared.dynamic), excluded: excluded.into_iter().map(entry).collect() })
    }

    pub(super) fn of_policy(policy: &Resolved, scope: Scope) -> Self {
        let dynamic = policy.rules.last().map(|rules| rules.scope(scope).dynamic.clone()).unwrap_or_default();
        let shown = policy.show().rules.pop().and_then(|rules| rules.scopes.into_iter().nth(scope.index()));
        let entries = |parts: Vec<ShownPorts>, administered| {
            parts.into_iter().flat_map(move |ShownPorts { ports, origin }| {
                let ranges = spec::ports(&ports, 0).unwrap_or_default();
                let entry = move |range| Excluded { range, administered, origin: Some(origin.clone()) };
                ranges.into_iter().map(entry)
            })
        };
        let excluded = shown.map(|scope| entries(scope.reserved, true).chain(entries(scope.blocked, false)).collect());
        Self { dynamic, excluded: excluded.unwrap_or_default() }
    }

    /// The dynamic range. netsh knows of one; where there are several, the user is told.
    pub(super) fn range(&self, scope: Scope) -> Result<PortRange, Failure> {
        let mut runs = self.dynamic.runs();
        let first = runs.next().ok_or_else(|| messages::nothing_dynamic(scope))?;
        match runs.last() {
            None => Ok(first),
            Some(last) => {
                present::eprint(&messages::range_with_holes(scope, &self.dynamic));
                Ok(PortRange::new(first.first(), last.last()).unwrap_or(first))
            }
        }
    }

    /// All that is excluded, ascending, and what of it an administrator did.
    pub(super) fn listed(&self) -> Vec<(PortRange, bool)> {
        let mut all: Vec<_> = self.excluded.iter().map(|entry| (entry.range, entry.administered)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Reason why `range` cannot be excluded: some of it is.
    pub(super) fn meets(&self, range: PortRange) -> Option<Refused> {
        let met = self.excluded.iter().filter_map(|entry| Some((entry, entry.range.intersect(range)?)));
        let (entries, ports): (Vec<_>, Vec<_>) = met.unzip();
        let ports: PortSet = ports.into_iter().collect();
        let mut origins: Vec<_> = entries.iter().filter_map(|entry| Some(entry.origin.as_ref()?.to_string())).collect();
        origins.dedup();
        (!ports.is_empty()).then(|| (netsh::IN_USE, messages::excluded_already(range, &ports, &origins)))
    }

    /// Tells whether all of `range` is dynamic.
    pub(super) fn is_dynamic(&self, range: PortRange) -> bool {
        let mut rest = PortSet::from(range);
        rest.subtract(&self.dynamic);
        rest.is_empty()
    }

    /// Demands that something is left to hand out once `range` is excluded, too.
    pub(super) fn hands_out_without(&self, range: PortRange, scope: Scope) -> Result<(), Failure> {
        let mut rest = self.dynamic.clone();
        rest.subtract(&PortSet::from(range));
        self.leaves_some_of(rest, scope)
    }

    /// Demands that something is left to hand out where `range` is the dynamic one.
    pub(super) fn hands_out_of(&self, range: PortRange, scope: Scope) -> Result<(), Failure> {
        self.leaves_some_of(range.into(), scope)
    }

    fn leaves_some_of(&self, mut ports: PortSet, scope: Scope) -> Result<(), Failure> {
        ports.subtract(&self.excluded.iter().map(|entry| entry.range).collect());
        if ports.is_empty() { Err(messages::nothing_left_after_that(scope)) } else { Ok(()) }
    }
}
