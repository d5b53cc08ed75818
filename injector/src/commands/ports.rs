//! Sets of ports as a session's region has them, and as they are shown.

use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use portshim_policy::region::{Region, SharedRules, SharedSet};
use std::fmt::Display;

/// The ports that one scope hands out at this moment.
pub(super) fn allowed(region: &Region, rules: &SharedRules, scope: Scope) -> PortSet {
    let shared = rules.scope(scope);
    let mut ports = set(&shared.dynamic);
    ports.subtract(&set(&shared.reserved));
    ports.subtract(&set(&shared.blocked));
    for entry in region.ledger.entries().filter(|entry| entry.scopes.contains(scope)) {
        ports.remove(entry.range);
    }
    ports
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

/// Ports in all scopes that hold the same ones, in the order of the first scopes. No ports, no group.
pub(super) fn grouped(scopes: impl IntoIterator<Item = (Scope, PortSet)>) -> Vec<(PortSet, ScopeSet)> {
    let mut groups: Vec<(PortSet, Vec<Scope>)> = Vec::new();
    for (scope, ports) in scopes {
        match groups.iter_mut().find(|(others, _)| *others == ports) {
            _ if ports.is_empty() => {}
            Some((_, scopes)) => scopes.push(scope),
            None => groups.push((ports, vec![scope])),
        }
    }
    groups.into_iter().map(|(ports, scopes)| (ports, scopes.into_iter().collect())).collect()
}

/// `20000-20009/tcp`: ports and scopes as a SPEC has them.
pub(super) fn spec(ports: &impl Display, scopes: ScopeSet) -> String {
    if scopes == ScopeSet::ALL { ports.to_string() } else { format!("{ports}/{scopes}") }
}
