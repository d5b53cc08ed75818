//! Regions as files: what the command lays down for a session, and reads back from one.

use super::layout::{Header, Region, RegionError};
use super::ledger::Ledger;
use super::rules::SharedRules;
use super::sets::{OWN_WORDS, Runs, ScopeCold, SharedScope, SharedSet, Words, summary_of_range};
use crate::model::rresvport::PrivilegedRange;
use crate::model::{Rules, ScopeRules};
use crate::ports::{PortSet, Scope};
use core::mem::{offset_of, size_of};
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;
use std::alloc::{Layout, handle_alloc_error};
use zerocopy::{FromZeros, IntoBytes};

/// The smallest page of memory that any system has.
const PAGE: usize = 4096;

/// Functions that lay a region down, and read one from a file: the command does, and no guest.
impl Region {
    /// A region with these rules, the last of which is for everything that none before it matched.
    /// Rules past [`MAX_RULES`](super::layout::MAX_RULES) are dropped. The model is the host's own.
    #[must_use]
    pub fn boxed(effective: &[Rules]) -> Box<Self> {
        let region = Self::zeroed();
        for (rules, effective) in region.rules.iter().zip(effective) {
            rules.fill(effective);
        }
        region.declare(effective.len());
        region
    }

    fn zeroed() -> Box<Self> {
        Self::new_box_zeroed().unwrap_or_else(|_| handle_alloc_error(Layout::new::<Self>()))
    }

    /// The bytes that a file of this session starts with; the rest, up to [`Region::SIZE`], is
    /// zero. Borrows the region for itself alone, so that nobody else can be writing.
    #[must_use]
    pub fn as_bytes(&mut self) -> &[u8] {
        let used = self.used();
        &self.as_mut_bytes()[..used]
    }

    /// Pieces that a file of this session starts with, in whole pages, ascending, and where; all
    /// else is zero, and taken later or never touched. The first piece says that it is a region.
    #[must_use]
    pub fn pieces(&mut self) -> Vec<(usize, &[u8])> {
        let mut places: Vec<_> = core::iter::once(0..offset_of!(Self, ledger) + offset_of!(Ledger, slots)).collect();
        for (number, rules) in self.all_rules().iter().enumerate() {
            let at = offset_of!(Self, rules) + number * size_of::<SharedRules>();
            places.extend(rules.pieces().map(|part| at + part.start..at + part.end));
        }
        // Of a page that is only begun, a disk may have no room for the rest later.
        let mut pages: Vec<Range<usize>> = Vec::new();
        for place in places {
            let page = place.start / PAGE * PAGE..place.end.next_multiple_of(PAGE).min(Self::SIZE);
            match pages.last_mut() {
                Some(last) if page.start <= last.end => last.end = page.end.max(last.end),
                _ => pages.push(page),
            }
        }
        let own = self.as_mut_bytes();
        pages.into_iter().map(|place| (place.start, &own[place])).collect()
    }

    /// A snapshot from bytes that were read from a session's file.
    ///
    /// # Errors
    /// [`RegionError`] where the bytes are no region of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Box<Self>, RegionError> {
        if bytes.len() < size_of::<Header>() {
            return Err(RegionError::Size);
        }
        let mut region = Self::zeroed();
        let len = bytes.len().min(Self::SIZE);
        region.as_mut_bytes()[..len].copy_from_slice(&bytes[..len]);
        region.verify()?;
        Ok(region)
    }
}

impl SharedRules {
    /// Pattern of the names of the programs that these rules are for; `None` for all others.
    #[must_use]
    pub fn pattern(&self) -> Option<String> {
        let (glob, len) = self.glob();
        (len > 0).then(|| String::from_utf8_lossy(&glob[..len]).into_owned())
    }

    pub(crate) fn fill(&self, effective: &Rules) {
        self.set_glob(effective.matches.as_deref().unwrap_or("").as_bytes());
        self.set_order(effective.order);
        self.set_sharing(effective.sharing);
        if let Some(seed) = effective.seed {
            self.set_seed(seed);
        }
        if effective.privileged != PrivilegedRange::LIBC {
            self.set_privileged(effective.privileged);
        }
        self.set_unprivileged_start(effective.unprivileged_start.unwrap_or(0));
        Scope::ALL.into_iter().for_each(|scope| self.scope(scope).fill(effective.scope(scope)));
        self.summarise();
    }

