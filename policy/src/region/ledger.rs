//! The ledger: ports that are reserved and blocked while programs run, and by whom.
//!
//! It lies in the session's region. Readers take no lock and wait for nobody: an entry's ports are
//! one word. Writers ([`Change`](super::change::Change)) take turns, and whoever dies in the midst
//! of its turn loses it.

use crate::model::Restriction;
use crate::ports::{PortRange, ScopeSet, WORDS, mask};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};
use zerocopy::{FromBytes, IntoBytes};

/// Number of entries a session holds.
pub const ENTRIES: usize = 1024;

/// Maker of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The process; 0 for the session itself, whose entries stay until they are lifted or the
    /// session ends.
    pub process: u32,
    /// The PID namespace in which it has that number, by inode; 0 where there is no telling.
    pub namespace: u32,
    /// Time when it spoke, in clock ticks since boot: a process of that number that started later
    /// (proc(5), field 22) is another.
    pub since: u64,
}

impl Owner {
    /// The session itself.
    pub const SESSION: Self = Self { process: 0, namespace: 0, since: 0 };

    /// Tells whether both are the same process, or both the session.
    #[must_use]
    pub const fn is(&self, other: &Self) -> bool {
        self.process == other.process && self.namespace == other.namespace
    }
}

/// A live reservation or block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Kind of restriction.
    pub act: Restriction,
    /// The ports, none of which is 0.
    pub range: PortRange,
    /// The scopes that it is for.
    pub scopes: ScopeSet,
    /// Maker of it.
    pub owner: Owner,
    /// Goes up from entry to entry: the first is the oldest.
    pub number: u64,
}

/// The ports of an entry, in one word: first, last, scopes, act, whether there is an entry at all,
/// and how many there have been in this place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports(pub(super) u64);

impl Ports {
    const LIVE: u64 = 1 << 37;
    const COUNT: u32 = 40;

    fn new(before: Self, act: Restriction, range: PortRange, scopes: ScopeSet) -> Self {
        let ports = u64::from(range.first()) | u64::from(range.last()) << 16 | u64::from(scopes.bits()) << 32;
        Self(((before.0 >> Self::COUNT) + 1) << Self::COUNT | Self::LIVE | (act as u64) << 36 | ports)
    }

    pub(super) fn gone(self) -> Self {
        Self(self.0 >> Self::COUNT << Self::COUNT)
    }

    fn act(self) -> Restriction {
        if self.0 >> 36 & 1 == 0 { Restriction::Reserve } else { Restriction::Block }
    }

    fn scopes(self) -> ScopeSet {
        ScopeSet::from_bits((self.0 >> 32) as u8)
    }

    /// `None` where there is no entry, or what has been scribbled here is none.
    pub(super) fn range(self) -> Option<PortRange> {
        (self.0 & Self::LIVE != 0).then(|| PortRange::new(self.0 as u16, (self.0 >> 16) as u16).ok()).flatten()
    }
}

/// One place for an entry.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) ports: AtomicU64,
    /// Process and namespace.
    owner: AtomicU64,
    since: AtomicU64,
    number: AtomicU64,
}

impl Slot {
    pub(super) fn ports(&self) -> Ports {
        Ports(self.ports.load(Acquire))
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        // What is read beside the ports is this entry's where the ports have not changed meanwhile.
        for _ in 0..4 {
            let ports = self.ports();
            let range = ports.range()?;
            let owner = self.owner.load(Relaxed);
            let (since, number) = (self.since.load(Relaxed), self.number.load(Relaxed));
            fence(Acquire);
            if Ports(self.ports.load(Relaxed)) == ports {
                let owner = Owner { process: owner as u32, namespace: (owner >> 32) as u32, since };
                return Some(Entry { act: ports.act(), range, scopes: ports.scopes(), owner, number });
            }
        }
        None
    }

    pub(super) fn put(&self, entry: &Entry) {
        let ports = Ports::new(self.ports(), entry.act, entry.range, entry.scopes);
        // Whoever reads what follows learns from the ports that the entry before is gone.
        fence(Release);
        self.owner.store(u64::from(entry.owner.process) | u64::from(entry.owner.namespace) << 32, Relaxed);
        self.since.store(entry.owner.since, Relaxed);
        self.number.store(entry.number, Relaxed);
        self.ports.store(ports.0, Release);
    }
}

/// The ledger itself, all zeroes when empty.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Ledger {
    /// Whose turn it is to write: thread and PID namespace, 0 for nobody's.
    pub(super) turn: AtomicU64,
    /// The number of the next entry.
    pub(super) next: AtomicU64,
    /// Entries lie in this many slots from the first on, at most.
    pub(super) end: AtomicU32,
    /// Not 0 while somebody waits for a turn.
    waiting: AtomicU32,
    pub(super) slots: [Slot; ENTRIES],
}

