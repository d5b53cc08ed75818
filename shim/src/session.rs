//! The session as this process sees it: found once, and the same from then on.

use crate::system;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
pub(crate) use portshim_mechanism::session::Session;
use portshim_policy::region::{Region, SharedRules};

const FRESH: u8 = 0;
const STARTING: u8 = 1;
const ON: u8 = 2;
const OFF: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(FRESH);
static REGION: AtomicPtr<Region> = AtomicPtr::new(core::ptr::null_mut());
static RULES: AtomicPtr<SharedRules> = AtomicPtr::new(core::ptr::null_mut());

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
            _ => system::yield_now(),
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