    /// Place where anything is in it, ascending, counted from its beginning; all else is zero.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Range<usize>> {
        let head = offset_of!(Self, rest);
        let rest = Scope::ALL.into_iter().flat_map(move |scope| {
            let at = head + scope.index() * size_of::<ScopeCold>();
            self.scope(scope).rest().map(move |part| at + part.start..at + part.end)
        });
        core::iter::once(0..head).chain(rest)
    }
}

impl SharedScope<'_> {
    /// Fills in a scope that is still empty, but does not sum it up.
    pub(crate) fn fill(&self, from: &ScopeRules) {
        self.dynamic.fill(&from.dynamic);
        self.reserved.fill(&from.reserved);
        self.blocked.fill(&from.blocked);
    }

    /// Place where anything is in its rest, ascending, counted from the beginning of that. Of a set
    /// and of runs it is all, be it zeroes: whoever reads any must not be the first to touch its
    /// page.
    pub(crate) fn rest(self) -> impl Iterator<Item = Range<usize>> {
        let sets = [
            (offset_of!(ScopeCold, dynamic), self.dynamic),
            (offset_of!(ScopeCold, reserved), self.reserved),
            (offset_of!(ScopeCold, blocked), self.blocked),
        ];
        let words = sets.into_iter().filter(|(_, set)| set.summary.load(Relaxed) == OWN_WORDS);
        let words = words.map(|(at, _)| at..at + size_of::<Words>());
        let is_solid = move |dual| self.extent(dual).is_none_or(|(_, solid)| solid);
        let runs = [false, true].into_iter().filter(move |dual| !is_solid(*dual)).map(|dual| {
            let at = offset_of!(ScopeCold, runs) + usize::from(dual) * size_of::<Runs>();
            at..at + size_of::<Runs>()
        });
        words.chain(runs)
    }
}

impl SharedSet<'_> {
    /// Fills in a set that is still empty.
    fn fill(&self, set: &PortSet) {
        if let Some(range) = set.as_range() {
            self.summary.store(summary_of_range(range), Relaxed);
        } else if !set.is_empty() {
            for (word, bits) in self.words.0.iter().zip(set.words()).filter(|(_, bits)| **bits != 0) {
                word.store(*bits, Relaxed);
            }
            self.summary.store(OWN_WORDS, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rresvport::PrivilegedRange;
    use crate::model::{Order, ScopeRules, Sharing};
    use crate::ports::{PortRange, PortSet};

    #[test]
    fn a_region_can_be_laid_down_in_pieces() {
        let set = |ranges: &[(u16, u16)]| -> PortSet {
            ranges.iter().map(|(first, last)| PortRange::new(*first, *last).unwrap()).collect()
        };
        let rules = |matches: Option<&str>, dynamic: PortSet, reserved: PortSet, blocked: PortSet| Rules {
            matches: matches.map(str::to_owned),
            order: Order::Random,
            sharing: Sharing::Exclusive,
            seed: Some(u64::MAX),
            privileged: PrivilegedRange::LIBC,
            unprivileged_start: Some(1024),
            scopes: core::array::from_fn(|_| ScopeRules {
                dynamic: dynamic.clone(),
                reserved: reserved.clone(),
                blocked: blocked.clone(),
            }),
        };
        for some in [
            vec![rules(None, set(&[(32768, 60999)]), set(&[]), set(&[]))],
            vec![
                rules(Some("java*"), set(&[(1, 65535)]), set(&[(1, 1), (65535, 65535)]), set(&[(4000, 4001)])),
                rules(None, set(&[]), set(&[(64, 127)]), set(&[])),
            ],
        ] {
            let mut whole = Region::boxed(&some);
            let mut copy = vec![0; Region::SIZE];
            let pieces = whole.pieces();
            assert!(pieces.is_sorted_by_key(|(at, _)| *at));
            for (at, bytes) in pieces {
                let end = at + bytes.len();
                assert!(at.is_multiple_of(PAGE) && (end.is_multiple_of(PAGE) || end == Region::SIZE), "{at} to {end}");
                copy[at..at + bytes.len()].copy_from_slice(bytes);
            }
            assert!(copy == whole.as_mut_bytes());
        }
    }
}
