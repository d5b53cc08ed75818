//! The session's region: a block of memory of fixed layout that every process of a session maps.
//!
//! Atomics only, no lock, no pointer, no length that is trusted: whatever any process writes here,
//! reading it stays in bounds and comes to an end. All zeroes is a valid, empty region. (What cannot be
//! withstood is a process that truncates the file: docs/fidelity.md.)

use crate::peers::{PeerHints, PeerTable, TABLE};
use crate::{Effective, Hint, Ledger, Legal, Preset, Processes, Ring, Rules};
use core::fmt;
use core::mem::{offset_of, size_of};
use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::Release};
use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

/// The smallest page of memory that any system has.
const PAGE: usize = 4096;

/// How many sets of rules a session holds: one for each `[[process]]` and one for all others.
pub const MAX_RULES: usize = 16;
/// How many connects may be under way on shared ports before they wait for each other.
const CLAIMS: usize = 1024;
/// How many ports that connections must not join are remembered at once.
const SINGLES: usize = 512;

/// "portshim" in ASCII, little end first.
const MAGIC: u64 = u64::from_le_bytes(*b"portshim");
/// Changes with every change of the layout.
const VERSION: u32 = 9;

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
    /// The model, by its place in [`Preset::ALL`].
    preset: AtomicU32,
    /// `MaxUserPort` as it counts, in a model that has one; else 0.
    max_user_port: AtomicU32,
    /// Whether the memory of the ledger has been taken, and whether anything is believed of ports.
    pub(crate) taken: AtomicU32,
    /// Not 0 where some program has limited a socket to a range of its own (IP_LOCAL_PORT_RANGE): else such a range is one that
    /// portshim set, and that a signal's handler, jumping out of a call, has left there.
    pub ranges: AtomicU32,
    claims: [AtomicU32; CLAIMS],
    /// Ports that a TCP socket with SO_REUSEADDR was bound to, and by which process: port | process << 32.
    singles: [AtomicU64; SINGLES],
}

impl Header {
    /// Lets one thread at a time, session-wide, gamble on `port`. The slot holds when that was begun, and some bits of who did;
    /// 0 when free.
    #[must_use]
    pub fn claim(&self, port: u16) -> &AtomicU32 {
        &self.claims[usize::from(port) % CLAIMS]
    }

    /// Remembers that `process` has bound a socket to `port` that lets others join it. The system's own choice never makes
    /// a connection do so.
    pub fn keep_single(&self, port: u16, process: u32) {
        self.single(port).store(u64::from(port) | u64::from(process) << 32, Relaxed);
    }

    /// `process` has closed its socket on `port`.
    pub fn end_single(&self, port: u16, process: u32) {
        let single = self.single(port);
        let kept = u64::from(port) | u64::from(process) << 32;
        if single.load(Relaxed) == kept {
            let _ = single.compare_exchange(kept, 0, Relaxed, Relaxed);
        }
    }

    /// The process that has bound a socket to `port` which a connection must not join, as far as is remembered.
    #[must_use]
    pub fn keeper(&self, port: u16) -> Option<u32> {
        let kept = self.single(port).load(Relaxed);
        (kept != 0 && kept as u16 == port).then_some((kept >> 32) as u32)
    }

    fn single(&self, port: u16) -> &AtomicU64 {
        &self.singles[usize::from(port) % SINGLES]
    }
}

/// The whole of a session's shared memory.
#[repr(C)]
pub struct Region {
    /// Who made it, and what all processes share.
    pub header: Header,
    /// Of which single peers anything is believed.
    pub(crate) peer_table: PeerTable,
    /// What is reserved and blocked while programs run.
    pub ledger: Ledger,
    /// Who has asked for ports.
    pub processes: Processes,
    /// Which ports are probably taken, by scope.
    pub(crate) hints: [Hint; 4],
    rules: [Rules; MAX_RULES],
    /// What has happened, where the header's `log` asks for it.
    pub events: Ring,
    /// What is believed of ports towards single peers: no page of it is used before there is one.
    pub(crate) peer_hints: PeerHints,
}

impl Region {
    /// The size of a region in bytes, the same for all.
    pub const SIZE: usize = size_of::<Self>();

    /// A region with these rules, the last of which is for everything that none before it matched.
    /// Rules past [`MAX_RULES`] are dropped. The model is the host's own.
    #[must_use]
    pub fn boxed(effective: &[Effective]) -> Box<Self> {
        let region = Self::zeroed();
        for (rules, effective) in region.rules.iter().zip(effective) {
            rules.fill(effective);
        }
        region.declare(effective.len());
        region
    }

