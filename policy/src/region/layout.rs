//! The session's region: a block of memory of fixed layout that every process of a session maps.
//!
//! Atomics only, no lock, no pointer, no length that is trusted: whatever any process writes here,
//! reading it stays in bounds and comes to an end. All zeroes is a valid, empty region. (What
//! cannot be withstood is a process that truncates the file: docs/fidelity.md.)

use super::busy_ports::BusyPorts;
use super::events::{NAME, Ring};
use super::ledger::Ledger;
use super::peers::{PeerHints, PeerTable};
use super::processes::Processes;
use super::rules::SharedRules;
use super::text;
use crate::model::{Preset, RestrictionLimits};
use core::mem::{offset_of, size_of};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::Release};
use strum::Display;
use zerocopy::{FromBytes, IntoBytes};

/// Number of sets of rules a session holds: one for each `[[process]]` and one for all others.
pub const MAX_RULES: usize = 16;
/// Number of connects that may be under way on shared ports before they wait for each other.
const CLAIMS: usize = 1024;
/// Number of ports that connections must not join, and that are remembered at once.
const SINGLES: usize = 507;

/// Part of [`Header::supervisor`].
const MAKES_SOCKETS: u64 = 1 << 32;

/// "portshim" in ASCII, little end first.
const MAGIC: u64 = u64::from_le_bytes(*b"portshim");
/// Changes with every change of the layout.
const VERSION: u32 = 13;

/// Reason why bytes are not a region.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum RegionError {
    /// Too short, or not aligned to 8 bytes.
    #[strum(to_string = "it is too short")]
    Size,
    /// It does not begin with the magic number.
    #[strum(to_string = "it is not a portshim session")]
    Magic,
    /// Another version of portshim laid it down.
    #[strum(to_string = "it was made by another version of portshim")]
    Version,
}

impl core::error::Error for RegionError {}

/// The first bytes of a region.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    count: AtomicU32,
    /// 0 when children shall not be followed into a rebuilt environment.
    pub follow: AtomicU32,
    /// The process that laid the region down.
    pub creator: AtomicU32,
    /// Time when that was, in clock ticks since boot: a process of that number that started later
    /// (proc(5), field 22) is another.
    pub created: AtomicU64,
    /// Unpredictable bits: the key of the hashes, the base of unseeded choices.
    pub secret: AtomicU64,
    /// Goes up whenever a socket of the session loses its port while open, so that no process keeps
    /// taking it for settled.
    pub epoch: AtomicU32,
    /// Events that shall be recorded: the bits of [`Recorded`](super::Recorded).
    pub log: AtomicU32,
    /// The model, by its place in [`Preset::ALL`].
    preset: AtomicU32,
    /// `MaxUserPort` as it counts, in a model that has one; else 0.
    max_user_port: AtomicU32,
    /// Flags: whether the memory of the ledger has been taken, and whether anything is believed of
    /// ports.
    pub(crate) taken: AtomicU32,
    /// Not 0 where some program has limited a socket to a range of its own (IP_LOCAL_PORT_RANGE).
    /// Until then, such a range is one that portshim set, and that a jump out of a call has left.
    pub ranges: AtomicU32,
    /// The process that serves programs from outside, by the number that it has for the creator,
    /// and how it does ([`Header::supervised_by`]); 0 where there is none.
    pub supervisor: AtomicU64,
    /// Number of calls on sockets that it has served: no library has seen them.
    pub unseen: AtomicU64,
    claims: [AtomicU32; CLAIMS],
    /// Ports that a TCP socket with SO_REUSEADDR was bound to, and by which process: port | process
    /// << 32.
    singles: [AtomicU64; SINGLES],
    /// Programs that were executed where no policy reaches, and the name of the last.
    outside: AtomicU64,
    outside_name: [AtomicU64; NAME / 8],
    /// The name that the user gave the session; zeroes behind it.
    called: [AtomicU64; CALLED / 8],
}

/// The longest name that a session is given, in bytes.
pub const CALLED: usize = 32;

impl Header {
    /// Lets one thread at a time, session-wide, gamble on `port`. The slot holds when that was
    /// begun, and some bits of who did; 0 when free.
    #[must_use]
    pub fn claim(&self, port: u16) -> &AtomicU32 {
        &self.claims[usize::from(port) % CLAIMS]
    }

    /// Remembers that `process` has bound a socket to `port` that lets others join it. The system's
    /// own choice never makes a connection do so.
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

    /// What stands for the supervisor of that number, which makes the programs' sockets, and is
    /// told of nothing else, or is told of all their calls.
    #[must_use]
    pub const fn supervised_by(process: u32, makes_sockets: bool) -> u64 {
        process as u64 | if makes_sockets { MAKES_SOCKETS } else { 0 }
    }

    /// Tells whether a supervisor makes the programs' sockets, and is told of nothing else.
    #[must_use]
    pub fn makes_sockets(&self) -> bool {
        self.supervisor.load(Relaxed) & MAKES_SOCKETS != 0
    }

