//! Sets of ports in shared memory.

use crate::ports::{PortRange, WORDS, mask};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use zerocopy::{FromBytes, IntoBytes};

/// A word for each 64 ports of a set.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(crate) struct Words(pub(super) [AtomicU64; WORDS]);

/// Summary of a set: 0 for no port at all, [`RANGE`] with its first and last port, or
/// [`OWN_WORDS`]. Most sets are plain: their words lie in pages that nobody ever touches.
type SetSummary = AtomicU64;

const RANGE: u64 = 1 << 32;
pub(super) const OWN_WORDS: u64 = 2 << 32;

pub(super) fn summary_of_range(range: PortRange) -> u64 {
    RANGE | u64::from(range.first()) | u64::from(range.last()) << 16
}

/// A set of ports in shared memory.
#[derive(Clone, Copy)]
pub struct SharedSet<'a> {
    pub(super) summary: &'a SetSummary,
    pub(super) words: &'a Words,
}

impl SharedSet<'_> {
    /// 64 ports, from `index * 64` up.
    #[must_use]
    #[inline]
    pub fn word(&self, index: usize) -> u64 {
        match self.summary.load(Relaxed) {
            0 => 0,
            OWN_WORDS => self.words.0[index % WORDS].load(Relaxed),
            summary => as_range(summary).map_or(0, |range| mask(range, index % WORDS)),
        }
    }

    /// Tells whether `port` is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.word(usize::from(port / 64)) >> (port % 64) & 1 == 1
    }

    /// Tells whether both hold the same ports.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let (summary, others) = (self.summary.load(Relaxed), other.summary.load(Relaxed));
        if summary != OWN_WORDS && summary == others {
            return true;
        }
        (0..WORDS).all(|index| self.word(index) == other.word(index))
    }

    /// Adds a range.
    pub fn insert(&self, range: PortRange) {
        let summary = self.summary.load(Relaxed);
        if summary == 0 {
            return self.summary.store(summary_of_range(range), Relaxed);
        }
        for range in [Some(range), as_range(summary)].into_iter().flatten() {
            for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
                self.words.0[index].fetch_or(mask(range, index), Relaxed);
            }
        }
        self.summary.store(OWN_WORDS, Relaxed);
    }

    /// Tells whether nothing was ever added to it.
    fn is_bare(&self) -> bool {
        self.summary.load(Relaxed) == 0
    }
}

/// The range that a set is, where it is one.
fn as_range(summary: u64) -> Option<PortRange> {
    let range = PortRange::new(summary as u16, (summary >> 16) as u16).ok();
    range.filter(|_| summary & RANGE != 0)
}

/// The hot part of one scope's ports: every request looks at it.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(crate) struct ScopeHot {
    dynamic: SetSummary,
    reserved: SetSummary,
    blocked: SetSummary,
    /// The lowest and highest dynamic port, first | last << 16, with [`SOLID`] and [`SOLID_DUAL`];
    /// 0 where there is none. In one word, because each says nothing without the other.
    extent: AtomicU64,
}

/// The cold part: it is asked only where the ports are no plain range.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(crate) struct ScopeCold {
    pub(super) dynamic: Words,
    pub(super) reserved: Words,
    pub(super) blocked: Words,
    /// Of all ports that may be handed out, and of those for dual sockets.
    pub(super) runs: [Runs; 2],
}

/// One scope's ports.
#[derive(Clone, Copy)]
pub struct SharedScope<'a> {
    /// Ports that may be handed out.
    pub dynamic: SharedSet<'a>,
    /// Ports that never are.
    pub reserved: SharedSet<'a>,
    /// Ports that may not be bound at all.
    pub blocked: SharedSet<'a>,
    extent: &'a AtomicU64,
    runs: &'a [Runs; 2],
}

/// The runs of a set, from the lowest up: what spares a request for the port of some rank, or for
/// the run around a port, a look at all the others.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(crate) struct Runs {
    /// Number of ports | number of runs << 32; 0 where that is not known, or there are too many.
    size: AtomicU64,
    /// Each as first | last << 16 | how many ports lie below it << 32.
    runs: [AtomicU64; RUNS],
}

const RUNS: usize = 256;

/// One of them.
#[derive(Clone, Copy)]
struct Run {
    first: u16,
    last: u16,
    below: u32,
}

impl Runs {
    /// All ports, if that is known.
    pub(crate) fn count(&self) -> Option<u32> {
        match self.size.load(Relaxed) as u32 {
            0 => None,
            count => Some(count),
        }
    }

    /// Number of them.
    fn len(&self) -> usize {
        (self.size.load(Relaxed) >> 32) as usize
    }

