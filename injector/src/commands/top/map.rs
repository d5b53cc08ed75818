//! Map of a range in cells: how much of each is in use, and by whom.

use super::look::Inside;
use crate::commands::ports::{ranges, set};
use crate::commands::usage::common;
use portshim_policy::model::Restriction;
use portshim_policy::ports::{PortRange, PortSet, Scope};

/// State of most of a cell's ports, as far as they are not free.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Free,
    Own,
    Others,
    Waiting,
    Reserved,
    Blocked,
    Exhausted,
}

/// One cell: its sign, and the kind that gives it its colour.
pub(super) type Cell = (char, Kind);

/// The signs of a cell of several ports, by how much of it is in use.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A scope's range in at most so many cells, and how many ports share one.
pub(super) fn cells(inside: &Inside, scope: Scope, most: usize) -> (Vec<Cell>, usize) {
    let range = &ranges(&inside.region)[scope.index()];
    let ports: Vec<u16> = range.runs().flat_map(|run| run.first()..=run.last()).collect();
    let share = ports.len().div_ceil(most.max(1)).max(1);
    let usage = &inside.usage;
    let sets = [
        (Kind::Own, usage.by_session(scope).clone()),
        (Kind::Others, usage.open(scope).clone()),
        (Kind::Waiting, usage.any(scope).clone()),
        (Kind::Blocked, kept(inside, scope, Restriction::Block)),
        (Kind::Reserved, kept(inside, scope, Restriction::Reserve)),
        (Kind::Exhausted, kept(inside, scope, Restriction::Exhaust)),
    ];
    (ports.chunks(share).map(|ports| cell(ports, &sets)).collect(), share)
}

fn cell(ports: &[u16], sets: &[(Kind, PortSet)]) -> Cell {
    let mut left: PortSet = ports.iter().map(|port| PortRange::single(*port)).collect();
    let mut most = (0, Kind::Free);
    let mut used = 0;
    for (kind, set) in sets {
        let count = common(&left, set);
        left.subtract(set);
        if count > most.0 {
            most = (count, *kind);
        }
        if matches!(kind, Kind::Own | Kind::Others | Kind::Waiting) {
            used += count as usize;
        }
    }
    let sign = match (most.1, ports.len()) {
        (Kind::Free, _) => '·',
        (Kind::Reserved, _) if used == 0 => 'r',
        (Kind::Blocked, _) if used == 0 => 'b',
        (Kind::Exhausted, _) if used == 0 => 'x',
        (Kind::Own, 1) => '█',
        (Kind::Others, 1) => '▓',
        (Kind::Waiting, 1) => '▒',
        (_, all) => LEVELS[(used * LEVELS.len()).div_ceil(all).clamp(1, LEVELS.len()) - 1],
    };
    (sign, most.1)
}

/// Ports that are reserved, blocked or exhausted, by the policy and since.
fn kept(inside: &Inside, scope: Scope, act: Restriction) -> PortSet {
    let mut ports = PortSet::new();
    for rules in inside.region.all_rules() {
        let shared = rules.scope(scope);
        match act {
            Restriction::Reserve => ports.union(&set(&shared.reserved)),
            Restriction::Block => ports.union(&set(&shared.blocked)),
            // A test's matter: no policy does that.
            Restriction::Exhaust => {}
        }
    }
    let entries = inside.region.ledger.entries().filter(|entry| entry.act == act && entry.scopes.contains(scope));
    entries.for_each(|entry| ports.insert(entry.range));
    ports
}
