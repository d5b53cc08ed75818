//! Candidates: the ports that one request may get, word by word, read live.

use crate::entropy::Entropy;
use crate::ports::{Parity, PortRange, Scope, mask, scopes_of};
use crate::region::{BusyPorts, LedgerView, Runs, SharedRules, WithheldCache, WithheldIndex};

/// The ports that one request may get. It reads the session's sets as they are now, so that a
/// reservation made while a program runs counts from the next request on.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    rules: &'a SharedRules,
    ledger: LedgerView<'a>,
    /// Ports that the ledger speaks of, where it speaks of any port here.
    touched: Option<WithheldIndex>,
    scope: Scope,
    dual: bool,
    limit: PortRange,
    /// Set if the rules allow every port of the limit.
    solid: bool,
    without: Option<PortRange>,
    /// Ports that this believes taken are left out.
    skip_busy: Option<&'a BusyPorts>,
    parity: Parity,
}

impl<'a> Candidates<'a> {
    /// The ports of `scope`. With `dual`, the socket takes its port in the other family too, so
    /// what is reserved or blocked there is left out. `limit` is the range that the program set
    /// itself.
    #[must_use]
    pub fn new(rules: &'a SharedRules, ledger: LedgerView<'a>, scope: Scope, dual: bool, limit: PortRange) -> Self {
        let extent = rules.scope(scope).extent(dual);
        let solid = extent.is_some_and(|(_, solid)| solid);
        let (touched, without, skip_busy, parity) = (None, None, None, Parity::Any);
        let mut view = Self { rules, ledger, touched, scope, dual, limit, solid, without, skip_busy, parity };
        match extent {
            Some((hull, _)) => view = view.within(hull),
            None => view.without = Some(PortRange::ALL),
        }
        view.touched = WithheldIndex::by(ledger, scopes_of(scope, dual), view.limit);
        view
    }

    pub(crate) fn within(mut self, range: PortRange) -> Self {
        match self.limit.intersect(range) {
            Some(limit) => self.limit = limit,
            None => self.without = Some(PortRange::ALL),
        }
        self
    }

    pub(crate) fn without(mut self, range: PortRange) -> Self {
        // A view of nothing stays one.
        self.without = self.without.or(Some(range).filter(|range| range.intersect(self.limit).is_some()));
        self
    }

    pub(crate) fn skip_busy(mut self, hint: Option<&'a BusyPorts>) -> Self {
        self.skip_busy = hint;
        self
    }

    pub(crate) fn of_parity(mut self, parity: Parity) -> Self {
        self.parity = parity;
        self
    }

    /// Every port of the view as one range, where it is known to have no holes.
    pub(crate) fn as_range(&self) -> Option<PortRange> {
        self.solid().filter(|_| self.gap().is_none())
    }

    /// The limit, where nothing is left out of it but what `kept` holds: words of 64 ports.
    pub(crate) fn all_but(&self, kept: impl Fn(usize) -> u64) -> Option<PortRange> {
        if self.without.is_some() {
            return None;
        }
        let mut live = WithheldCache::default();
        let mut is_whole = |index: usize| mask(self.limit, index) & !self.word(index, &mut live) & !kept(index) == 0;
        (self.solid().is_some() || self.words().all(&mut is_whole)).then_some(self.limit)
    }

    /// The limit, where it is known to have no holes but the gap.
    fn solid(&self) -> Option<PortRange> {
        (self.solid && self.is_plain()).then_some(self.limit)
    }

    /// Tells whether nothing but ranges is left out of what the rules allow.
    fn is_plain(&self) -> bool {
        self.touched.is_none() && self.skip_busy.is_none() && self.parity == Parity::Any
    }

    /// The part of the limit that is left out.
    fn gap(&self) -> Option<PortRange> {
        self.without.and_then(|without| without.intersect(self.limit))
    }

    /// Of the ports of word `index`, those that it holds. `live` is what the ledger says about the
    /// ports around.
    #[inline]
    fn word(&self, index: usize, live: &mut WithheldCache) -> u64 {
        let (first, last) = (usize::from(self.limit.first() / 64), usize::from(self.limit.last() / 64));
        let limit = if first < index && index < last { u64::MAX } else { mask(self.limit, index) };
        if limit == 0 {
            return 0;
        }
        let mut word = if self.solid { u64::MAX } else { self.allowed(index) };
        if self.touched.is_some_and(|touched| touched.contains(index)) {
            word &= !live.word(self.ledger, index, scopes_of(self.scope, self.dual));
        }
        if let Some(hint) = self.skip_busy {
            word &= !hint.word(index);
        }
        if let Some(without) = self.without {
            word &= !mask(without, index);
        }
        word & limit & self.parity.mask()
    }

    /// Of the ports of word `index`, those that the rules allow.
    fn allowed(&self, index: usize) -> u64 {
        let other = self.dual.then(|| self.rules.scope(self.scope.other_family()));
        self.rules.scope(self.scope).allowed(index, other)
    }

