//! Sets of ports and counters in shared memory: the parts of a region that change while programs run.

use crate::set::WORDS;
use crate::{PortRange, PortSet, ScopeRules, mix};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many counters a scope keeps for connections to different peers (RFC 6056 §3.3.4).
const PERTURBATIONS: usize = 256;

/// A set of ports in shared memory.
#[repr(C)]
pub struct SharedSet {
    words: [AtomicU64; WORDS],
}

impl SharedSet {
    /// 64 ports, from `index * 64` up.
    #[must_use]
    pub fn word(&self, index: usize) -> u64 {
        self.words[index % WORDS].load(Relaxed)
    }

    /// Whether `port` is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.word(usize::from(port / 64)) >> (port % 64) & 1 == 1
    }

    /// Whether both hold the same ports.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(one, other)| one.load(Relaxed) == other.load(Relaxed))
    }

    /// Adds a range.
    pub fn insert(&self, range: PortRange) {
        for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
            self.words[index].fetch_or(crate::set::mask(range, index), Relaxed);
        }
    }

    /// Fills a set that is still empty. Words without a port are left alone: most of a region's pages
    /// are then never touched.
    pub(crate) fn fill(&self, set: &PortSet) {
        if set.is_bare() {
            return;
        }
        for (word, bits) in self.words.iter().zip(set.words()).filter(|(_, bits)| **bits != 0) {
            word.store(*bits, Relaxed);
        }
    }
}

/// One scope's ports, as [`ScopeRules`] has them.
#[repr(C)]
pub struct SharedScope {
    /// Ports that may be handed out.
    pub dynamic: SharedSet,
    /// Ports that never are.
    pub reserved: SharedSet,
    /// Ports that may not be bound at all.
    pub blocked: SharedSet,
    summary: Summary,
}

/// What spares each request a look at every port of a scope.
#[repr(C)]
#[derive(Default)]
struct Summary {
    /// The lowest and highest dynamic port, first | last << 16, with [`SOLID`] and [`SOLID_DUAL`]; 0 where there is none.
    /// In one word, because each says nothing without the other.
    extent: AtomicU64,
    /// Of all ports that may be handed out, and of those for dual sockets.
    ranks: [Ranks; 2],
}

impl Summary {
    /// From each set's words: the dynamic ports, those that may not be handed out here, and those that may not in the
    /// other family.
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
            let whole = crate::set::mask(hull, index);
            if ports(index) & !denied(index) & whole != whole {
                solid = 0;
                break;
            }
            if denied_there(index) & whole != 0 {
                solid &= !SOLID_DUAL;
            }
        }
        self.extent.store(u64::from(first | last << 16) | solid, Relaxed);
        // The ranks of a solid range are plain.
        if solid & SOLID == 0 {
            self.ranks[0].learn(|index| ports(index) & !denied(index));
        }
        if solid & SOLID_DUAL == 0 {
            self.ranks[1].learn(|index| ports(index) & !denied(index) & !denied_there(index));
        }
    }

    /// The same from what the rules say of a scope and of the same protocol's other family.
    fn note_rules(&self, from: &ScopeRules, other: &ScopeRules) {
        let words = from.dynamic.words();
        if [from, other].iter().all(|rules| rules.reserved.is_bare() && rules.blocked.is_bare()) {
            return self.note(|i| words[i], |_| 0, |_| 0);
        }
        let denied = [&from.reserved, &from.blocked, &other.reserved, &other.blocked].map(PortSet::words);
        self.note(|i| words[i], |i| denied[0][i] | denied[1][i], |i| denied[2][i] | denied[3][i]);
    }

    /// Its numbers, as they stand beside each other.
    fn numbers(&self) -> Vec<u32> {
        let ranks = self.ranks.iter().flat_map(|ranks| core::iter::once(&ranks.count).chain(&ranks.below));
        let extent = self.extent.load(Relaxed).to_ne_bytes();
        let halves = extent.as_chunks::<4>().0.iter().map(|half| u32::from_ne_bytes(*half));
        halves.chain(ranks.map(|number| number.load(Relaxed))).collect()
    }
}

