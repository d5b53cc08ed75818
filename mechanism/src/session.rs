//! A session: the region that a process maps and the rules that are for it.

use crate::address::Address;
use crate::place;
use crate::system::clock::{boot_ticks, monotonic, now};
use crate::system::liveness;
use crate::system::memory::can_write_at;
use crate::system::process::{UNKNOWN, process};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::model::{Call, Restriction};
use portshim_policy::plan::peer_hash;
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use portshim_policy::region::{
    BusyPorts, Counts, Entry, Event, Ledger, LedgerView, OwnTrees, Owner, Peers, Process, Recorded, Region,
    ScopeCounters, SharedRules, Verdict,
};

/// Everything a hook needs, by reference to memory that is never unmapped.
#[derive(Clone, Copy)]
pub struct Session {
    /// Region that all its processes share.
    pub region: &'static Region,
    /// The rules for this program.
    pub rules: &'static SharedRules,
}

/// The region of the session that this process is under; null where it is under none, or not yet.
pub static REGION: AtomicPtr<Region> = AtomicPtr::new(core::ptr::null_mut());
static RULES: AtomicPtr<SharedRules> = AtomicPtr::new(core::ptr::null_mut());

/// Facts of a request that an event tells besides.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// Peer that it is for.
    pub peer: Option<&'a Address>,
    /// The answer of [`Session::begin`].
    pub begun: u64,
}

impl Session {
    /// The one that this process is under, once it has been noted.
    #[inline]
    #[must_use]
    pub fn current() -> Option<Self> {
        // SAFETY: null, or stored from a `&'static` reference.
        let region = unsafe { REGION.load(Acquire).as_ref() }?;
        // SAFETY: stored from a `&'static` reference before `REGION` was.
        let rules = unsafe { &*RULES.load(Relaxed) };
        Some(Self { region, rules })
    }

    /// Notes that this process is under it from now on.
    pub fn begin_here(self) {
        RULES.store(core::ptr::from_ref(self.rules).cast_mut(), Relaxed);
        REGION.store(core::ptr::from_ref(self.region).cast_mut(), Release);
    }

    /// The session's unpredictable bits.
    pub fn secret(self) -> u64 {
        self.region.header.secret.load(Relaxed)
    }

    /// RFC 6056's F: a hash of both ends of a connection, whose key is the seed, or a secret.
    pub fn hash(self, local: &Address, peer: &Address) -> u64 {
        let key = self.rules.seed().unwrap_or_else(|| self.secret());
        peer_hash(key, &local.ip(), &peer.ip(), peer.port())
    }

    /// Tells whether some program has limited a socket to a range of its own: else every such range
    /// is one that was set here.
    #[must_use]
    pub fn programs_limit_sockets(self) -> bool {
        self.region.header.ranges.load(Relaxed) != 0
    }

    /// Tells whether programs that are executed are to be under the policy as well.
    #[must_use]
    pub fn follows(self) -> bool {
        self.region.header.follow.load(Relaxed) != 0
    }

    /// Tells whether events are recorded.
    #[inline]
    pub fn logs(self) -> bool {
        self.region.header.log.load(Relaxed) != 0
    }

    /// Tells whether such events are recorded.
    pub fn records(self, such: Recorded) -> bool {
        Recorded::of_bits(self.region.header.log.load(Relaxed)).has(such)
    }

    /// Begin of a request: the moment, if that is recorded, else 0.
    #[inline]
    pub fn begin(self) -> u64 {
        if self.logs() { begun() } else { 0 }
    }