    /// Number of ports that lie below `port`.
    pub(crate) fn below(&self, port: u16) -> u32 {
        match self.last_where(|run| run.first <= port) {
            Some(run) if port <= run.last => run.below + u32::from(port - run.first),
            Some(run) => run.below + u32::from(run.last.saturating_sub(run.first)) + 1,
            None => 0,
        }
    }

    /// Number of ports that lie below `range`, and how many inside.
    pub(crate) fn inside(&self, range: PortRange) -> (u32, u32) {
        let first = self.below(range.first());
        let end = range.last().checked_add(1).map_or_else(|| self.count().unwrap_or(0), |end| self.below(end));
        (first, end.saturating_sub(first))
    }

    /// The port with `rank` smaller ones, where there is one.
    pub(crate) fn at(&self, rank: u32) -> Option<u16> {
        let run = self.last_where(|run| run.below <= rank)?;
        let at = u32::from(run.first).checked_add(rank - run.below)?;
        u16::try_from(at).ok().filter(|port| *port <= run.last)
    }

    /// The run that holds `port`, where one does.
    pub(crate) fn around(&self, port: u16) -> Option<PortRange> {
        let run = self.last_where(|run| run.first <= port)?;
        PortRange::new(run.first, run.last).ok().filter(|run| run.contains(port))
    }

    /// The last run of which something is true that is true of all those before it.
    fn last_where(&self, is_true: impl Fn(Run) -> bool) -> Option<Run> {
        let run = |index: usize| {
            let packed = self.runs[index].load(Relaxed);
            Run { first: packed as u16, last: (packed >> 16) as u16, below: (packed >> 32) as u32 }
        };
        let (mut from, mut to) = (0, self.len().min(RUNS));
        while from < to {
            let middle = from.midpoint(to);
            if is_true(run(middle)) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from.checked_sub(1).map(run)
    }

    fn forget(&self) {
        self.size.store(0, Relaxed);
    }

    /// From the set's words.
    fn learn(&self, word: impl Fn(usize) -> u64) {
        let (mut len, mut count) = (0, 0u32);
        let mut note = |first: u32, end: u32| {
            if let Some(run) = self.runs.get(len) {
                run.store(u64::from(first) | u64::from(end - 1) << 16 | u64::from(count) << 32, Relaxed);
            }
            len += 1;
            count += end - first;
        };
        let mut began = None;
        for index in 0..WORDS {
            let (word, base) = (word(index), index as u32 * 64);
            let mut at = 0;
            // From one change to the next.
            while at < 64 {
                let rest = if began.is_some() { !word } else { word } >> at;
                let same = rest.trailing_zeros();
                if rest == 0 {
                    break;
                }
                at += same;
                match began.take() {
                    Some(first) => note(first, base + at),
                    None => began = Some(base + at),
                }
            }
        }
        if let Some(first) = began {
            note(first, u32::from(u16::MAX) + 1);
        }
        self.size.store(if len <= RUNS { u64::from(count) | (len as u64) << 32 } else { 0 }, Relaxed);
    }
}

/// Every port from the lowest to the highest may be handed out.
const SOLID: u64 = 1 << 32;
/// The same, to sockets that take their port in the other family, too.
const SOLID_DUAL: u64 = 2 << 32;

impl<'a> SharedScope<'a> {
    #[inline]
    pub(crate) fn new(head: &'a ScopeHot, rest: &'a ScopeCold) -> Self {
        Self {
            dynamic: SharedSet { summary: &head.dynamic, words: &rest.dynamic },
            reserved: SharedSet { summary: &head.reserved, words: &rest.reserved },
            blocked: SharedSet { summary: &head.blocked, words: &rest.blocked },
            extent: &head.extent,
            runs: &rest.runs,
        }
    }

    /// From the lowest to the highest dynamic port, `None` where there is none.
    #[must_use]
    pub fn hull(&self) -> Option<PortRange> {
        self.extent(false).map(|(hull, _)| hull)
    }

    /// The same, and whether every port of it may be handed out, to `dual` sockets perhaps.
    #[inline]
    pub(crate) fn extent(&self, dual: bool) -> Option<(PortRange, bool)> {
        let extent = self.extent.load(Relaxed);
        let (first, last) = (extent as u16, (extent >> 16) as u16);
        let solid = extent & if dual { SOLID_DUAL } else { SOLID } != 0;
        if extent == 0 { None } else { PortRange::new(first, last).ok().map(|hull| (hull, solid)) }
    }

    /// Of the ports of word `index`, those that may be handed out; with `other`, the rules of the
    /// other family, to sockets that take their port there, too.
    #[inline]
    pub(crate) fn allowed(&self, index: usize, other: Option<Self>) -> u64 {
        let mut word = self.dynamic.word(index) & !self.reserved.word(index) & !self.blocked.word(index);
        if let Some(other) = other {
            word &= !other.reserved.word(index) & !other.blocked.word(index);
        }
        // Port 0 is a request, never an answer.
        if index == 0 { word & !1 } else { word }
    }

