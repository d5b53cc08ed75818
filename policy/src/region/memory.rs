//! Parts of a region's memory: which are taken from the beginning, and which when it is first used:
//! most sessions reserve and block nothing while programs run, and to take a page takes longer than
//! to fill it.

use super::busy_ports::BusyPorts;
use super::layout::Region;
use super::ledger::Ledger;
use super::peers::Peers;
use super::processes::Processes;
use crate::ports::Scope;
use core::mem::offset_of;
use core::ops::Range;
use core::sync::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// In the header: the memory of the ledger has been taken.
const LEDGER: u32 = 1;
/// Nothing is believed.
const NO_HINTS: u32 = 1 << 31;

impl Region {
    /// The bytes that any program that asks for a port may touch, besides those that
    /// [`Region::pieces`] fills.
    #[must_use]
    pub fn working_memory() -> Range<usize> {
        offset_of!(Self, processes)..offset_of!(Self, hints) + 4 * size_of::<BusyPorts>()
    }

    /// The bytes of the ledger's entries.
    #[must_use]
    pub fn ledger_memory() -> Range<usize> {
        let at = offset_of!(Self, ledger);
        at..at + size_of::<Ledger>()
    }

    /// Tells whether the memory of the ledger has been taken. Where it has not, whoever touches an
    /// entry may be killed for want of memory.
    #[must_use]
    pub fn has_ledger(&self) -> bool {
        self.header.taken.load(Acquire) & LEDGER != 0
    }

    /// The memory of the ledger has been taken.
    pub fn add_ledger(&self) {
        self.header.taken.fetch_or(LEDGER, Release);
    }

    /// Beliefs about one scope; `None` where nothing shall be.
    #[must_use]
    #[inline]
    pub fn hint(&self, scope: Scope) -> Option<&BusyPorts> {
        self.believes().then(|| &self.hints[scope.index()])
    }

    /// The ports of one scope that the system keeps back, as far as somebody has asked for them.
    #[must_use]
    pub fn kept_back(&self, scope: Scope) -> &BusyPorts {
        &self.kept_back[scope.index()]
    }

    /// Tells whether anything shall be believed.
    #[inline]
    pub(crate) fn believes(&self) -> bool {
        self.header.taken.load(Relaxed) & NO_HINTS == 0
    }

    /// Believes nothing from now on.
    pub fn switch_hints_off(&self) {
        self.header.taken.fetch_or(NO_HINTS, Relaxed);
    }

    /// Beliefs about ports towards single peers; `None` where nothing shall be.
    #[must_use]
    pub fn peers(&self) -> Option<Peers<'_>> {
        self.believes().then(|| Peers::new(&self.peer_table, &self.peer_hints))
    }
}

const _: () = assert!(offset_of!(Region, hints) == offset_of!(Region, processes) + size_of::<Processes>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beliefs_can_be_switched_off() {
        let region = Region::boxed(&[]);
        region.hint(Scope::Udp4).unwrap().mark(64);
        region.add_ledger();
        region.switch_hints_off();
        assert!(region.hint(Scope::Udp4).is_none() && region.has_ledger());
    }
}
