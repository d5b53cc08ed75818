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
    /// Maker of it, and for whom.
    pub maker: Maker,
    /// Goes up from entry to entry: the first is the oldest. Entries that were made together have
    /// one number.
    pub number: u64,
}

/// Maker of an entry, for whom it holds, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maker {
    /// The maker. Where it is a process, the entry goes when that ends.
    pub owner: Owner,
    /// The entry holds for the owner and for the processes that descend from it alone.
    pub tree: bool,
    /// Time when the entry goes, in hundredths of a second since boot; 0 for never.
    pub until: u64,
}

impl From<Owner> for Maker {
    fn from(owner: Owner) -> Self {
        Self { owner, tree: false, until: 0 }
    }
}

/// The ports of an entry, in one word: first, last, scopes, act, whether there is an entry at all,
/// and how many there have been in this place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports(pub(super) u64);

impl Ports {
    const BLOCK: u64 = 1 << 36;
    const LIVE: u64 = 1 << 37;
    const EXHAUST: u64 = 1 << 38;
    const TREE: u64 = 1 << 39;
    const COUNT: u32 = 40;

    fn new(before: Self, entry: &Entry) -> Self {
        let Entry { range, scopes, .. } = entry;
        let ports = u64::from(range.first()) | u64::from(range.last()) << 16 | u64::from(scopes.bits()) << 32;
        let act = match entry.act {
            Restriction::Reserve => 0,
            Restriction::Block => Self::BLOCK,
            Restriction::Exhaust => Self::EXHAUST,
        };
        let tree = if entry.maker.tree { Self::TREE } else { 0 };
        Self(((before.0 >> Self::COUNT) + 1) << Self::COUNT | Self::LIVE | act | tree | ports)
    }

    pub(super) fn gone(self) -> Self {
        Self(self.0 >> Self::COUNT << Self::COUNT)
    }

    fn act(self) -> Restriction {
        match (self.0 & Self::EXHAUST != 0, self.0 & Self::BLOCK != 0) {
            (true, _) => Restriction::Exhaust,
            (false, true) => Restriction::Block,
            (false, false) => Restriction::Reserve,
        }
    }

    /// Tells whether the entry holds for some processes alone.
    fn is_for_tree(self) -> bool {
        self.0 & Self::TREE != 0
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
    until: AtomicU64,
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
            let until = self.until.load(Relaxed);
            fence(Acquire);
            if Ports(self.ports.load(Relaxed)) == ports {
                let owner = Owner { process: owner as u32, namespace: (owner >> 32) as u32, since };
                let maker = Maker { owner, tree: ports.is_for_tree(), until };
                return Some(Entry { act: ports.act(), range, scopes: ports.scopes(), maker, number });
            }
        }
        None
    }

    pub(super) fn put(&self, entry: &Entry) {
        let (ports, owner) = (Ports::new(self.ports(), entry), &entry.maker.owner);
        // Whoever reads what follows learns from the ports that the entry before is gone.
        fence(Release);
        self.owner.store(u64::from(owner.process) | u64::from(owner.namespace) << 32, Relaxed);
        self.since.store(owner.since, Relaxed);
        self.number.store(entry.number, Relaxed);
        self.until.store(entry.maker.until, Relaxed);
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

    /// Removes the entries that speak of a port of `range` in `scopes` and whose owner is gone, or
    /// whose time is over `now`.
    pub fn expire(&self, range: PortRange, scopes: ScopeSet, now: u64, is_alive: impl Fn(&Owner) -> bool) {
        let mut memo = LivenessMemo::default();
        for slot in self.used() {
            let ports = slot.ports();
            let speaks =
                ports.range().is_some_and(|r| r.intersect(range).is_some()) && ports.scopes().intersects(scopes);
            let Some(Entry { maker, .. }) = slot.entry().filter(|_| speaks) else { continue };
            let stays = maker.owner.is(&Owner::SESSION) || memo.is_alive(&maker.owner, &is_alive);
            if !stays || maker.until != 0 && maker.until <= now {
                // Where another entry has taken its place since, that one stays.
                let _ = slot.ports.compare_exchange(ports.0, ports.gone().0, Release, Relaxed);
            }
        }
    }

    /// The ledger as the session at large sees it: without what holds for some processes alone.
    #[must_use]
    pub fn at_large(&self) -> LedgerView<'_> {
        LedgerView { ledger: self, own: None }
    }

    /// The ledger as a process sees it that `own` knows the entries of.
    #[must_use]
    pub fn seen_by<'a>(&'a self, own: &'a OwnTrees) -> LedgerView<'a> {
        LedgerView { ledger: self, own: Some(own) }
    }
}

/// Memory of one process of which entries, of those that hold for some processes alone, hold for
/// it. All zeroes when nothing is known.
pub struct OwnTrees {
    /// The number of the entry that was looked at, and 1 more.
    known: [AtomicU64; ENTRIES],
    own: [AtomicU64; ENTRIES / 64],
}

