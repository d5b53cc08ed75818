//! One request's view of the ports: what it may get, word by word, read live.

use crate::ledger::{Block, Ledger, Touched, scopes_of};
use crate::{Hint, PortRange, Rules, Scope, set};

/// Ports of one parity, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parity {
    Any,
    Even,
    Odd,
}

impl Parity {
    pub(crate) const fn of(port: u16) -> Self {
        if port.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    const fn mask(self) -> u64 {
        match self {
            Self::Any => u64::MAX,
            Self::Even => 0x5555_5555_5555_5555,
            Self::Odd => 0xAAAA_AAAA_AAAA_AAAA,
        }
    }
}

/// The ports that one request may get. It reads the session's sets as they are now, so that a
/// reservation made while a program runs counts from the next request on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    rules: &'a Rules,
    ledger: &'a Ledger,
    /// What the ledger speaks of, where it speaks of any port here.
    touched: Option<Touched>,
    scope: Scope,
    dual: bool,
    limit: PortRange,
    without: Option<PortRange>,
    /// Ports that this believes taken are left out.
    fresh: Option<&'a Hint>,
    parity: Parity,
}

impl<'a> View<'a> {
    /// The ports of `scope`. With `dual`, the socket takes its port in the other family too, so what
    /// is reserved or blocked there is left out. `limit` is the range that the program set itself.
    #[must_use]
    pub fn new(rules: &'a Rules, ledger: &'a Ledger, scope: Scope, dual: bool, limit: PortRange) -> Self {
        let mut view =
            Self { rules, ledger, touched: None, scope, dual, limit, without: None, fresh: None, parity: Parity::Any };
        match rules.scope(scope).hull() {
            Some(hull) => view = view.within(hull),
            None => view.without = Some(PortRange::ALL),
        }
        view.touched = Touched::by(ledger, scopes_of(scope, dual), view.limit);
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
        self.without = Some(range);
        self
    }

    pub(crate) fn fresh(mut self, hint: Option<&'a Hint>) -> Self {
        self.fresh = hint;
        self
    }

    pub(crate) fn of_parity(mut self, parity: Parity) -> Self {
        self.parity = parity;
        self
    }

    /// Every port of the view as one range, where it is known to have no holes.
    pub(crate) fn as_range(&self) -> Option<PortRange> {
        let plain = self.without.is_none() && self.touched.is_none() && self.fresh.is_none();
        let solid = plain && self.parity == Parity::Any;
        (solid && self.rules.scope(self.scope).is_solid(self.dual)).then_some(self.limit)
    }

    /// Of the ports of word `index`, those that it holds. `live` is what the ledger says about the ports around.
    fn word(&self, index: usize, live: &mut Block) -> u64 {
        let limit = set::mask(self.limit, index) & self.parity.mask();
        if limit == 0 {
            return 0;
        }
        let own = self.rules.scope(self.scope);
        let mut word = own.dynamic.word(index) & !own.reserved.word(index) & !own.blocked.word(index);
        if self.dual {
            let other = self.rules.scope(self.scope.other_family());
            word &= !other.reserved.word(index) & !other.blocked.word(index);
        }
        if self.touched.is_some_and(|touched| touched.contains(index)) {
            word &= !live.word(self.ledger, index, scopes_of(self.scope, self.dual));
        }
        if let Some(hint) = self.fresh {
            word &= !hint.word(index);
        }
        if let Some(without) = self.without {
            word &= !set::mask(without, index);
        }
        if index == 0 {
            word &= !1; // port 0 is a request, never an answer
        }
        word & limit
    }

    fn words(&self) -> core::ops::RangeInclusive<usize> {
        usize::from(self.limit.first() / 64)..=usize::from(self.limit.last() / 64)
    }

    /// How many ports it holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        if let Some(range) = self.as_range() {
            return range.len();
        }
        let mut live = Block::default();
        self.words().map(|i| self.word(i, &mut live).count_ones()).sum()
    }

    /// Whether `port` may be handed out.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.word(usize::from(port / 64), &mut Block::default()) >> (port % 64) & 1 == 1
    }

    /// The lowest port at or above `from`.
    #[must_use]
    pub fn at_or_above(&self, from: u16) -> Option<u16> {
        let from = from.max(self.limit.first());
        let mut live = Block::default();
        let mut index = usize::from(from / 64);
        let mut word = self.word(index, &mut live) & (u64::MAX << (from % 64));
        loop {
            if word != 0 {
                return Some((index * 64) as u16 + word.trailing_zeros() as u16);
            }
            index += 1;
            if index > usize::from(self.limit.last() / 64) {
                return None;
            }
            word = self.word(index, &mut live);
        }
    }

    /// The highest port at or below `from`.
    #[must_use]
    pub fn at_or_below(&self, from: u16) -> Option<u16> {
        let from = from.min(self.limit.last());
        let mut live = Block::default();
        let mut index = usize::from(from / 64);
        let mut word = self.word(index, &mut live) & (u64::MAX >> (63 - from % 64));
        loop {
            if word != 0 {
                return Some((index * 64) as u16 + 63 - word.leading_zeros() as u16);
            }
            if index <= usize::from(self.limit.first() / 64) {
                return None;
            }
            index -= 1;
            word = self.word(index, &mut live);
        }
    }

    /// The port with `rank` smaller ones, or the lowest where there are not so many any more.
    #[must_use]
    pub fn ranked(&self, rank: u32) -> Option<u16> {
        if let Some(range) = self.as_range() {
            return Some(range.first() + if rank < range.len() { rank as u16 } else { 0 });
        }
        let mut left = rank;
        let mut live = Block::default();
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
        let mut live = Block::default();
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
        PortRange::new(self.at_or_above(0)?, self.at_or_below(u16::MAX)?).ok()
    }
}