/// A part of a region that holds anything but zeroes.
pub(crate) enum Piece<'a> {
    /// 64 ports each.
    Words(&'a [u64]),
    /// Numbers that stand beside each other.
    Numbers(Vec<u32>),
}

/// How many ports of a set lie below the 32 places at which it is cut into pieces: what spares a request for the
/// port of some rank a look at all those before it.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Ranks {
    /// All ports; 0 where that is not known.
    count: AtomicU32,
    below: [AtomicU32; PIECES],
}

const PIECES: usize = 32;
/// Words in a piece.
const PIECE: usize = WORDS / PIECES;

impl Ranks {
    /// How many ports there are altogether, if that is known.
    pub(crate) fn count(&self) -> Option<u32> {
        match self.count.load(Relaxed) {
            0 => None,
            count => Some(count),
        }
    }

    /// How many ports lie below `port` in the set of these words.
    pub(crate) fn below(&self, port: u16, word: impl Fn(usize) -> u64) -> u32 {
        let (index, bit) = (usize::from(port / 64), port % 64);
        let before: u32 = (index / PIECE * PIECE..index).map(|index| word(index).count_ones()).sum();
        let here = (word(index) & !(u64::MAX << bit)).count_ones();
        self.below[index / PIECE].load(Relaxed).wrapping_add(before + here)
    }

    /// The port with `rank` smaller ones in the set of these words, where there is one.
    pub(crate) fn at(&self, rank: u32, word: impl Fn(usize) -> u64) -> Option<u16> {
        let piece = self.below.iter().rposition(|below| below.load(Relaxed) <= rank)?;
        let mut left = rank - self.below[piece].load(Relaxed).min(rank);
        for index in piece * PIECE..(piece + 1) * PIECE {
            let mut here = word(index);
            let count = here.count_ones();
            if left < count {
                (0..left).for_each(|_| here &= here - 1);
                return Some((index * 64) as u16 + here.trailing_zeros() as u16);
            }
            left -= count;
        }
        None
    }

    fn forget(&self) {
        self.count.store(0, Relaxed);
    }

    fn learn(&self, word: impl Fn(usize) -> u64) {
        let mut count = 0;
        for (piece, below) in self.below.iter().enumerate() {
            below.store(count, Relaxed);
            count += (piece * PIECE..(piece + 1) * PIECE).map(|index| word(index).count_ones()).sum::<u32>();
        }
        self.count.store(count, Relaxed);
    }
}

/// Every port from the lowest to the highest may be handed out.
const SOLID: u64 = 1 << 32;
/// The same, to sockets that take their port in the other family, too.
const SOLID_DUAL: u64 = 2 << 32;

impl SharedScope {
    /// From the lowest to the highest dynamic port, `None` where there is none.
    #[must_use]
    pub fn hull(&self) -> Option<PortRange> {
        self.extent(false).map(|(hull, _)| hull)
    }

    /// The same, and whether every port of it may be handed out, to `dual` sockets perhaps.
    pub(crate) fn extent(&self, dual: bool) -> Option<(PortRange, bool)> {
        let extent = self.summary.extent.load(Relaxed);
        let (first, last) = (extent as u16, (extent >> 16) as u16);
        let solid = extent & if dual { SOLID_DUAL } else { SOLID } != 0;
        if extent == 0 { None } else { PortRange::new(first, last).ok().map(|hull| (hull, solid)) }
    }

    /// Of the ports of word `index`, those that may be handed out; with `other`, the rules of the other family, to
    /// sockets that take their port there, too.
    #[inline]
    pub(crate) fn allowed(&self, index: usize, other: Option<&Self>) -> u64 {
        let mut word = self.dynamic.word(index) & !self.reserved.word(index) & !self.blocked.word(index);
        if let Some(other) = other {
            word &= !other.reserved.word(index) & !other.blocked.word(index);
        }
        // Port 0 is a request, never an answer.
        if index == 0 { word & !1 } else { word }
    }

    /// Where each port stands among those that may be handed out.
    pub(crate) fn ranks(&self, dual: bool) -> &Ranks {
        &self.summary.ranks[usize::from(dual)]
    }