    /// Tells whether programs are served from outside: nobody is told when they close a socket.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        self.supervisor.load(Relaxed) != 0
    }

    /// Counts a program, called `name`, that is executed where no policy reaches.
    pub fn note_outside(&self, name: &[u8]) {
        let mut cut = [0; NAME];
        cut.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        text::store(&self.outside_name, &cut);
        self.outside.fetch_add(1, Relaxed);
    }

    /// Names the session; at most [`CALLED`] bytes of it.
    pub fn call(&self, name: &str) {
        let mut cut = [0; CALLED];
        cut.iter_mut().zip(name.as_bytes()).for_each(|(to, from)| *to = *from);
        text::store(&self.called, &cut);
    }

    /// The session's name, with zeroes behind it: all are where it has none.
    #[must_use]
    pub fn called(&self) -> [u8; CALLED] {
        text::load(&self.called)
    }

    /// Number of programs that were executed where no policy reaches, and the name of the last, cut
    /// to [`NAME`] bytes.
    #[must_use]
    pub fn outside(&self) -> (u64, [u8; NAME]) {
        (self.outside.load(Relaxed), text::load(&self.outside_name))
    }

    /// The process that has bound a socket to `port` which a connection must not join, as far as is
    /// remembered.
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
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct Region {
    /// Maker of it, and values that all processes share.
    pub header: Header,
    /// Of which single peers anything is believed.
    pub(crate) peer_table: PeerTable,
    /// Ports reserved and blocked while programs run.
    pub ledger: Ledger,
    /// Processes that have asked for ports.
    pub processes: Processes,
    /// Ports that are probably taken, by scope.
    pub(crate) hints: [BusyPorts; 4],
    pub(super) rules: [SharedRules; MAX_RULES],
    /// Events that have happened, where the header's `log` asks for it.
    pub events: Ring,
    /// Beliefs about ports towards single peers: no page of it is used before there is one.
    pub(crate) peer_hints: PeerHints,
    /// Ports that the system keeps back, found by asking for them: by scope. No page of it is used
    /// before there is one.
    pub(super) kept_back: [BusyPorts; 4],
}

impl Region {
    /// The size of a region in bytes, the same for all.
    pub const SIZE: usize = size_of::<Self>();

    /// Sets by which model ports are reserved and blocked at run time.
    pub fn set_legal(&self, legal: RestrictionLimits) {
        let index = Preset::ALL.iter().position(|preset| preset.name == legal.preset.name).unwrap_or(0);
        self.header.preset.store(index as u32, Relaxed);
        self.header.max_user_port.store(legal.max_user_port.unwrap_or(0).into(), Relaxed);
    }

    /// By which model ports are reserved and blocked at run time.
    #[must_use]
    pub fn legal(&self) -> RestrictionLimits {
        let preset = Preset::ALL.get(self.header.preset.load(Relaxed) as usize).unwrap_or(Preset::host());
        let port = u16::try_from(self.header.max_user_port.load(Relaxed)).unwrap_or(u16::MAX);
        RestrictionLimits { preset, max_user_port: preset.max_user_port.map(|_| port) }
    }

    /// The rules of slot `index`, for a reader of the wire form to fill.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<&SharedRules> {
        self.rules.get(index)
    }

    /// Declares the region complete, with `count` sets of rules.
    pub fn seal(&self, count: usize) {
        self.rules.iter().take(count).for_each(SharedRules::summarise);
        self.declare(count);
    }

    pub(super) fn declare(&self, count: usize) {
        self.header.count.store(count.min(MAX_RULES) as u32, Relaxed);
        self.header.version.store(VERSION, Relaxed);
        self.header.magic.store(MAGIC, Release);
    }

    /// The rules for an executable known by any of `names`: the first that match.
    #[must_use]
    pub fn rules_for(&self, names: &[&[u8]]) -> Option<&SharedRules> {
        self.all_rules().iter().find(|rules| names.iter().any(|name| rules.matches(name)))
    }

    /// The place of `rules` among them, counted from 0.
    #[must_use]
    pub fn number_of(&self, rules: &SharedRules) -> u32 {
        self.rules.iter().position(|candidate| core::ptr::eq(candidate, rules)).unwrap_or(0) as u32
    }

    /// Every set of rules in it.
    #[must_use]
    pub fn all_rules(&self) -> &[SharedRules] {
        &self.rules[..(self.header.count.load(Relaxed) as usize).min(MAX_RULES)]
    }

    /// Number of bytes from the start that hold anything; the rest of the region is zero.
    #[must_use]
    pub fn used(&self) -> usize {
        offset_of!(Self, rules) + size_of_val(self.all_rules())
    }

    pub(super) fn verify(&self) -> Result<&Self, RegionError> {
        if self.header.magic.load(core::sync::atomic::Ordering::Acquire) != MAGIC {
            Err(RegionError::Magic)
        } else if self.header.version.load(Relaxed) != VERSION {
            Err(RegionError::Version)
        } else {
            Ok(self)
        }
    }
}

#[expect(unsafe_code, reason = "the only place where mapped memory becomes a region")]
impl Region {
    /// The region mapped at `at`.
    ///
    /// # Safety
    /// `at` must be valid for reads and writes of [`Region::SIZE`] bytes for as long as the program
    /// runs.
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
