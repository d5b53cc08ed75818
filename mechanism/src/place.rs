//! This process's place in the session's table of processes, and the name that it has there.

use crate::system::process::UNKNOWN;
use crate::system::signals::undisturbed;
use crate::system::{clock, liveness};
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use portshim_policy::region::{NAME, Presence, Process, Region, SharedRules};

/// The program's name, eight bytes a word.
static PROGRAM: [AtomicU64; NAME / 8] = [const { AtomicU64::new(0) }; NAME / 8];
/// This process's place in the session's table, and which process that was.
static PLACE: AtomicPtr<Process> = AtomicPtr::new(core::ptr::null_mut());
static PLACE_OF: AtomicU32 = AtomicU32::new(0);

/// The process that is just taking its place, so that its other threads do not begin the counts
/// once more.
static ENTERING: AtomicU32 = AtomicU32::new(0);

/// Set if a supervisor has brought us in.
static BROUGHT: AtomicBool = AtomicBool::new(false);

/// Number of times that it is waited for that place: twenty milliseconds or so.
const PATIENCE: u32 = 40;

/// This process's place in the session's table, taken at its first request.
#[inline]
pub fn place(region: &'static Region, rules: &SharedRules) -> Option<&'static Process> {
    let process = liveness::this_process();
    if process == UNKNOWN {
        return None;
    }
    if PLACE_OF.load(Acquire) != process && !enter(region, rules, process) {
        return None;
    }
    // SAFETY: null, or a reference into the region, which is never unmapped.
    unsafe { PLACE.load(Relaxed).as_ref() }
}

/// Takes the place; false where it is being taken by another thread that needs too long.
#[cold]
fn enter(region: &'static Region, rules: &SharedRules, process: u32) -> bool {
    // A jump out of a signal handler, or a cancellation, would leave it being taken for good.
    if !undisturbed(|| has_entered(region, rules, process)) {
        for turn in 0..PATIENCE {
            if PLACE_OF.load(Acquire) == process {
                return true;
            }
            // The other thread may not be running, and this one be alone on its processor.
            if turn < PATIENCE / 2 { clock::yield_now() } else { clock::sleep_1ms() }
        }
        return false;
    }
    true
}

/// Takes the place, unless another thread is taking it.
fn has_entered(region: &'static Region, rules: &SharedRules, process: u32) -> bool {
    let other = ENTERING.load(Relaxed);
    if other == process || ENTERING.compare_exchange(other, process, Acquire, Relaxed).is_err() {
        return false;
    }
    if PLACE_OF.load(Acquire) != process {
        let me = liveness::me();
        let (name, rules) = (name(), region.number_of(rules));
        let all = &region.processes;
        let place = all.join(&me, &name, liveness::began).or_else(|| all.enter(&me, &name, rules, liveness::is_alive));
        if let Some(place) = place.filter(|place| place.presence() == Presence::Here { missing: 0 })
            && BROUGHT.load(Relaxed)
        {
            place.set_presence(Presence::Brought);
        }
        PLACE.store(place.map_or(core::ptr::null_mut(), |place| core::ptr::from_ref(place).cast_mut()), Relaxed);
        PLACE_OF.store(process, Release);
    }
    ENTERING.store(0, Release);
    true
}

/// The process in whose stead this one acts; 0 where it acts for itself.
static CLIENT: AtomicU32 = AtomicU32::new(0);
/// A number of that process that no other has had.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Acts from now on in the stead of another process, which is called so and has this place. No
/// other has the serial number.
pub fn act_for(process: u32, serial: u64, name: &[u8; NAME], place: Option<&'static Process>) {
    set_name(name);
    PLACE.store(place.map_or(core::ptr::null_mut(), |place| core::ptr::from_ref(place).cast_mut()), Relaxed);
    PLACE_OF.store(liveness::this_process(), Release);
    CLIENT.store(process, Relaxed);
    SERIAL.store(serial, Relaxed);
}

/// The serial number of the process in whose stead this one acts.
pub(crate) fn serial() -> u64 {
    SERIAL.load(Relaxed)
}

/// The process in whose stead this one acts, if it is another.
pub(crate) fn client() -> Option<u32> {
    Some(CLIENT.load(Relaxed)).filter(|process| *process != 0)
}

/// This process's place, if it has been taken.
pub fn taken_by(process: u32) -> Option<&'static Process> {
    // SAFETY: as in `place`.
    let place = unsafe { PLACE.load(Relaxed).as_ref() };
    place.filter(|_| PLACE_OF.load(Acquire) == process)
}

/// Notes that a supervisor has brought us into this process, and serves what is not seen here.
pub fn is_brought() {
    BROUGHT.store(true, Relaxed);
}

/// The name that this program goes by, as far as an event can carry it.
pub fn name() -> [u8; NAME] {
    let mut name = [0; NAME];
    for (bytes, word) in name.as_chunks_mut::<8>().0.iter_mut().zip(&PROGRAM) {
        *bytes = word.load(Relaxed).to_ne_bytes();
    }
    name
}

/// Notes the name that this program goes by.
pub fn set_name(of: &[u8]) {
    let mut name = [0; NAME];
    for (byte, of) in name.iter_mut().zip(of) {
        *byte = *of;
    }
    for (word, bytes) in PROGRAM.iter().zip(name.as_chunks::<8>().0) {
        word.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
}