    /// The runs of the ports that the rules allow, if they are known and nothing but ranges is left
    /// out of them here.
    fn runs(&self) -> Option<&'a Runs> {
        let runs = self.rules.scope(self.scope).runs(self.dual);
        (self.is_plain() && runs.count().is_some()).then_some(runs)
    }

    fn words(&self) -> core::ops::RangeInclusive<usize> {
        usize::from(self.limit.first() / 64)..=usize::from(self.limit.last() / 64)
    }

    /// Number of ports it holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        if let Some(range) = self.solid() {
            return range.len() - self.gap().map_or(0, PortRange::len);
        }
        if let Some(runs) = self.runs() {
            return runs.inside(self.limit).1.saturating_sub(self.gap().map_or(0, |gap| runs.inside(gap).1));
        }
        let mut live = WithheldCache::default();
        self.words().map(|i| self.word(i, &mut live).count_ones()).sum()
    }

    /// Tells whether `port` may be handed out.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.word(usize::from(port / 64), &mut WithheldCache::default()) >> (port % 64) & 1 == 1
    }

    /// The lowest port at or above `from`.
    #[must_use]
    pub fn at_or_above(&self, from: u16) -> Option<u16> {
        let from = from.max(self.limit.first());
        if let Some(range) = self.as_range() {
            return range.contains(from).then_some(from);
        }
        let (start, last) = (usize::from(from / 64), usize::from(self.limit.last() / 64));
        let mut live = WithheldCache::default();
        let lowest = |index: usize, word: u64| Some((index * 64) as u16 + word.trailing_zeros() as u16);
        let word = self.word(start, &mut live) & (u64::MAX << (from % 64));
        if word != 0 {
            return lowest(start, word);
        }
        let mut rest = start + 1..last + 1;
        if self.has_even_words() {
            let inner = start + 1..last;
            if let Some((index, word)) = inner.map(|i| (i, self.inner_word(i))).find(|(_, word)| *word != 0) {
                return lowest(index, word);
            }
            rest.start = last.max(start + 1);
        }
        rest.map(|i| (i, self.word(i, &mut live))).find(|(_, word)| *word != 0).and_then(|(i, word)| lowest(i, word))
    }

    /// As the kernel does: the first port of `run` from a random one on.
    pub(crate) fn aim(&self, run: PortRange, entropy: &mut (impl Entropy + ?Sized)) -> Option<u16> {
        let view = self.within(run);
        let start = run.first() + entropy.below(run.len()) as u16;
        view.at_or_above(start).or_else(|| view.at_or_above(0))
    }

    /// The highest port at or below `from`.
    #[must_use]
    pub fn at_or_below(&self, from: u16) -> Option<u16> {
        let from = from.min(self.limit.last());
        if let Some(range) = self.as_range() {
            return range.contains(from).then_some(from);
        }
        let (start, first) = (usize::from(from / 64), usize::from(self.limit.first() / 64));
        let mut live = WithheldCache::default();
        let highest = |index: usize, word: u64| Some((index * 64) as u16 + 63 - word.leading_zeros() as u16);
        let word = self.word(start, &mut live) & (u64::MAX >> (63 - from % 64));
        if word != 0 {
            return highest(start, word);
        }
        let mut rest = first..start;
        if self.has_even_words() {
            let inner = (first + 1..start).rev();
            if let Some((index, word)) = inner.map(|i| (i, self.inner_word(i))).find(|(_, word)| *word != 0) {
                return highest(index, word);
            }
            rest.end = start.min(first + 1);
        }
        let mut rest = rest.rev().map(|i| (i, self.word(i, &mut live)));
        rest.find(|(_, word)| *word != 0).and_then(|(i, word)| highest(i, word))
    }

    /// Tells whether between the first word and the last there is nothing special about any.
    fn has_even_words(&self) -> bool {
        self.touched.is_none() && self.without.is_none()
    }

    /// A word between the first and the last, where there is nothing special about it.
    #[inline]
    fn inner_word(&self, index: usize) -> u64 {
        let allowed = if self.solid { u64::MAX } else { self.allowed(index) };
        allowed & !self.skip_busy.map_or(0, |hint| hint.word(index)) & self.parity.mask()
    }

    /// The port with `rank` smaller ones, or the lowest where there are not so many any more.
    #[must_use]
    pub fn ranked(&self, rank: u32) -> Option<u16> {
        if let Some(range) = self.solid() {
            let at = u32::from(range.first()).saturating_add(rank);
            let behind =
                self.gap().filter(|gap| at >= u32::from(gap.first())).map_or(at, |gap| at.saturating_add(gap.len()));
            let inside = u16::try_from(behind).ok().filter(|port| range.contains(*port));
            return inside.or_else(|| self.at_or_above(0));
        }
        if let Some(runs) = self.runs() {
            let mut rank = rank.saturating_add(runs.below(self.limit.first()));
            if let Some((below, inside)) = self.gap().map(|gap| runs.inside(gap))
                && rank >= below
            {
                rank = rank.saturating_add(inside);
            }
            return runs.at(rank).filter(|port| self.contains(*port)).or_else(|| self.at_or_above(0));
        }
        let mut left = rank;
        let mut live = WithheldCache::default();
        for index in self.words() {
            let mut word = self.word(index, &mut live);
            let here = word.count_ones();
            if left >= here {
                left -= here;
                continue;
            }
            for _ in 0..left {
                word &= word - 1;
            }
            return Some((index * 64) as u16 + word.trailing_zeros() as u16);
        }
        self.at_or_above(0)
    }

    /// The run that holds `port`, or `port` alone where it has just been taken away.
    #[must_use]
    pub fn run_around(&self, port: u16) -> PortRange {
        if let Some(range) = self.as_range() {
            return range;
        }
        let known = self.runs().filter(|_| self.gap().is_none()).and_then(|runs| runs.around(port));
        if let Some(run) = known.and_then(|run| run.intersect(self.limit)) {
            return run;
        }
        let mut live = WithheldCache::default();
        let (mut first, mut last) = (port, port);
        while first > self.limit.first() {
            let below = first - 1;
            let word = self.word(usize::from(below / 64), &mut live) | (u64::MAX << (below % 64) << 1);
            if word == u64::MAX {
                first = (below / 64) * 64;
            } else {
                let gap = (below / 64) * 64 + 63 - (!word).leading_zeros() as u16;
                first = gap + 1;
                break;
            }
        }
        while last < self.limit.last() {
            let above = last + 1;
            let word = self.word(usize::from(above / 64), &mut live) | !(u64::MAX << (above % 64));
            if word == u64::MAX {
                last = (above / 64) * 64 + 63;
            } else {
                let gap = (above / 64) * 64 + (!word).trailing_zeros() as u16;
                last = gap - 1;
                break;
            }
        }
        let (first, last) = (first.max(self.limit.first()), last.min(self.limit.last()));
        PortRange::new(first, last).unwrap_or(PortRange::single(port))
    }

    /// The lowest and the highest port, where there is one.
    #[must_use]
    pub fn hull(&self) -> Option<PortRange> {
        if let Some(range) = self.as_range() {
            return Some(range);
        }
        PortRange::new(self.at_or_above(0)?, self.at_or_below(u16::MAX)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Rules, ScopeRules};
    use crate::region::Region;
    use proptest::prelude::*;

    fn range() -> impl Strategy<Value = PortRange> {
        (1..=65535u16, 0..6000u16).prop_map(|(first, more)| PortRange::new(first, first.saturating_add(more)).unwrap())
    }

    proptest! {
        /// However a view is counted, by its runs, as a solid range, or word by word.
        #[test]
        fn counts_and_ranks_agree_with_a_list(
            dynamic in proptest::collection::vec(range(), 1..4),
            reserved in proptest::collection::vec(range(), 0..3),
            there in proptest::collection::vec(range(), 0..2),
            combed in prop_oneof![Just(0), 1..700usize],
            limit in prop_oneof![Just(PortRange::ALL), range()],
            without in proptest::option::of(range()),
            dual in any::<bool>(),
            ranks in proptest::collection::vec(any::<u16>(), 8),
        ) {
            let mut reserved = reserved;
            // More runs than are kept, perhaps.
            reserved.extend((0..combed).map(|n| PortRange::single(dynamic[0].first().saturating_add(2 * n as u16))));
            let set = |ranges: &[PortRange]| ranges.iter().copied().collect();
            let mut scopes: [ScopeRules; 4] = Default::default();
            scopes[Scope::Tcp6.index()] =
                ScopeRules { dynamic: set(&dynamic), reserved: set(&reserved), ..ScopeRules::default() };
            scopes[Scope::Tcp4.index()].blocked = set(&there);
            let region = Region::boxed(&[Rules::native(scopes)]);
            let rules = region.rules_for(&[b""]).unwrap();
            let mut view = Candidates::new(rules, region.ledger.at_large(), Scope::Tcp6, dual, limit);
            if let Some(without) = without {
                view = view.without(without);
            }
            let holds = |ranges: &[PortRange], port| ranges.iter().any(|range| range.contains(port));
            let listed: Vec<u16> = (1..=65535)
                .filter(|port| holds(&dynamic, *port) && !holds(&reserved, *port))
                .filter(|port| limit.contains(*port) && !without.is_some_and(|without| without.contains(*port)))
                .filter(|port| !(dual && holds(&there, *port)))
                .collect();
            prop_assert_eq!(view.count() as usize, listed.len());
            for rank in ranks {
                let rank = u32::from(rank) % (listed.len() as u32 + 2);
                let expected = listed.get(rank as usize).or(listed.first()).copied();
                prop_assert_eq!(view.ranked(rank), expected, "rank {}", rank);
                let Some(port) = expected else { continue };
                let is_listed = |port: &u16| listed.binary_search(port).is_ok();
                let run = PortRange::new(
                    (1..=port).rev().take_while(is_listed).last().unwrap(),
                    (port..=u16::MAX).take_while(is_listed).last().unwrap(),
                );
                prop_assert_eq!(Ok(view.run_around(port)), run, "around {}", port);
            }
        }
    }
}
