//! The session's region: a block of memory of fixed layout that every process of a session maps.
//!
//! Atomics only, no lock, no pointer, no length that is trusted: whatever any process writes here,
//! reading it stays in bounds and comes to an end. All zeroes is a valid, empty region.

use crate::effective::{Effective, Sharing, glob_matches};
use crate::set::WORDS;
use crate::{Entropy, Order, PortRange, PortSet, Ring, Scope, mix};
use core::fmt;
use core::mem::{offset_of, size_of};
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::Release};
use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

/// How many sets of rules a session holds: one for each `[[process]]` and one for all others.
pub const MAX_RULES: usize = 16;
/// The longest executable name that a `[[process]]` can match, in bytes.
pub const MAX_GLOB: usize = 63;
/// How many connects may be under way on shared ports before they wait for each other.
const CLAIMS: usize = 1024;
const PERTURBATIONS: usize = 256;

/// "portshim" in ASCII, little end first.
const MAGIC: u64 = u64::from_le_bytes(*b"portshim");
/// Changes with every change of the layout.
const VERSION: u32 = 1;

/// Why bytes are not a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// Too short, or not aligned to 8 bytes.
    Size,
    /// It does not begin with the magic number.
    Magic,
    /// Another version of portshim laid it down.
    Version,
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "it is too short",
            Self::Magic => "it is not a portshim session",
            Self::Version => "it was made by another version of portshim",
        })
    }
}

impl core::error::Error for RegionError {}

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

    /// Adds a range.
    pub fn insert(&self, range: PortRange) {
        for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
            self.words[index].fetch_or(crate::set::mask(range, index), Relaxed);
        }
    }

    /// Fills a set that is still empty. Words without a port are left alone: most of a region's pages
    /// are then never touched.
    fn fill(&self, set: &PortSet) {
        for (word, bits) in self.words.iter().zip(set.words()).filter(|(_, bits)| **bits != 0) {
            word.store(*bits, Relaxed);
        }
    }
}

/// One scope's ports, as [`crate::ScopeRules`] has them.
#[repr(C)]
pub struct SharedScope {
    /// Ports that may be handed out.
    pub dynamic: SharedSet,
    /// Ports that never are.
    pub reserved: SharedSet,
    /// Ports that may not be bound at all.
    pub blocked: SharedSet,
    /// The lowest and highest dynamic port, first | last << 16; 0 where there is none.
    hull: AtomicU32,
    /// [`SOLID`] and [`SOLID_DUAL`].
    solid: AtomicU32,
}

/// Every port from the lowest to the highest may be handed out.
const SOLID: u32 = 1;
/// The same, to sockets that take their port in the other family, too.
const SOLID_DUAL: u32 = 2;

impl SharedScope {
    /// From the lowest to the highest dynamic port, `None` where there is none.
    #[must_use]
    pub fn hull(&self) -> Option<PortRange> {
        match self.hull.load(Relaxed) {
            0 => None,
            packed => PortRange::new(packed as u16, (packed >> 16) as u16).ok(),
        }
    }

    /// Whether every port of the hull may be handed out.
    pub(crate) fn is_solid(&self, dual: bool) -> bool {
        self.solid.load(Relaxed) & if dual { SOLID_DUAL } else { SOLID } != 0
    }