    /// Beliefs about one scope's ports; `None` where nothing shall be.
    pub fn hint(self, scope: Scope) -> Option<&'static BusyPorts> {
        self.region.hint(scope)
    }

    /// Tells whether the ledger's entries can be used: their memory is taken at the first use.
    /// Where there is none left, the program hears of it, instead of being killed as soon as it
    /// touches them.
    pub fn has_ledger(self) -> bool {
        let region = core::ptr::from_ref(self.region) as usize;
        let memory = Region::ledger_memory();
        let mut pages = ((region + memory.start) / PAGE * PAGE..region + memory.end).step_by(PAGE);
        let has = self.region.has_ledger() || pages.all(can_write_at);
        if has {
            self.region.add_ledger();
        }
        has
    }

    /// Beliefs about ports towards single peers; `None` where nothing shall be. What a seed repeats
    /// must not depend on what has been learned.
    pub fn peers(self) -> Option<Peers<'static>> {
        self.region.peers().filter(|_| self.rules.seed().is_none())
    }

    /// This process's place in the session's table.
    #[must_use]
    pub fn place(self) -> Option<&'static Process> {
        place::place(self.region, self.rules)
    }

    /// Counts what became of a request, and records it where that is asked for.
    pub fn note(self, call: Call, scope: Scope, verdict: Verdict, port: u16, about: About<'_>) {
        self.note_at(self.place(), call, scope, verdict, port, about);
    }

    /// The same, of the process that has this place in the session's table.
    #[inline]
    pub fn note_at(
        self,
        place: Option<&Process>,
        call: Call,
        scope: Scope,
        verdict: Verdict,
        port: u16,
        about: About<'_>,
    ) {
        let live = self.rules.live(scope);
        let own = place.map(|place| place.counts(scope));
        if matches!(verdict, Verdict::Steered | Verdict::Pinned | Verdict::Shared) {
            add(&live.served, own.map(|own| &own.served));
        } else {
            count_failed(live, own, verdict);
        }
        if self.logs() {
            self.log(call, scope, verdict, port, about);
        }
    }

    /// Records that a port was given back.
    #[cold]
    pub fn log_release(self, scope: Scope, port: u16) {
        self.log(Call::Bind, scope, Verdict::Released, port, About::default());
    }

    /// Records a specific bind that succeeded.
    #[cold]
    pub fn log_specific(self, scope: Scope, port: u16) {
        self.log(Call::Bind, scope, Verdict::Specific, port, About::default());
    }

    #[cold]
    fn log(self, call: Call, scope: Scope, verdict: Verdict, port: u16, about: About<'_>) {
        let (time, process) = (now(), place::client().unwrap_or_else(process));
        // One that is forbidden to ask for its number has none here.
        let process = if process == UNKNOWN { 0 } else { process };
        let took = if about.begun == 0 { 0 } else { monotonic().saturating_sub(about.begun) };
        let peer = about.peer.map(|peer| (peer.mapped(), peer.port())).filter(|(_, port)| *port != 0);
        self.region.events.push(Event { time, process, call, scope, verdict, port, name: place::name(), peer, took });
    }

    /// Ledger, if it has anything to say to a request for a port of `range`, as this process sees
    /// it, without the entries of the dead.
    #[inline]
    pub fn ledger(self, range: PortRange, scopes: ScopeSet) -> LedgerView<'static> {
        let ledger = &self.region.ledger;
        if !ledger.is_empty() {
            read(ledger, range, scopes);
        }
        ledger.seen_by(&OWN_TREES)
    }

    /// Tells whether some processes are to run out of ports in some of these scopes.
    pub fn exhausts_some(self, scopes: ScopeSet) -> bool {
        let exhausts = |entry: Entry| entry.act == Restriction::Exhaust && entry.scopes.intersects(scopes);
        self.region.ledger.entries().any(exhausts)
    }

    /// Tells whether a specific bind to `port` is refused.
    pub fn blocks(self, port: u16, scopes: ScopeSet) -> bool {
        let by_policy = |scope| self.rules.scope(scope).blocked.contains(port);
        let me = liveness::me();
        let me = Owner { process: place::client().unwrap_or(me.process), ..me };
        let is_own = |owner: &Owner| owner.is(&me);
        scopes.iter().any(by_policy)
            || !self.region.ledger.is_empty()
                && self.ledger(PortRange::single(port), scopes).blocker(port, scopes, is_own).is_some()
    }
}

/// Entries that hold for this process, of those that hold for some alone; or for the one in whose
/// stead it acts, whose serial number is beside it.
static OWN_TREES: OwnTrees = OwnTrees::new();
static WHOSE_TREES: AtomicU64 = AtomicU64::new(0);

#[cold]
fn begun() -> u64 {
    monotonic()
}

/// Counts a request that was given no port.
#[cold]
fn count_failed(live: &ScopeCounters, own: Option<&Counts>, verdict: Verdict) {
    match verdict {
        Verdict::Exhausted => add(&live.exhausted, own.map(|own| &own.exhausted)),
        Verdict::Refused => add(&live.refused, own.map(|own| &own.refused)),
        Verdict::Uncovered => {
            live.uncovered.fetch_add(1, Relaxed);
            if let Some(own) = own {
                own.uncovered.fetch_add(1, Relaxed);
            }
        }
        Verdict::Steered | Verdict::Pinned | Verdict::Shared | Verdict::Released | Verdict::Specific => {}
    }
}

/// One more of all processes together, and of this one.
#[inline(always)]
fn add(all: &AtomicU64, own: Option<&AtomicU64>) {
    all.fetch_add(1, Relaxed);
    if let Some(own) = own {
        own.fetch_add(1, Relaxed);
    }
}

#[cold]
fn read(ledger: &Ledger, range: PortRange, scopes: ScopeSet) {
    ledger.expire(range, scopes, boot_ticks(), liveness::is_alive);
    let serial = place::serial();
    if WHOSE_TREES.swap(serial, Relaxed) != serial {
        OWN_TREES.forget();
    }
    let process = place::client().unwrap_or_else(process);
    OWN_TREES.look(ledger, |owner| liveness::descends(process, owner));
}

/// No system has smaller ones.
const PAGE: usize = 4096;