    /// Sets by which model ports are reserved and blocked at run time.
    pub fn set_legal(&self, legal: Legal) {
        let index = Preset::ALL.iter().position(|preset| preset.name == legal.preset.name).unwrap_or(0);
        self.header.preset.store(index as u32, Relaxed);
        self.header.max_user_port.store(legal.max_user_port.unwrap_or(0).into(), Relaxed);
    }

    /// By which model ports are reserved and blocked at run time.
    #[must_use]
    pub fn legal(&self) -> Legal {
        let preset = Preset::ALL.get(self.header.preset.load(Relaxed) as usize).unwrap_or(Preset::host());
        let port = u16::try_from(self.header.max_user_port.load(Relaxed)).unwrap_or(u16::MAX);
        Legal { preset, max_user_port: preset.max_user_port.map(|_| port) }
    }

    /// The rules of slot `index`, for a reader of the wire form to fill.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<&Rules> {
        self.rules.get(index)
    }

    /// Declares the region complete, with `count` sets of rules.
    pub fn seal(&self, count: usize) {
        self.rules.iter().take(count).for_each(Rules::summarise);
        self.declare(count);
    }

    fn declare(&self, count: usize) {
        self.header.count.store(count.min(MAX_RULES) as u32, Relaxed);
        self.header.version.store(VERSION, Relaxed);
        self.header.magic.store(MAGIC, Release);
    }

    /// The rules for an executable known by any of `names`: the first that match.
    #[must_use]
    pub fn rules_for(&self, names: &[&[u8]]) -> Option<&Rules> {
        self.all_rules().iter().find(|rules| names.iter().any(|name| rules.matches(name)))
    }

    /// The place of `rules` among them, counted from 0.
    #[must_use]
    pub fn number_of(&self, rules: &Rules) -> u32 {
        self.rules.iter().position(|candidate| core::ptr::eq(candidate, rules)).unwrap_or(0) as u32
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
        &self.whole()[..used]
    }

    fn whole(&mut self) -> &[u8] {
        // SAFETY: all `SIZE` bytes are borrowed by us alone, and the layout has no padding: every field is a
        // multiple of its successor's alignment (asserted below).
        unsafe { core::slice::from_raw_parts(core::ptr::from_mut(self).cast::<u8>(), Self::SIZE) }
    }

    /// What a file of this session starts with, in whole pages, ascending, and where; all else is zero, and taken later or
    /// never touched. The first piece says that it is a region. `beliefs` says whether there is anything in the hints.
    #[must_use]
    pub fn pieces(&mut self, beliefs: bool) -> Vec<(usize, &[u8])> {
        let mut places: Vec<_> = core::iter::once(0..offset_of!(Self, ledger) + Ledger::HEAD).collect();
        if beliefs {
            places.push(offset_of!(Self, hints)..offset_of!(Self, hints) + size_of_val(&self.hints));
        }
        for (number, rules) in self.all_rules().iter().enumerate() {
            let at = offset_of!(Self, rules) + number * size_of::<Rules>();
            places.extend(rules.pieces().map(|part| at + part.start..at + part.end));
        }
        if beliefs {
            places.push(offset_of!(Self, peer_hints)..offset_of!(Self, peer_hints) + size_of::<PeerHints>());
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
        let own = self.whole();
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
    let kept = TABLE + size_of::<Ledger>() + size_of::<Processes>() + size_of::<Ring>();
    let hints = 4 * size_of::<Hint>() + size_of::<PeerHints>();
    let shared = kept + hints;
    assert!(size_of::<Region>() == size_of::<Header>() + shared + MAX_RULES * size_of::<Rules>());
    assert!(size_of::<Header>() == 64 + 4 * CLAIMS + 8 * SINGLES);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privileged::PrivilegedRange;
    use crate::{Order, PortRange, PortSet, ScopeRules, Sharing};

    #[test]
    fn a_region_can_be_laid_down_in_pieces() {
        let set = |ranges: &[(u16, u16)]| -> PortSet {
            ranges.iter().map(|(first, last)| PortRange::new(*first, *last).unwrap()).collect()
        };
        let rules = |matches: Option<&str>, dynamic: PortSet, reserved: PortSet, blocked: PortSet| Effective {
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
            whole.believe(7, 77);
            let pieces = whole.pieces(true);
            assert!(pieces.is_sorted_by_key(|(at, _)| *at));
            for (at, bytes) in pieces {
                let end = at + bytes.len();
                assert!(at.is_multiple_of(PAGE) && (end.is_multiple_of(PAGE) || end == Region::SIZE), "{at} to {end}");
                copy[at..at + bytes.len()].copy_from_slice(bytes);
            }
            assert!(copy == whole.whole());
        }
    }
}