    /// Notes hull and solidity, which spare each request a look at every port.
    fn summarise(&self, other: &Self) {
        let index_of = |index: Option<usize>| index.unwrap_or(0);
        let used = |index: &usize| self.dynamic.word(*index) & if *index == 0 { !1 } else { u64::MAX } != 0;
        let (low, high) = (index_of((0..WORDS).find(used)), index_of((0..WORDS).rev().find(used)));
        let (low_word, high_word) =
            (self.dynamic.word(low) & if low == 0 { !1 } else { u64::MAX }, self.dynamic.word(high));
        if low_word == 0 {
            return;
        }
        let first = (low * 64) as u32 + low_word.trailing_zeros();
        let last = (high * 64) as u32 + 63 - high_word.leading_zeros();
        self.hull.store(first | last << 16, Relaxed);
        let Ok(hull) = PortRange::new(first as u16, last as u16) else { return };
        let mut solid = SOLID | SOLID_DUAL;
        for index in low..=high {
            let whole = crate::set::mask(hull, index);
            let denied = self.reserved.word(index) | self.blocked.word(index);
            let denied_there = other.reserved.word(index) | other.blocked.word(index);
            if self.dynamic.word(index) & !denied & whole != whole {
                solid = 0;
            } else if denied_there & whole != 0 {
                solid &= !SOLID_DUAL;
            }
        }
        self.solid.store(solid, Relaxed);
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
    entropy: AtomicU64,
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

/// The rules for one program.
#[repr(C)]
pub struct Rules {
    glob: [AtomicU8; MAX_GLOB + 1],
    order: AtomicU32,
    sharing: AtomicU32,
    seeded: AtomicU32,
    _reserved: AtomicU32,
    seed: AtomicU64,
    scopes: [SharedScope; 4],
    live: [LiveScope; 4],
}

impl Rules {
    /// The order of choice.
    #[must_use]
    pub fn order(&self) -> Order {
        let number = self.order.load(Relaxed);
        Order::ALL.into_iter().find(|o| *o as u32 == number).unwrap_or(Order::Native)
    }

    /// Whether connections share ports.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        if self.sharing.load(Relaxed) == Sharing::Exclusive as u32 { Sharing::Exclusive } else { Sharing::Tuple }
    }

    /// The seed, where choices shall repeat.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        (self.seeded.load(Relaxed) != 0).then(|| self.seed.load(Relaxed))
    }

    /// One scope's ports.
    #[must_use]
    pub fn scope(&self, scope: Scope) -> &SharedScope {
        &self.scopes[scope.index()]
    }

    /// One scope's counters.
    #[must_use]
    pub fn live(&self, scope: Scope) -> &LiveScope {
        &self.live[scope.index()]
    }

    /// Whether every choice in `scope` is left to the system, which can be steered to the ports of
    /// `steerable`.
    #[must_use]
    pub fn leaves_choice(&self, scope: Scope, steerable: Option<PortRange>) -> bool {
        let inside = |hull| steerable.is_some_and(|range| range.encloses(hull));
        self.order() == Order::Native && self.seed().is_none() && self.scope(scope).hull().is_some_and(inside)
    }

    /// Randomness for one request. A seed makes it a function of how many were drawn before in this
    /// scope; without one, `secret` makes it unpredictable.
    pub fn entropy(&self, scope: Scope, secret: u64) -> impl Entropy + '_ {
        let base = mix(self.seed().unwrap_or(secret) ^ mix(scope.index() as u64 + 1));
        let counter = &self.live[scope.index()].entropy;
        move || mix(base.wrapping_add(counter.fetch_add(1, Relaxed)))
    }

    /// Sets the order of choice.
    pub fn set_order(&self, order: Order) {
        self.order.store(order as u32, Relaxed);
    }

    /// Sets whether connections share ports.
    pub fn set_sharing(&self, sharing: Sharing) {
        self.sharing.store(sharing as u32, Relaxed);
    }

    /// Makes every choice repeatable.
    pub fn set_seed(&self, seed: u64) {
        self.seed.store(seed, Relaxed);
        self.seeded.store(1, Relaxed);
    }

    /// Sets which executables these rules are for. Bytes past [`MAX_GLOB`] are dropped.
    pub fn set_glob(&self, glob: &[u8]) {
        for (slot, byte) in self.glob.iter().zip(glob.iter().take(MAX_GLOB)) {
            slot.store(*byte, Relaxed);
        }
    }

    /// Whether these rules are for an executable called `name`. No name set means any.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        let (glob, len) = self.glob();
        len == 0 || glob_matches(&glob[..len], name)
    }

    /// Which executables these rules are for: the bytes of the name and how many there are, none for any.
    #[must_use]
    pub fn glob(&self) -> ([u8; MAX_GLOB + 1], usize) {
        let mut glob = [0u8; MAX_GLOB + 1];
        for (byte, slot) in glob.iter_mut().zip(&self.glob) {
            *byte = slot.load(Relaxed);
        }
        let len = glob.iter().position(|b| *b == 0).unwrap_or(MAX_GLOB);
        (glob, len)
    }

    fn fill(&self, effective: &Effective) {
        self.set_glob(effective.matches.as_deref().unwrap_or("").as_bytes());
        self.set_order(effective.order);
        self.set_sharing(effective.sharing);
        if let Some(seed) = effective.seed {
            self.set_seed(seed);
        }
        for scope in Scope::ALL {
            let (shared, from) = (self.scope(scope), effective.scope(scope));
            shared.dynamic.fill(&from.dynamic);
            shared.reserved.fill(&from.reserved);
            shared.blocked.fill(&from.blocked);
        }
    }
}

