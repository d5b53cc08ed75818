//! The parts of a region whose memory is taken when one is first used: most programs that are started never ask for a
//! port, and to take a page takes longer than to fill it.

use crate::{Hint, Ledger, Processes, Region, Scope};
use core::mem::offset_of;
use core::ops::Range;
use core::sync::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A part of a region that is not there from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is believed of one scope's ports.
    Hint(Scope),
    /// The table of processes.
    Processes,
    /// The entries of the ledger.
    Ledger,
}

impl Part {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Hint(Scope::Tcp4),
        Self::Hint(Scope::Tcp6),
        Self::Hint(Scope::Udp4),
        Self::Hint(Scope::Udp6),
        Self::Processes,
        Self::Ledger,
    ];

    /// Which bytes of a region it is.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let (at, len) = match self {
            Self::Hint(scope) => (offset_of!(Region, hints) + scope.index() * size_of::<Hint>(), size_of::<Hint>()),
            Self::Processes => (offset_of!(Region, processes), size_of::<Processes>()),
            Self::Ledger => (offset_of!(Region, ledger), size_of::<Ledger>()),
        };
        at..at + len
    }

    fn bit(self) -> u32 {
        match self {
            Self::Hint(scope) => 1 << scope.index(),
            Self::Processes => 1 << 4,
            Self::Ledger => 1 << 5,
        }
    }
}

/// Among the parts: nothing is believed.
const NO_HINTS: u32 = 1 << 31;

impl Region {
    /// Whether the memory of a part has been taken. Where it has not, whoever touches the part may be killed for want of
    /// memory.
    #[must_use]
    #[inline]
    pub fn has(&self, part: Part) -> bool {
        self.header.parts.load(Acquire) & part.bit() != 0
    }

    /// The memory of a part has been taken.
    pub fn add(&self, part: Part) {
        self.header.parts.fetch_or(part.bit(), Release);
    }

    /// What is believed of one scope; `None` where nothing shall be.
    #[must_use]
    #[inline]
    pub fn hint(&self, scope: Scope) -> Option<&Hint> {
        self.believes().then(|| &self.hints[scope.index()])
    }

    /// Whether anything shall be believed.
    #[inline]
    pub(crate) fn believes(&self) -> bool {
        self.header.parts.load(Relaxed) & NO_HINTS == 0
    }

    /// Believes nothing from now on.
    pub fn switch_hints_off(&self) {
        self.header.parts.fetch_or(NO_HINTS, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beliefs_can_be_laid_down_and_switched_off() {
        let region = Region::boxed(&[]);
        region.hint(Scope::Udp4).unwrap().mark(64);
        region.believe(1, u64::MAX);
        assert_eq!(region.hint(Scope::Udp4).unwrap().count(), 64);
        region.believe(1, 1);
        assert_eq!(region.hint(Scope::Udp4).unwrap().count(), 1);
        region.switch_hints_off();
        assert!(region.hint(Scope::Udp4).is_none());
    }

    #[test]
    fn parts_come_one_by_one_and_lie_apart() {
        let region = Region::boxed(&[]);
        for (number, part) in Part::ALL.into_iter().enumerate() {
            assert!(!region.has(part), "{part:?}");
            region.add(part);
            assert!(Part::ALL.into_iter().filter(|part| region.has(*part)).eq(Part::ALL.into_iter().take(number + 1)));
            let meets = |other: &Part| other.span().start < part.span().end && part.span().start < other.span().end;
            assert_eq!(Part::ALL.into_iter().filter(meets).count(), 1, "{part:?}");
        }
        assert!(region.hint(Scope::Tcp4).is_some());
    }
}