    /// Tells whether both have the same ports.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.dynamic.equals(&other.dynamic)
            && self.reserved.equals(&other.reserved)
            && self.blocked.equals(&other.blocked)
    }

    /// The longest part of `range` in which no port is both to be handed out here and in the set of
    /// `kept` words: that is where the system can be made to choose, if it keeps those ports from
    /// its own choice. `None` where there is no such port.
    #[must_use]
    pub fn longest_without(&self, range: PortRange, kept: impl Fn(usize) -> u64) -> Option<PortRange> {
        let (mut longest, mut from) = (None::<PortRange>, Some(range.first()));
        let mut end_before = |port: u16, from: Option<u16>| {
            let part = from.and_then(|from| PortRange::new(from, port.checked_sub(1)?).ok());
            if part.map_or(0, PortRange::len) > longest.map_or(0, PortRange::len) {
                longest = part;
            }
        };
        for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
            let mut met = kept(index) & mask(range, index);
            if met != 0 {
                met &= self.allowed(index, None);
            }
            while met != 0 {
                let port = (index * 64) as u16 + met.trailing_zeros() as u16;
                end_before(port, from);
                from = port.checked_add(1);
                met &= met - 1;
            }
        }
        if let Some(part) = from.and_then(|from| PortRange::new(from, range.last()).ok())
            && part.len() > longest.map_or(0, PortRange::len)
        {
            longest = Some(part);
        }
        longest
    }

    /// The runs of the ports that may be handed out, to `dual` sockets perhaps. Not known where
    /// there is but one.
    pub(crate) fn runs(&self, dual: bool) -> &'a Runs {
        &self.runs[usize::from(dual)]
    }

    /// Makes `range` the dynamic ports. Whoever is looking at them meanwhile finds old ones, new
    /// ones, or none.
    pub(crate) fn replace_dynamic(&self, range: PortRange, other: &Self) {
        self.runs.iter().for_each(Runs::forget);
        let both = match self.hull() {
            Some(old) => (old.first().min(range.first()), old.last().max(range.last())),
            None => (range.first(), range.last()),
        };
        self.extent.store(u64::from(both.0) | u64::from(both.1) << 16, Relaxed);
        self.dynamic.summary.store(summary_of_range(range), Relaxed);
        self.summarise(other);
    }

    /// Sums up what is in it, once it has been filled or changed.
    pub(crate) fn summarise(&self, other: &Self) {
        if [self, other].iter().all(|scope| scope.reserved.is_bare() && scope.blocked.is_bare())
            && let Some(range) = as_range(self.dynamic.summary.load(Relaxed)).filter(|range| range.first() > 0)
        {
            let ports = u64::from(range.first()) | u64::from(range.last()) << 16;
            return self.extent.store(ports | SOLID | SOLID_DUAL, Relaxed);
        }
        let denied = |scope: &Self, index| scope.reserved.word(index) | scope.blocked.word(index);
        self.note(|i| self.dynamic.word(i), |i| denied(self, i), |i| denied(other, i));
    }

    /// From each set's words: the dynamic ports, those that may not be handed out here, and those
    /// that may not in the other family.
    fn note(&self, dynamic: impl Fn(usize) -> u64, denied: impl Fn(usize) -> u64, denied_there: impl Fn(usize) -> u64) {
        // Port 0 is a request, never an answer.
        let ports = |index| dynamic(index) & if index == 0 { !1 } else { u64::MAX };
        let Some(low) = (0..WORDS).find(|index| ports(*index) != 0) else { return };
        let high = (low..WORDS).rev().find(|index| ports(*index) != 0).unwrap_or(low);
        let first = (low * 64) as u32 + ports(low).trailing_zeros();
        let last = (high * 64) as u32 + 63 - ports(high).leading_zeros();
        let Ok(hull) = PortRange::new(first as u16, last as u16) else { return };
        let mut solid = SOLID | SOLID_DUAL;
        for index in low..=high {
            let whole = mask(hull, index);
            if ports(index) & !denied(index) & whole != whole {
                solid = 0;
                break;
            }
            if denied_there(index) & whole != 0 {
                solid &= !SOLID_DUAL;
            }
        }
        self.extent.store(u64::from(first | last << 16) | solid, Relaxed);
        // A solid range is one run.
        if solid & SOLID == 0 {
            self.runs[0].learn(|index| ports(index) & !denied(index));
        }
        if solid & SOLID_DUAL == 0 {
            self.runs[1].learn(|index| ports(index) & !denied(index) & !denied_there(index));
        }
    }
}

const _: () = {
    assert!(size_of::<ScopeHot>() == 3 * size_of::<SetSummary>() + 8);
    assert!(size_of::<ScopeCold>() == 3 * 8 * WORDS + 2 * (8 + 8 * RUNS));
};