/// The first bytes of a region.
#[repr(C)]
pub struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    count: AtomicU32,
    /// 0 when children shall not be followed into a rebuilt environment.
    pub follow: AtomicU32,
    /// The process that laid the region down.
    pub creator: AtomicU32,
    /// When that was, in clock ticks since boot: a process of that number that started later (proc(5),
    /// field 22) is another.
    pub created: AtomicU64,
    /// Unpredictable bits: the key of the hashes, the base of unseeded choices.
    pub secret: AtomicU64,
    /// Goes up whenever a socket of the session loses its port while open, so that no process keeps
    /// taking it for settled.
    pub epoch: AtomicU32,
    /// Not 0 when events shall be recorded.
    pub log: AtomicU32,
    claims: [AtomicU32; CLAIMS],
}

impl Header {
    /// Lets one thread at a time, session-wide, gamble on `port`. The slot holds the owner's number, 0 when free.
    #[must_use]
    pub fn claim(&self, port: u16) -> &AtomicU32 {
        &self.claims[usize::from(port) % CLAIMS]
    }
}

/// The whole of a session's shared memory.
#[repr(C)]
pub struct Region {
    /// Who made it, and what all processes share.
    pub header: Header,
    rules: [Rules; MAX_RULES],
    /// What has happened, where the header's `log` asks for it.
    pub events: Ring,
}

impl Region {
    /// The size of a region in bytes, the same for all.
    pub const SIZE: usize = size_of::<Self>();

    /// A region with these rules, the last of which is for everything that none before it matched.
    /// Rules past [`MAX_RULES`] are dropped.
    #[must_use]
    pub fn boxed(effective: &[Effective]) -> Box<Self> {
        let region = Self::zeroed();
        for (rules, effective) in region.rules.iter().zip(effective) {
            rules.fill(effective);
        }
        region.seal(effective.len());
        region
    }

    /// The rules of slot `index`, for a reader of the wire form to fill.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<&Rules> {
        self.rules.get(index)
    }

    /// Declares the region complete, with `count` sets of rules.
    pub fn seal(&self, count: usize) {
        for rules in self.rules.iter().take(count) {
            for scope in Scope::ALL {
                rules.scope(scope).summarise(rules.scope(scope.other_family()));
            }
        }
        self.header.count.store(count.min(MAX_RULES) as u32, Relaxed);
        self.header.version.store(VERSION, Relaxed);
        self.header.magic.store(MAGIC, Release);
    }

    /// The rules for an executable known by any of `names`: the first that match.
    #[must_use]
    pub fn rules_for(&self, names: &[&[u8]]) -> Option<&Rules> {
        self.all_rules().iter().find(|rules| names.iter().any(|name| rules.matches(name)))
    }

    /// Every set of rules in it.
    #[must_use]
    pub fn all_rules(&self) -> &[Rules] {
        &self.rules[..(self.header.count.load(Relaxed) as usize).min(MAX_RULES)]
    }

    /// How many bytes from the start hold anything; the rest of the region is zero.
    #[must_use]
    pub fn used(&self) -> usize {
        offset_of!(Self, rules) + size_of_val(self.all_rules())
    }

    fn verify(&self) -> Result<&Self, RegionError> {
        if self.header.magic.load(core::sync::atomic::Ordering::Acquire) != MAGIC {
            Err(RegionError::Magic)
        } else if self.header.version.load(Relaxed) != VERSION {
            Err(RegionError::Version)
        } else {
            Ok(self)
        }
    }
}

