//! The session as this process sees it: found once, and the same from then on.

use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
pub(crate) use portshim_mechanism::session::Session;
use portshim_policy::region::{Region, SharedRules};

const FRESH: u8 = 0;
const STARTING: u8 = 1;
/// A session has been found, or has been seen not to be there.
pub(crate) const DECIDED: u8 = 2;

/// Extent to which the search for the session has come.
pub(crate) static STATE: AtomicU8 = AtomicU8::new(FRESH);
/// The session's region; null where there is no session, or not yet.
pub(crate) static REGION: AtomicPtr<Region> = AtomicPtr::new(core::ptr::null_mut());
static RULES: AtomicPtr<SharedRules> = AtomicPtr::new(core::ptr::null_mut());

/// The session, or `None` where the shim is off or not yet up.
#[inline]
pub(crate) fn get() -> Option<Session> {
    // SAFETY: null, or stored from a `&'static` reference.
    let region = unsafe { REGION.load(Acquire).as_ref() }?;
    // SAFETY: stored from a `&'static` reference before `REGION` was.
    let rules = unsafe { &*RULES.load(Relaxed) };
    Some(Session { region, rules })
}

/// Has the session found, once; `None` where that has been done before, or there is none.
pub(crate) fn start(find: impl FnOnce() -> Option<Session>) -> Option<Session> {
    if STATE.compare_exchange(FRESH, STARTING, Acquire, Relaxed).is_err() {
        return None;
    }
    let found = find();
    if let Some(session) = found {
        RULES.store(core::ptr::from_ref(session.rules).cast_mut(), Relaxed);
        REGION.store(core::ptr::from_ref(session.region).cast_mut(), Release);
    }
    STATE.store(DECIDED, Release);
    found
}
