//! Claims: one thread at a time, session-wide, gambles on a port that others may use as well.

use crate::system::{sys, this_process};
use core::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A port that this thread alone, in the whole session, may be gambling on.
pub(crate) struct Claim<'a> {
    slot: &'a AtomicU32,
    owner: u32,
}

impl<'a> Claim<'a> {
    /// `None` where another thread holds on to it for longer than `patience` lasts.
    pub(crate) fn on(slot: &'a AtomicU32, patience: &mut u32) -> Option<Self> {
        let owner = this_process();
        loop {
            match slot.compare_exchange(0, owner, Acquire, Relaxed) {
                Ok(_) => return Some(Self { slot, owner }),
                Err(other) if other != owner && !sys::is_alive(other) => {
                    if slot.compare_exchange(other, owner, Acquire, Relaxed).is_ok() {
                        return Some(Self { slot, owner });
                    }
                }
                Err(_) => sys::pause(),
            }
            *patience = patience.checked_sub(1)?;
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Not where another has taken it over, having taken us for dead.
        let _ = self.slot.compare_exchange(self.owner, 0, Release, Relaxed);
    }
}
