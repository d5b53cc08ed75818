//! Claims: one thread at a time, session-wide, gambles on a port that others may use as well.

use crate::system::clock::{milliseconds, sleep_1ms, yield_now};
use crate::system::process::process_even_in_vfork;
use core::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::entropy::mix;

/// Time that a claim lasts, in milliseconds. From asking about a port to taking it are some
/// microseconds, and on a busy machine some tenths of a second until the thread runs again; one
/// that was killed, cancelled or jumped away in between keeps the port from nobody for longer than
/// this.
const LEASE: u16 = 1000;

/// Rest of it that is left once the program's own call is about to take the port, and may block
/// after that.
#[cfg(target_os = "linux")]
const LAST: u16 = 200;

/// Number of times that another thread's claim is looked at before a request gives up: for longer
/// than a lease.
pub const PATIENCE: u32 = 1300;
/// The first of these looks follow each other at once, for most claims last some microseconds. Then
/// a millisecond passes.
const HASTE: u32 = 100;

/// A port that this thread alone, in the whole session, may be gambling on: until this is dropped,
/// or for its lease of a second.
pub struct PortLock<'a> {
    slot: &'a AtomicU32,
    stamp: u32,
}

impl<'a> PortLock<'a> {
    /// `None` where another thread has it.
    pub fn at_once(slot: &'a AtomicU32) -> Option<Self> {
        let held = slot.load(Acquire);
        // The clock is read after the slot, so that no claim seems to be from the future but one by
        // another clock.
        let now = milliseconds() as u16;
        if held != 0 && is_in_force(held, now) {
            return None;
        }
        let stamp = stamp(now);
        slot.compare_exchange(held, stamp, Acquire, Relaxed).ok().map(|_| Self { slot, stamp })
    }

    /// The same, after having waited for the other thread. `None` where others had it for longer
    /// than `patience` lasts, which begins at [`PATIENCE`].
    pub fn on(slot: &'a AtomicU32, patience: &mut u32) -> Option<Self> {
        loop {
            if let Some(claim) = Self::at_once(slot) {
                return Some(claim);
            }
            *patience = patience.checked_sub(1)?;
            if *patience >= PATIENCE - HASTE { yield_now() } else { sleep_1ms() }
        }
    }

    /// Tells whether nobody else has had it since, whatever kept this thread from running. If so,
    /// it begins anew.
    #[cfg(target_os = "linux")]
    pub fn renew(&mut self) -> bool {
        self.date(milliseconds() as u16)
    }

    /// Shortens what is left of it to a fifth of a second.
    #[cfg(target_os = "linux")]
    pub fn shorten(&mut self) {
        let _ = self.date((milliseconds() as u16).wrapping_sub(LEASE - LAST));
    }

    #[cfg(target_os = "linux")]
    fn date(&mut self, made: u16) -> bool {
        let stamp = stamp(made);
        let renewed = self.slot.compare_exchange(self.stamp, stamp, Acquire, Relaxed).is_ok();
        if renewed {
            self.stamp = stamp;
        }
        renewed
    }
}

/// Tells whether a claim of this stamp counts. One from the future, by a clock that was set back
/// since, is worth nothing.
fn is_in_force(stamp: u32, now: u16) -> bool {
    now.wrapping_sub((stamp >> 16) as u16) < LEASE
}

/// Time when a claim was made, and sixteen bits, not all zero, in which two threads seldom agree:
/// they come of their processes, and of where their stacks are.
fn stamp(now: u16) -> u32 {
    let here = 0u8;
    let stack = core::ptr::from_ref(&here) as u64 >> 12;
    let whose = mix(u64::from(process_even_in_vfork()) << 32 ^ stack) as u16;
    u32::from(now) << 16 | u32::from(whose.max(1))
}

impl Drop for PortLock<'_> {
    fn drop(&mut self) {
        // Not where another has it by now, because this one has lapsed.
        let _ = self.slot.compare_exchange(self.stamp, 0, Release, Relaxed);
    }
}