#[expect(unsafe_code, reason = "the only place where bytes become a region and back")]
impl Region {
    fn zeroed() -> Box<Self> {
        let layout = Layout::new::<Self>();
        // SAFETY: a region is not of size zero.
        let bytes = unsafe { alloc_zeroed(layout) };
        if bytes.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the global allocator gave out the bytes for this very layout, nobody else has them, and
        // every field is an atomic integer or an array of them, for which zeroes are valid.
        unsafe { Box::from_raw(bytes.cast::<Self>()) }
    }

    /// The bytes that a file of this session starts with; the rest, up to [`Region::SIZE`], is zero.
    /// Borrows the region for itself alone, so that nobody else can be writing.
    #[must_use]
    pub fn as_bytes(&mut self) -> &[u8] {
        let used = self.used();
        // SAFETY: all `SIZE` bytes are borrowed by us alone, `used` is not more, and the layout has no
        // padding: every field is a multiple of its successor's alignment (asserted below).
        unsafe { core::slice::from_raw_parts(core::ptr::from_mut(self).cast::<u8>(), used) }
    }

    /// A snapshot from bytes that were read from a session's file.
    ///
    /// # Errors
    /// [`RegionError`] where the bytes are no region of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Box<Self>, RegionError> {
        if bytes.len() < offset_of!(Self, rules) {
            return Err(RegionError::Size);
        }
        let region = Self::zeroed();
        // SAFETY: the box is ours alone and `SIZE` bytes long; no more than that is copied.
        unsafe {
            let to = core::ptr::from_ref(&*region).cast_mut().cast::<u8>();
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len().min(Self::SIZE));
        }
        region.verify()?;
        Ok(region)
    }

    /// The region mapped at `at`.
    ///
    /// # Safety
    /// `at` must be valid for reads and writes of [`Region::SIZE`] bytes for as long as the program runs.
    ///
    /// # Errors
    /// [`RegionError`] where the mapping is misaligned or no region of this version.
    pub unsafe fn at(at: *const u8) -> Result<&'static Self, RegionError> {
        // SAFETY: as `at_unsealed`, whose condition is ours.
        unsafe { Self::at_unsealed(at) }.ok_or(RegionError::Size)?.verify()
    }

    /// As [`Region::at`], for memory that is still all zeroes and about to be filled.
    ///
    /// # Safety
    /// As for [`Region::at`].
    #[must_use]
    pub unsafe fn at_unsealed(at: *const u8) -> Option<&'static Self> {
        let region = at.cast::<Self>();
        if region.is_null() || !region.is_aligned() {
            return None;
        }
        // SAFETY: aligned, not null, and mapped for the program's life, as the caller promises; any
        // bytes are a valid region, and all access is atomic.
        Some(unsafe { &*region })
    }
}

const _: () = {
    assert!(size_of::<Region>() == size_of::<Header>() + MAX_RULES * size_of::<Rules>() + size_of::<Ring>());
    assert!(size_of::<LiveScope>() == 8 + 4 * PERTURBATIONS + 32);
    assert!(
        size_of::<Rules>() == MAX_GLOB + 1 + 24 + 4 * (3 * size_of::<SharedSet>() + 8) + 4 * size_of::<LiveScope>()
    );
    assert!(size_of::<Header>() == 48 + 4 * CLAIMS);
};
