//! The session as this process sees it: found once, and the same from then on.

use core::sync::atomic::{AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
pub(crate) use portshim_mechanism::session::Session;

const FRESH: u8 = 0;
const STARTING: u8 = 1;
/// A session has been found, or has been seen not to be there.
pub(crate) const DECIDED: u8 = 2;

/// Extent to which the search for the session has come.
pub(crate) static STATE: AtomicU8 = AtomicU8::new(FRESH);

/// The session, or `None` where the shim is off or not yet up.
#[inline]
pub(crate) fn get() -> Option<Session> {
    Session::current()
}

/// Has the session found, once; `None` where that has been done before, or there is none.
pub(crate) fn start(find: impl FnOnce() -> Option<Session>) -> Option<Session> {
    if STATE.compare_exchange(FRESH, STARTING, Acquire, Relaxed).is_err() {
        return None;
    }
    let found = find();
    if let Some(session) = found {
        session.begin_here();
    }
    STATE.store(DECIDED, Release);
    found
}
