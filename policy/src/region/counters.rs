//! Counters of one scope under one set of rules.

use crate::entropy::mix;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use zerocopy::{FromBytes, IntoBytes};

/// Number of counters a scope keeps for connections to different peers (RFC 6056 §3.3.4).
const PERTURBATIONS: usize = 256;

/// Counters of one scope under one set of rules: what serving requests leaves behind.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct ScopeCounters {
    rover: AtomicU32,
    /// RFC 6056's `next_ephemeral`, for the orders that count.
    pub(crate) counter: AtomicU32,
    table: [AtomicU32; PERTURBATIONS],
    /// Requests that got a port.
    pub served: AtomicU64,
    /// Requests that got none.
    pub exhausted: AtomicU64,
    /// Specific binds refused because the port is blocked.
    pub refused: AtomicU64,
    pub(crate) entropy: AtomicU64,
    /// The most sockets that have held a port handed out here at once, all processes together.
    pub high: AtomicU32,
    /// Requests that were left to the system, because the program's sandbox left no way to serve
    /// them.
    pub uncovered: AtomicU32,
}

impl ScopeCounters {
    /// Position at which a rover that counts up goes on; `first` where it has not started.
    pub(crate) fn rover_up(&self, first: u16) -> u16 {
        match self.rover.load(Relaxed) {
            0 => first,
            last => (last as u16).checked_add(1).unwrap_or(first),
        }
    }

    /// Position at which a rover that counts down goes on; `last` where it has not started.
    pub(crate) fn rover_down(&self, last: u16) -> u16 {
        match self.rover.load(Relaxed) {
            0 => last,
            next => (next as u16).saturating_sub(1),
        }
    }

    pub(crate) fn rove(&self, port: u16) {
        self.rover.store(u32::from(port), Relaxed);
    }

    /// Place of the rover.
    pub(crate) fn rover(&self) -> u32 {
        self.rover.load(Relaxed)
    }

    /// Puts the rover back to where it stood `before` it went to `port`, unless it has moved on.
    pub(crate) fn rove_back(&self, port: u16, before: u32) {
        let _ = self.rover.compare_exchange(u32::from(port), before, Relaxed, Relaxed);
    }

    /// RFC 6056 §3.3.4: one counter of a table, chosen by a hash; moved on by `step`.
    pub(crate) fn perturb(&self, hash: u64, step: u32) -> u32 {
        self.table[(mix(hash) as usize) % PERTURBATIONS].fetch_add(step, Relaxed)
    }
}
