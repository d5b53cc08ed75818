//! Result of a row of commands and listings: the dynamic range and the excluded ports of each
//! scope.

use crate::config::{Key, Origin, Ports, Problem, Wishes, keys};
use crate::import::messages;
use crate::ports::spec::Spec;
use crate::ports::{PortRange, PortSet, Scope, ScopeSet, Transport, mask};
use std::collections::BTreeMap;

/// A range that is excluded, or the dynamic range.
#[derive(Clone, Debug)]
struct Entry {
    /// Scopes that got it from the same place hold the same number.
    number: usize,
    administered: bool,
    origin: Origin,
}

/// One scope's ports.
#[derive(Clone, Debug, Default)]
struct Excluded {
    entries: BTreeMap<PortRange, Entry>,
    ports: PortSet,
}

/// Result of it so far.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Number of places that were read.
    count: usize,
    dynamic: [Option<(PortRange, Entry)>; 4],
    excluded: [Excluded; 4],
    /// Range listed for TCP and for UDP without a family.
    unnamed_dynamic: [Option<PortRange>; 2],
    unnamed_excluded: [Option<Vec<(PortRange, bool)>>; 2],
    unnamed: bool,
}

impl Outcome {
    fn entry(&mut self, administered: bool, origin: &Origin) -> Entry {
        self.count += 1;
        Entry { number: self.count, administered, origin: origin.clone() }
    }

    pub(super) fn set_dynamic(&mut self, scopes: ScopeSet, range: PortRange, origin: &Origin) {
        let entry = self.entry(false, origin);
        for scope in scopes.iter() {
            self.dynamic[scope.index()] = Some((range, entry.clone()));
        }
    }

    /// Excludes a range, which Windows refuses where a part of it already is.
    pub(super) fn add(&mut self, scope: Scope, range: PortRange, origin: &Origin) -> Result<(), Problem> {
        let excluded = &self.excluded[scope.index()];
        let words = excluded.ports.words();
        let taken = |index: usize| words.get(index).is_some_and(|word| word & mask(range, index) != 0);
        if (usize::from(range.first() / 64)..=usize::from(range.last() / 64)).any(taken) {
            let before = excluded.entries.range(..=PortRange::single(range.last())).next_back();
            let other = before.map_or(origin, |(_, entry)| &entry.origin);
            return Err(messages::overlaps(origin, other));
        }
        self.list(scope.into(), range, true, origin);
        Ok(())
    }

    /// Excludes a range no longer; it has to be the whole of one that an administrator excluded.
    pub(super) fn delete(&mut self, scope: Scope, range: PortRange, origin: &Origin) -> Result<(), Problem> {
        let excluded = &mut self.excluded[scope.index()];
        if !excluded.entries.get(&range).is_some_and(|entry| entry.administered) {
            return Err(messages::never_added(origin, range));
        }
        excluded.entries.remove(&range);
        excluded.ports.remove(range);
        Ok(())
    }

    /// A listing begins, which holds all that is excluded.
    pub(super) fn forget(&mut self, scopes: ScopeSet) {
        for scope in scopes.iter() {
            self.excluded[scope.index()] = Excluded::default();
        }
    }

    pub(super) fn list(&mut self, scopes: ScopeSet, range: PortRange, administered: bool, origin: &Origin) {
        let entry = self.entry(administered, origin);
        for scope in scopes.iter() {
            let excluded = &mut self.excluded[scope.index()];
            excluded.ports.insert(range);
            excluded.entries.insert(range, entry.clone());
        }
    }

    /// Tells whether this agrees with what was listed before without a family.
    pub(super) fn unnamed_dynamic(&mut self, transport: Transport, range: PortRange) -> bool {
        *self.unnamed_dynamic[transport as usize].get_or_insert(range) == range
    }

    /// Tells whether these agree with what was listed before without a family.
    pub(super) fn unnamed_excluded(&mut self, transport: Transport, ranges: Vec<(PortRange, bool)>) -> bool {
        *self.unnamed_excluded[transport as usize].get_or_insert_with(|| ranges.clone()) == ranges
    }

    /// Tells whether nothing was listed without a family before.
    pub(super) fn first_unnamed(&mut self) -> bool {
        !core::mem::replace(&mut self.unnamed, true)
    }

    /// An administrator's exclusions are reserved: a wildcard bind skips them, a specific bind
    /// succeeds. All others belong to some process, and are refused to everybody else.
    pub(super) fn lay_into(self, wishes: &mut Wishes) {
        let mut parts: BTreeMap<usize, (PortRange, Entry, Vec<Scope>, &'static Key)> = BTreeMap::new();
        for scope in Scope::ALL {
            let dynamic = self.dynamic[scope.index()].iter().map(|(range, entry)| (range, entry, &keys::DYNAMIC));
            let excluded = self.excluded[scope.index()]
                .entries
                .iter()
                .map(|(range, entry)| (range, entry, if entry.administered { &keys::RESERVE } else { &keys::BLOCK }));
            for (range, entry, key) in dynamic.chain(excluded) {
                let part = parts.entry(entry.number).or_insert_with(|| (*range, entry.clone(), Vec::new(), key));
                part.2.push(scope);
            }
        }
        for (range, entry, scopes, key) in parts.into_values() {
            let spec = Spec { ports: vec![range], scopes: scopes.into_iter().collect() };
            wishes.add_ports(key, Ports::new(spec, entry.origin));
        }
    }
}
