//! The session as this process sees it: the region it maps and the rules that are for it.

use crate::address::Address;
use crate::held;
use crate::system::{self, liveness, sys};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::model::Call;
use portshim_policy::plan::peer_hash;
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use portshim_policy::region::{BusyPorts, Event, Ledger, NAME, Owner, Peers, Process, Region, SharedRules, Verdict};

/// Everything a hook needs, by reference to memory that is never unmapped.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) region: &'static Region,
    pub(crate) rules: &'static SharedRules,
}

impl Session {
    /// The session's unpredictable bits.
    pub(crate) fn secret(self) -> u64 {
        self.region.header.secret.load(Relaxed)
    }

    /// RFC 6056's F: a hash of both ends of a connection, whose key is the seed, or a secret.
    pub(crate) fn hash(self, local: &Address, peer: &Address) -> u64 {
        let key = self.rules.seed().unwrap_or_else(|| self.secret());
        peer_hash(key, &local.ip(), &peer.ip(), peer.port())
    }

    /// Whether events are recorded.
    pub(crate) fn logs(self) -> bool {
        self.region.header.log.load(Relaxed) != 0
    }

    /// What is believed of one scope's ports; `None` where nothing shall be.
    pub(crate) fn hint(self, scope: Scope) -> Option<&'static BusyPorts> {
        self.region.hint(scope)
    }

    /// Whether the ledger's entries can be used: their memory is taken at the first use. Where there is none left, the
    /// program hears of it, instead of being killed as soon as it touches them.
    pub(crate) fn has_ledger(self) -> bool {
        let region = core::ptr::from_ref(self.region) as usize;
        let memory = Region::ledger_memory();
        let mut pages = ((region + memory.start) / PAGE * PAGE..region + memory.end).step_by(PAGE);
        let has = self.region.has_ledger() || pages.all(sys::can_write_at);
        if has {
            self.region.add_ledger();
        }
        has
    }

    /// What is believed of ports towards single peers; `None` where nothing shall be. What a seed repeats must not
    /// depend on what has been learned.
    pub(crate) fn peers(self) -> Option<Peers<'static>> {
        self.region.peers().filter(|_| self.rules.seed().is_none())
    }

    /// Counts what became of a request, and records it where that is asked for.
    pub(crate) fn note(self, call: Call, scope: Scope, verdict: Verdict, port: u16) {
        self.note_at(held::place(self), call, scope, verdict, port);
    }

    /// The same, of the process that has this place in the session's table.
    #[inline]
    pub(crate) fn note_at(self, place: Option<&Process>, call: Call, scope: Scope, verdict: Verdict, port: u16) {
        let live = self.rules.live(scope);
        let own = place.map(|place| place.counts(scope));
        let (all, own) = match verdict {
            Verdict::Uncovered => {
                let counters = [Some(&live.uncovered), own.map(|own| &own.uncovered)];
                for counter in counters.into_iter().flatten() {
                    counter.fetch_add(1, Relaxed);
                }
                return self.record(call, scope, verdict, port);
            }
            Verdict::Steered | Verdict::Pinned | Verdict::Shared => (&live.served, own.map(|own| &own.served)),
            Verdict::Exhausted => (&live.exhausted, own.map(|own| &own.exhausted)),
            Verdict::Refused => (&live.refused, own.map(|own| &own.refused)),
        };
        all.fetch_add(1, Relaxed);
        if let Some(own) = own {
            own.fetch_add(1, Relaxed);
        }
        self.record(call, scope, verdict, port);
    }

    #[inline]
    fn record(self, call: Call, scope: Scope, verdict: Verdict, port: u16) {
        if self.logs() {
            self.log(call, scope, verdict, port);
        }
    }

    #[cold]
    fn log(self, call: Call, scope: Scope, verdict: Verdict, port: u16) {
        let (time, process) = (sys::now(), sys::process());
        // One that is forbidden to ask for its number has none here.
        let process = if process == held::UNKNOWN { 0 } else { process };
        self.region.events.push(Event { time, process, call, scope, verdict, port, name: Self::name() });
    }

    /// What the ledger has to say to a request for a port of `range`, without the entries of the dead.
    pub(crate) fn ledger(self, range: PortRange, scopes: ScopeSet) -> &'static Ledger {
        let ledger = &self.region.ledger;
        if !ledger.is_empty() {
            ledger.expire(range, scopes, liveness::is_alive);
        }
        ledger
    }

    /// Whether a specific bind to `port` is refused.
    pub(crate) fn blocks(self, port: u16, scopes: ScopeSet) -> bool {
        let by_policy = |scope| self.rules.scope(scope).blocked.contains(port);
        let is_own = |owner: &Owner| owner.is(&liveness::me());
        let ledger = &self.region.ledger;
        scopes.iter().any(by_policy)
            || ledger.blocker(port, scopes, is_own).is_some()
                && self.ledger(PortRange::single(port), scopes).blocker(port, scopes, is_own).is_some()
    }

    /// The name that this program goes by, as far as an event can carry it.
    pub(crate) fn name() -> [u8; NAME] {
        let mut name = [0; NAME];
        for (bytes, word) in name.as_chunks_mut::<8>().0.iter_mut().zip(&PROGRAM) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        name
    }
}