    /// Makes `range` the dynamic ports. Whoever is looking at them meanwhile finds old ones, new ones, or none.
    pub(crate) fn replace_dynamic(&self, range: PortRange, other: &Self) {
        self.summary.ranks.iter().for_each(Ranks::forget);
        let both = match self.hull() {
            Some(old) => (old.first().min(range.first()), old.last().max(range.last())),
            None => (range.first(), range.last()),
        };
        self.summary.extent.store(u64::from(both.0) | u64::from(both.1) << 16, Relaxed);
        for (index, word) in self.dynamic.words.iter().enumerate() {
            let new = crate::set::mask(range, index);
            if word.load(Relaxed) != new {
                word.store(new, Relaxed);
            }
        }
        self.summarise(other);
    }

    /// Sums up what is in it, once it has been filled or changed.
    pub(crate) fn summarise(&self, other: &Self) {
        let denied = |scope: &Self, index| scope.reserved.word(index) | scope.blocked.word(index);
        self.summary.note(|i| self.dynamic.word(i), |i| denied(self, i), |i| denied(other, i));
    }

    /// Fills a scope that is still empty, and sums it up, from what the rules say of it and of the same protocol's other
    /// family.
    pub(crate) fn fill(&self, from: &ScopeRules, other: &ScopeRules) {
        self.dynamic.fill(&from.dynamic);
        self.reserved.fill(&from.reserved);
        self.blocked.fill(&from.blocked);
        self.summary.note_rules(from, other);
    }

    /// What [`Self::fill`] would leave behind, and where.
    pub(crate) fn pieces<'a>(from: &'a ScopeRules, other: &ScopeRules) -> impl Iterator<Item = (usize, Piece<'a>)> {
        let set = |at: usize, set: &'a PortSet| {
            let words = set.used_words();
            (!words.is_empty()).then(|| (at + words.start * size_of::<u64>(), Piece::Words(&set.words()[words])))
        };
        let sets = [
            set(offset_of!(Self, dynamic), &from.dynamic),
            set(offset_of!(Self, reserved), &from.reserved),
            set(offset_of!(Self, blocked), &from.blocked),
        ];
        let summary = Summary::default();
        summary.note_rules(from, other);
        sets.into_iter().flatten().chain([(offset_of!(Self, summary), Piece::Numbers(summary.numbers()))])
    }
}

/// What serving requests leaves behind, for one scope under one set of rules.
#[repr(C)]
pub struct LiveScope {
    rover: AtomicU32,
    /// RFC 6056's `next_ephemeral`, for the orders that count.
    pub(crate) counter: AtomicU32,
    table: [AtomicU32; PERTURBATIONS],
    /// Requests that got a port.
    pub served: AtomicU64,
    /// Requests that got none.
    pub exhausted: AtomicU64,
    /// Specific binds refused because the port is blocked.
    pub refused: AtomicU64,
    pub(crate) entropy: AtomicU64,
    /// The most sockets that have held a port handed out here at once, all processes together.
    pub high: AtomicU32,
    _reserved: AtomicU32,
}

impl LiveScope {
    /// Where a rover that counts up goes on; `first` where it has not started.
    pub(crate) fn rover_up(&self, first: u16) -> u16 {
        match self.rover.load(Relaxed) {
            0 => first,
            last => (last as u16).checked_add(1).unwrap_or(first),
        }
    }

    /// Where a rover that counts down goes on; `last` where it has not started.
    pub(crate) fn rover_down(&self, last: u16) -> u16 {
        match self.rover.load(Relaxed) {
            0 => last,
            next => (next as u16).saturating_sub(1),
        }
    }

    pub(crate) fn rove(&self, port: u16) {
        self.rover.store(u32::from(port), Relaxed);
    }

    /// RFC 6056 §3.3.4: one counter of a table, chosen by a hash; moved on by `step`.
    pub(crate) fn perturb(&self, hash: u64, step: u32) -> u32 {
        self.table[(mix(hash) as usize) % PERTURBATIONS].fetch_add(step, Relaxed)
    }
}

const _: () = {
    assert!(size_of::<LiveScope>() == 8 + 4 * PERTURBATIONS + 40);
    assert!(size_of::<SharedScope>() == 3 * size_of::<SharedSet>() + size_of::<Summary>());
    assert!(size_of::<Summary>() == 8 + 2 * (4 + 4 * PIECES));
};