impl Ledger {
    /// Tells whether nothing is reserved or blocked at run time: the case that costs a request one
    /// load.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.load(Acquire) == 0
    }

    /// Whose turn it is to write; 0 for nobody's.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.turn.load(Relaxed)
    }

    /// Lets those who write know that somebody else would.
    pub fn set_waiting(&self) {
        self.waiting.store(1, Relaxed);
    }

    /// Tells whether somebody waits for a turn, as far as it has not been taken note of.
    pub fn take_waiting(&self) -> bool {
        self.waiting.load(Relaxed) != 0 && self.waiting.swap(0, Relaxed) != 0
    }

    pub(super) fn used(&self) -> &[Slot] {
        &self.slots[..(self.end.load(Acquire) as usize).min(ENTRIES)]
    }

    /// The entries, in no particular order. Those of processes that are gone may be among them.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.used().iter().filter_map(Slot::entry)
    }

    /// Removes the entries that speak of a port of `range` in `scopes` and whose owner is gone.
    pub fn expire(&self, range: PortRange, scopes: ScopeSet, is_alive: impl Fn(&Owner) -> bool) {
        let mut memo = LivenessMemo::default();
        for slot in self.used() {
            let ports = slot.ports();
            let speaks =
                ports.range().is_some_and(|r| r.intersect(range).is_some()) && ports.scopes().intersects(scopes);
            let Some(entry) = slot.entry().filter(|entry| speaks && !entry.owner.is(&Owner::SESSION)) else { continue };
            if !memo.is_alive(&entry.owner, &is_alive) {
                // Where another entry has taken its place since, that one stays.
                let _ = slot.ports.compare_exchange(ports.0, ports.gone().0, Release, Relaxed);
            }
        }
    }

    /// The block, made by none of those that `is_own` knows, that keeps `port` from being bound in
    /// `scopes`.
    #[must_use]
    pub fn blocker(&self, port: u16, scopes: ScopeSet, is_own: impl Fn(&Owner) -> bool) -> Option<Entry> {
        let blocks = |slot: &&Slot| {
            let ports = slot.ports();
            ports.act() == Restriction::Block
                && ports.scopes().intersects(scopes)
                && ports.range().is_some_and(|range| range.contains(port))
        };
        self.used().iter().filter(blocks).filter_map(Slot::entry).find(|entry| !is_own(&entry.owner))
    }

    /// Tells whether `port` is spoken of in `scopes`, so that no wildcard bind gets it.
    #[must_use]
    pub fn withholds(&self, port: u16, scopes: ScopeSet) -> bool {
        self.withheld(scopes).any(|range| range.contains(port))
    }

    /// The ranges that no wildcard bind draws from in `scopes`.
    pub(crate) fn withheld(&self, scopes: ScopeSet) -> impl Iterator<Item = PortRange> {
        let ports = self.used().iter().map(Slot::ports);
        ports.filter(move |ports| ports.scopes().intersects(scopes)).filter_map(Ports::range)
    }
}

/// Memo of which owners live. To ask costs a few system calls, and one owner may have many entries.
#[derive(Default)]
struct LivenessMemo([Option<(Owner, bool)>; 16]);

impl LivenessMemo {
    fn is_alive(&mut self, owner: &Owner, ask: impl Fn(&Owner) -> bool) -> bool {
        let cell = &mut self.0[owner.process as usize % 16];
        match *cell {
            // It was there when it spoke first, so it was later on; and the other way round.
            Some((known, true)) if known.is(owner) && known.since <= owner.since => true,
            Some((known, false)) if known.is(owner) && known.since >= owner.since => false,
            _ => {
                let alive = ask(owner);
                *cell = Some((*owner, alive));
                alive
            }
        }
    }
}

/// Index of the ports that a ledger speaks of in some scopes, with one bit for each 1,024 ports.
#[derive(Clone, Copy)]
pub(crate) struct WithheldIndex(u64);

/// Words of 64 ports for each bit.
const WORDS_A_BIT: usize = WORDS / 64;

impl WithheldIndex {
    /// `None` where it speaks of no port of `limit`.
    pub(crate) fn by(ledger: &Ledger, scopes: ScopeSet, limit: PortRange) -> Option<Self> {
        if ledger.is_empty() {
            return None;
        }
        let mut touched = 0;
        for range in ledger.withheld(scopes).filter_map(|range| range.intersect(limit)) {
            let bit = |port: u16| usize::from(port / 64) / WORDS_A_BIT;
            touched |= (u64::MAX << bit(range.first())) & (u64::MAX >> (63 - bit(range.last())));
        }
        (touched != 0).then_some(Self(touched))
    }

    /// Tells whether it speaks of a port around word `index`.
    pub(crate) fn contains(self, index: usize) -> bool {
        self.0 >> (index / WORDS_A_BIT % 64) & 1 == 1
    }
}

/// Number of words of 64 ports that are looked up at once.
const BLOCK: usize = 64;

/// Cache of the ports around one place that no wildcard bind gets. To look up one word takes a look
/// at every entry, so that whoever goes from word to word looks up many at once.
#[derive(Default)]
pub(crate) struct WithheldCache(Option<Words>);

struct Words {
    /// Number of the block of words.
    number: usize,
    words: [u64; BLOCK],
}

impl WithheldCache {
    /// Of 64 ports, from `index * 64` up, those that no wildcard bind gets in `scopes`.
    pub(crate) fn word(&mut self, ledger: &Ledger, index: usize, scopes: ScopeSet) -> u64 {
        let number = index / BLOCK;
        match &self.0 {
            Some(known) if known.number == number => known.words[index % BLOCK],
            _ => self.0.insert(Words::look_up(ledger, number, scopes)).words[index % BLOCK],
        }
    }
}

impl Words {
    fn look_up(ledger: &Ledger, number: usize, scopes: ScopeSet) -> Self {
        let mut words = [0; BLOCK];
        let begin = number * BLOCK;
        if let Ok(all) = PortRange::new((begin * 64) as u16, (begin * 64 + BLOCK * 64 - 1) as u16) {
            for range in ledger.withheld(scopes).filter_map(|range| range.intersect(all)) {
                if range == all {
                    words = [u64::MAX; BLOCK];
                    break;
                }
                for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
                    words[index % BLOCK] |= mask(range, index);
                }
            }
        }
        Self { number, words }
    }
}