/// No system has smaller ones.
const PAGE: usize = 4096;

const FRESH: u8 = 0;
const STARTING: u8 = 1;
const ON: u8 = 2;
const OFF: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(FRESH);
static REGION: AtomicPtr<Region> = AtomicPtr::new(core::ptr::null_mut());
static RULES: AtomicPtr<SharedRules> = AtomicPtr::new(core::ptr::null_mut());
/// The program's name, eight bytes a word.
static PROGRAM: [AtomicU64; NAME / 8] = [const { AtomicU64::new(0) }; NAME / 8];

/// The session, or `None` where the shim is off or not yet up: then every call goes through.
#[inline]
pub(crate) fn get() -> Option<Session> {
    if STATE.load(Acquire) != ON && !wake() {
        return None;
    }
    // SAFETY: stored from a `&'static` reference before `STATE` became `ON`.
    let rules = unsafe { &*RULES.load(Relaxed) };
    Some(Session { region: region()?, rules })
}

/// The session's region, without starting anything.
#[inline]
pub(crate) fn region() -> Option<&'static Region> {
    // SAFETY: null until the region is mapped, and from then on a `&'static` reference.
    unsafe { REGION.load(Relaxed).as_ref() }
}

/// A hook runs before our constructor did: another library's constructor came first.
#[cold]
fn wake() -> bool {
    system::start();
    // The other side of a race, or a signal handler inside `start`: wait a little, then let the call through.
    for _ in 0..1000 {
        match STATE.load(Acquire) {
            ON => return true,
            OFF => return false,
            _ => sys::pause(),
        }
    }
    false
}

/// Has the session found, once; `None` where that has been done before, or there is none.
pub(crate) fn start(find: impl FnOnce() -> Option<Session>) -> Option<Session> {
    if STATE.compare_exchange(FRESH, STARTING, Acquire, Relaxed).is_err() {
        return None;
    }
    let found = find();
    if let Some(session) = found {
        REGION.store(core::ptr::from_ref(session.region).cast_mut(), Relaxed);
        RULES.store(core::ptr::from_ref(session.rules).cast_mut(), Relaxed);
    }
    STATE.store(if found.is_some() { ON } else { OFF }, Release);
    found
}

/// Notes the name that this program goes by.
pub(crate) fn set_name(of: &[u8]) {
    let mut name = [0; NAME];
    for (byte, of) in name.iter_mut().zip(of) {
        *byte = *of;
    }
    for (word, bytes) in PROGRAM.iter().zip(name.as_chunks::<8>().0) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
}