impl Default for OwnTrees {
    fn default() -> Self {
        Self::new()
    }
}

impl OwnTrees {
    /// A memory of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: [const { AtomicU64::new(0) }; ENTRIES], own: [const { AtomicU64::new(0) }; ENTRIES / 64] }
    }

    /// Forgets all: it is to be the memory of another process.
    pub fn forget(&self) {
        self.known.iter().for_each(|known| known.store(0, Relaxed));
    }

    /// Asks `descends`, for each entry that has not been asked about, whether the process is its
    /// owner or descends from it. That never changes.
    pub fn look(&self, ledger: &Ledger, descends: impl Fn(&Owner) -> bool) {
        // One owner may have hundreds of entries, made one after the other.
        let mut last: Option<(Owner, bool)> = None;
        for (index, slot) in ledger.used().iter().enumerate().filter(|(_, slot)| slot.ports().is_for_tree()) {
            let Some(entry) = slot.entry() else { continue };
            if self.known[index].load(Acquire) == entry.number.wrapping_add(1) {
                continue;
            }
            let (word, bit) = (&self.own[index / 64], 1 << (index % 64));
            let owner = entry.maker.owner;
            let is_own =
                last.filter(|(other, _)| other.is(&owner)).map_or_else(|| descends(&owner), |(_, is_own)| is_own);
            last = Some((owner, is_own));
            if is_own {
                word.fetch_or(bit, Relaxed);
            } else {
                word.fetch_and(!bit, Relaxed);
            }
            self.known[index].store(entry.number.wrapping_add(1), Release);
        }
    }

    /// Tells whether the entry of this number, in this place, is known to hold for the process.
    fn contains(&self, index: usize, number: u64) -> bool {
        self.known[index].load(Acquire) == number.wrapping_add(1)
            && self.own[index / 64].load(Relaxed) >> (index % 64) & 1 == 1
    }
}

/// A ledger as one process sees it, or the session at large.
#[derive(Clone, Copy)]
pub struct LedgerView<'a> {
    ledger: &'a Ledger,
    own: Option<&'a OwnTrees>,
}

impl<'a> LedgerView<'a> {
    /// As [`Ledger::is_empty`].
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.ledger.is_empty()
    }

    /// The places whose entries hold for the viewer, and what they say.
    fn used(self) -> impl Iterator<Item = (&'a Slot, Ports)> {
        let is_own = move |index, slot: &Slot| {
            let number = slot.number.load(Relaxed);
            self.own.is_some_and(|own| own.contains(index, number))
        };
        let holds = move |index, slot, ports: Ports| !ports.is_for_tree() || is_own(index, slot);
        let slots = self.ledger.used().iter().enumerate();
        slots
            .map(|(index, slot)| (index, slot, slot.ports()))
            .filter_map(move |(index, slot, ports)| holds(index, slot, ports).then_some((slot, ports)))
    }

    /// The block that keeps `port` from being bound in `scopes`. Those that `is_own` knows the
    /// makers of keep out others alone, unless they are for their makers' own processes.
    #[must_use]
    pub fn blocker(self, port: u16, scopes: ScopeSet, is_own: impl Fn(&Owner) -> bool) -> Option<Entry> {
        let blocks = |ports: &Ports| {
            ports.act() == Restriction::Block
                && ports.scopes().intersects(scopes)
                && ports.range().is_some_and(|range| range.contains(port))
        };
        let entries = self.used().filter(|(_, ports)| blocks(ports)).filter_map(|(slot, _)| slot.entry());
        let mut entries = entries.filter(|Entry { maker, .. }| maker.tree || !is_own(&maker.owner));
        entries.next()
    }

    /// Tells whether `port` is spoken of in `scopes`, so that no wildcard bind gets it.
    #[must_use]
    pub fn withholds(self, port: u16, scopes: ScopeSet) -> bool {
        self.withheld(scopes).any(|range| range.contains(port))
    }

    /// The ranges that no wildcard bind draws from in `scopes`.
    pub(crate) fn withheld(self, scopes: ScopeSet) -> impl Iterator<Item = PortRange> {
        self.used().filter(move |(_, ports)| ports.scopes().intersects(scopes)).filter_map(|(_, ports)| ports.range())
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
    pub(crate) fn by(ledger: LedgerView<'_>, scopes: ScopeSet, limit: PortRange) -> Option<Self> {
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
    pub(crate) fn word(&mut self, ledger: LedgerView<'_>, index: usize, scopes: ScopeSet) -> u64 {
        let number = index / BLOCK;
        match &self.0 {
            Some(known) if known.number == number => known.words[index % BLOCK],
            _ => self.0.insert(Words::look_up(ledger, number, scopes)).words[index % BLOCK],
        }
    }
}

impl Words {
    fn look_up(ledger: LedgerView<'_>, number: usize, scopes: ScopeSet) -> Self {
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
