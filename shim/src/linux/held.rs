//! Which descriptors hold a port that was handed out: what a session has in use at once is counted by them.

use super::session::Session;
use super::{liveness, sys};
use core::ffi::c_int;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::{Process, Scope};

const DESCRIPTORS: usize = 65536;

/// A cell is 0, or the process above [`SCOPE`] bits, and in these one more than the scope. In a forked child
/// the cells still speak of its parent, whose sockets stay open whatever the child closes.
static CELLS: [AtomicU32; DESCRIPTORS] = [const { AtomicU32::new(0) }; DESCRIPTORS];
const SCOPE: u32 = 3;

/// This process's place in the session's table, and which process that was.
static PLACE: AtomicPtr<Process> = AtomicPtr::new(core::ptr::null_mut());
static PLACE_OF: AtomicU32 = AtomicU32::new(0);

/// The process that is just taking its place, so that its other threads do not begin the counts once more.
static ENTERING: AtomicU32 = AtomicU32::new(0);

/// This process's place in the session's table, taken at its first request.
pub(crate) fn place(session: Session) -> Option<&'static Process> {
    let process = sys::process();
    if PLACE_OF.load(Acquire) != process && !enter(session, process) {
        return None;
    }
    // SAFETY: null, or a reference into the region, which is never unmapped.
    unsafe { PLACE.load(Relaxed).as_ref() }
}

/// Takes the place; false where it is being taken, by another thread that needs too long, or by this one, which
/// is in a signal handler now.
#[cold]
fn enter(session: Session, process: u32) -> bool {
    let other = ENTERING.load(Relaxed);
    if other == process || ENTERING.compare_exchange(other, process, Acquire, Relaxed).is_err() {
        for _ in 0..1000 {
            if PLACE_OF.load(Acquire) == process {
                return true;
            }
            sys::pause();
        }
        return false;
    }
    if PLACE_OF.load(Acquire) != process {
        let me = liveness::me();
        let (name, rules) = (Session::name(), session.region.number_of(session.rules));
        let place = session.region.processes.enter(&me, &name, rules, liveness::is_alive);
        PLACE.store(place.map_or(core::ptr::null_mut(), |place| core::ptr::from_ref(place).cast_mut()), Relaxed);
        PLACE_OF.store(process, Release);
    }
    ENTERING.store(0, Release);
    true
}

/// `fd` holds a port of `scope` from now on.
pub(crate) fn hold(session: Session, fd: c_int, scope: Scope) {
    let Some(place) = place(session) else { return };
    let tag = sys::process() << SCOPE | (scope.index() as u32 + 1);
    let Some(cell) = CELLS.get(fd as usize) else { return };
    let before = cell.swap(tag, Relaxed);
    if before == tag {
        return;
    }
    drop_from(place, before);
    place.counts(scope).held.fetch_add(1, Relaxed);
    let high = &session.rules.live(scope).high;
    let most = high.load(Relaxed);
    let held = session.region.processes.held(place.rules.load(Relaxed), scope, most, liveness::is_alive);
    if held > most {
        high.fetch_max(held, Relaxed);
    }
}

/// `fd` is closed, or about to be.
#[inline]
pub(crate) fn release(fd: c_int) {
    if let Some(cell) = CELLS.get(fd as usize)
        && cell.load(Relaxed) != 0
    {
        give_back(cell);
    }
}

/// The descriptors from `first` to `last` are closed.
pub(crate) fn release_all(first: u32, last: u32) {
    let cells = CELLS.iter().take((last as usize).saturating_add(1)).skip(first as usize);
    cells.filter(|cell| cell.load(Relaxed) != 0).for_each(give_back);
}

/// `to` is the same socket as `from` from now on, and is taken to be the one that will be kept.
pub(crate) fn pass(from: c_int, to: c_int) {
    release(to);
    if let (Some(from), Some(to)) = (CELLS.get(from as usize), CELLS.get(to as usize))
        && from.load(Relaxed) != 0
    {
        to.store(from.swap(0, Relaxed), Relaxed);
    }
}

#[cold]
fn give_back(cell: &AtomicU32) {
    let tag = cell.load(Relaxed);
    if tag >> SCOPE != sys::process() || cell.compare_exchange(tag, 0, Relaxed, Relaxed).is_err() {
        return;
    }
    // SAFETY: as in `place`.
    let place = unsafe { PLACE.load(Relaxed).as_ref() };
    if let Some(place) = place.filter(|_| PLACE_OF.load(Acquire) == tag >> SCOPE) {
        drop_from(place, tag);
    }
}

/// Takes what a cell said off its process's count.
fn drop_from(place: &Process, tag: u32) {
    let index = (tag & ((1 << SCOPE) - 1)) as usize;
    if tag >> SCOPE == PLACE_OF.load(Relaxed)
        && let Some(scope) = index.checked_sub(1).and_then(|index| Scope::ALL.get(index))
    {
        let held = &place.counts(*scope).held;
        let _ = held.fetch_update(Relaxed, Relaxed, |held| held.checked_sub(1));
    }
}
