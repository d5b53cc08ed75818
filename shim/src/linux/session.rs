//! The session as this process sees it: the region it maps and the rules that are for it.

use super::{environment, held, hooks, host, liveness, sys};
use core::ffi::CStr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::{
    Call, Event, Hint, Ledger, NAME, Owner, PortRange, Region, Rules, Scope, ScopeSet, Verdict, mix, wire,
};

/// Everything a hook needs, by reference to memory that is never unmapped.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) region: &'static Region,
    pub(crate) rules: &'static Rules,
}

impl Session {
    /// The session's unpredictable bits.
    pub(crate) fn secret(self) -> u64 {
        self.region.header.secret.load(Relaxed)
    }

    /// Whether events are recorded.
    pub(crate) fn logs(self) -> bool {
        self.region.header.log.load(Relaxed) != 0
    }

    /// What is believed of one scope's ports; `None` where nothing shall be.
    pub(crate) fn hint(self, scope: Scope) -> Option<&'static Hint> {
        self.region.hints.of(scope)
    }

    /// Counts what became of a request, and records it where that is asked for.
    pub(crate) fn note(self, call: Call, scope: Scope, verdict: Verdict, port: u16) {
        let live = self.rules.live(scope);
        let own = held::place(self).map(|place| place.counts(scope));
        let (all, own) = match verdict {
            Verdict::Steered | Verdict::Pinned | Verdict::Shared => (&live.served, own.map(|own| &own.served)),
            Verdict::Exhausted => (&live.exhausted, own.map(|own| &own.exhausted)),
            Verdict::Refused => (&live.refused, own.map(|own| &own.refused)),
        };
        all.fetch_add(1, Relaxed);
        if let Some(own) = own {
            own.fetch_add(1, Relaxed);
        }
        if self.logs() {
            let (time, process) = (sys::now(), sys::process());
            self.region.events.push(Event { time, process, call, scope, verdict, port, name: Self::name() });
        }
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

const FRESH: u8 = 0;
const STARTING: u8 = 1;
const ON: u8 = 2;
const OFF: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(FRESH);
static REGION: AtomicPtr<Region> = AtomicPtr::new(core::ptr::null_mut());
static RULES: AtomicPtr<Rules> = AtomicPtr::new(core::ptr::null_mut());
/// The program's name, eight bytes a word.
static PROGRAM: [AtomicU64; NAME / 8] = [const { AtomicU64::new(0) }; NAME / 8];

/// The session, or `None` where the shim is off or not yet up: then every call goes through.
#[inline]
pub(crate) fn get() -> Option<Session> {
    if STATE.load(Acquire) != ON && !wake() {
        return None;
    }
    // SAFETY: both pointers were stored from `&'static` references before `STATE` became `ON`.
    unsafe { Some(Session { region: &*REGION.load(Relaxed), rules: &*RULES.load(Relaxed) }) }
}

/// The session's epoch, without starting anything.
#[inline]
pub(crate) fn epoch() -> Option<u32> {
    let region = REGION.load(Relaxed);
    // SAFETY: as in `get`; the pointer is null until the region is mapped.
    unsafe { region.as_ref() }.map(|region| region.header.epoch.load(Relaxed))
}

/// A hook runs before our constructor did: another library's constructor came first.
#[cold]
fn wake() -> bool {
    start();
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

/// Reads the environment, maps the region and resolves every hook, once.
pub(crate) fn start() {
    if STATE.compare_exchange(FRESH, STARTING, Acquire, Relaxed).is_err() {
        return;
    }
    hooks::resolve();
    let on = environment::read().and_then(|found| {
        let with_rules = |region| Some((region, rules_for_this_program(region)?));
        let (region, rules) =
            open(found.session).and_then(with_rules).or_else(|| private(found.policy).and_then(with_rules))?;
        host::look();
        liveness::look();
        REGION.store(core::ptr::from_ref(region).cast_mut(), Relaxed);
        RULES.store(core::ptr::from_ref(rules).cast_mut(), Relaxed);
        Some(())
    });
    STATE.store(if on.is_some() { ON } else { OFF }, Release);
}

/// Maps the session's file, if it is ours and a region of this version.
fn open(path: Option<&CStr>) -> Option<&'static Region> {
    let fd = sys::open(path?, libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK).ok()?;
    let sound = sys::size_and_owner(fd)
        .is_ok_and(|(size, owner)| size == Region::SIZE as u64 && owner == sys::effective_user());
    let mapped = if sound { sys::map_shared(Some(fd), Region::SIZE).ok() } else { None };
    sys::close(fd);
    let at = mapped?;
    // SAFETY: `SIZE` bytes were just mapped for reading and writing.
    match unsafe { Region::at(at) } {
        Ok(region) => Some(region),
        Err(_) => {
            // SAFETY: the mapping was refused, so nothing refers to it.
            unsafe { sys::unmap(at, Region::SIZE) };
            None
        }
    }
}

/// Lays down a region of this process and its children alone, from the environment's policy.
fn private(policy: Option<&CStr>) -> Option<&'static Region> {
    let policy = policy?;
    let at = sys::map_shared(None, Region::SIZE).ok()?;
    // SAFETY: `SIZE` bytes of zeroes were just mapped.
    let region = unsafe { Region::at_unsealed(at) }?;
    if wire::decode(policy.to_bytes(), region).is_err() {
        // SAFETY: the region goes out of use here.
        unsafe { sys::unmap(at, Region::SIZE) };
        return None;
    }
    region.header.secret.store(random(), Relaxed);
    Some(region)
}

/// 64 of the random bits that the kernel gives each new program (getauxval(3), AT_RANDOM).
fn random() -> u64 {
    // SAFETY: getauxval reads what the kernel left on the stack at exec.
    let at = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const u64;
    if at.is_null() {
        return u64::from(sys::process());
    }
    // SAFETY: AT_RANDOM points to 16 random bytes for the program's whole life. Mixed, so that what
    // shows in ports does not show what the same bits protect elsewhere.
    mix(unsafe { at.read_unaligned() })
}

/// The rules whose glob matches the executable's name: the file's, or the one it was called by, which is noted.
fn rules_for_this_program(region: &'static Region) -> Option<&'static Rules> {
    let mut buffer = [0; 1024];
    let file = sys::readlink(c"/proc/self/exe", &mut buffer).map_or(&[][..], |len| &buffer[..len]);
    // SAFETY: as for AT_RANDOM.
    let called = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    let called = if called.is_null() {
        &[][..]
    } else {
        // SAFETY: the kernel leaves a NUL-terminated path there for the program's whole life.
        unsafe { CStr::from_ptr(called) }.to_bytes()
    };
    let (file, called) = (base_name(file), base_name(called));
    let mut name = [0; NAME];
    for (byte, of) in name.iter_mut().zip(if called.is_empty() { file } else { called }) {
        *byte = *of;
    }
    for (word, bytes) in PROGRAM.iter().zip(name.as_chunks::<8>().0) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
    region.rules_for(&[file, called])
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}
