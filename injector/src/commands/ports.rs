//! Sets of ports as a session's region has them, and as they are shown.

use crate::messages::{self, Failure};
use portshim_policy::ports::spec::Spec;
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet, grouped};
use portshim_policy::region::{Region, SharedRules, SharedSet};

/// The ports that one scope hands out at this moment.
pub(super) fn allowed(region: &Region, rules: &SharedRules, scope: Scope) -> PortSet {
    let shared = rules.scope(scope);
    let mut ports = set(&shared.dynamic);
    ports.subtract(&set(&shared.reserved));
    ports.subtract(&set(&shared.blocked));
    for entry in region.ledger.entries().filter(|entry| entry.scopes.contains(scope) && !entry.maker.tree) {
        ports.remove(entry.range);
    }
    ports
}

/// The dynamic ports of all rules, by scope.
pub(super) fn ranges(region: &Region) -> [PortSet; 4] {
    Scope::ALL.map(|scope| {
        let mut all = PortSet::new();
        region.all_rules().iter().for_each(|rules| all.union(&set(&rules.scope(scope).dynamic)));
        all
    })
}

/// A set of a region.
pub(super) fn set(shared: &SharedSet) -> PortSet {
    let mut ports = PortSet::new();
    for index in (0..=u16::MAX / 64).filter(|index| shared.word(usize::from(*index)) != 0) {
        let members = (index * 64..=index * 64 + 63).filter(|port| *port != 0 && shared.contains(*port));
        members.for_each(|port| ports.insert(PortRange::single(port)));
    }
    ports
}

/// Ports in all scopes that hold the same ones, in the order of the first scopes. No ports, no
/// group.
pub(super) fn by_ports(scopes: [(Scope, PortSet); 4]) -> Vec<(PortSet, ScopeSet)> {
    let some = scopes.iter().filter(|(_, ports)| !ports.is_empty());
    let groups = grouped(some, |(_, ports)| ports).into_iter();
    groups.map(|(group, ports)| (ports.clone(), group.into_iter().map(|(scope, _)| *scope).collect())).collect()
}

/// The one port that a SPEC names, and its scopes.
pub(super) fn single(text: &str) -> Result<(u16, ScopeSet), Failure> {
    let spec: Spec = text.parse()?;
    match spec.ports.as_slice() {
        [range] if range.len() == 1 => Ok((range.first(), spec.scopes)),
        _ => Err(messages::more_than_one_port(text)),
    }
}
