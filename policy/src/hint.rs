//! The hint: which ports are probably taken. It only orders the tries, and the system decides: a port that is
//! believed taken is tried last, and no request is refused before it has been.

use crate::Scope;
use crate::set::WORDS;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// What a session believes of one scope's ports.
#[repr(C)]
pub struct Hint {
    words: [AtomicU64; WORDS],
    count: AtomicU32,
    _reserved: AtomicU32,
}

impl Hint {
    /// `port` is taken, or was when somebody last asked for it.
    pub fn mark(&self, port: u16) {
        let (word, bit) = self.place(port);
        if word.load(Relaxed) & bit == 0 && word.fetch_or(bit, Relaxed) & bit == 0 {
            self.count.fetch_add(1, Relaxed);
        }
    }

    /// `port` has been given back.
    pub fn unmark(&self, port: u16) {
        let (word, bit) = self.place(port);
        if word.load(Relaxed) & bit != 0 && word.fetch_and(!bit, Relaxed) & bit != 0 {
            let _ = self.count.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1));
        }
    }

    /// Whether `port` is believed taken.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        let (word, bit) = self.place(port);
        word.load(Relaxed) & bit != 0
    }

    /// How many ports are believed taken.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count.load(Relaxed)
    }

    /// 64 ports, from `index * 64` up.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words[index % WORDS].load(Relaxed)
    }

    fn place(&self, port: u16) -> (&AtomicU64, u64) {
        (&self.words[usize::from(port / 64)], 1 << (port % 64))
    }
}

/// What a session believes, all zeroes when nothing.
#[repr(C)]
pub struct Hints {
    hints: [Hint; 4],
    /// Not 0 where nothing shall be believed.
    off: AtomicU32,
    _reserved: AtomicU32,
}

impl Hints {
    /// What is believed of one scope; `None` where nothing shall be.
    #[must_use]
    pub fn of(&self, scope: Scope) -> Option<&Hint> {
        (self.off.load(Relaxed) == 0).then(|| &self.hints[scope.index()])
    }

    /// Believes nothing from now on.
    pub fn switch_off(&self) {
        self.off.store(1, Relaxed);
    }

    /// Believes this of the ports from `index * 64` up, in all scopes: a wrong hint must do no harm.
    pub fn believe(&self, index: usize, bits: u64) {
        for hint in &self.hints {
            let before = hint.words[index % WORDS].swap(bits, Relaxed);
            let count = hint.count.load(Relaxed).saturating_add(bits.count_ones());
            hint.count.store(count.saturating_sub(before.count_ones()), Relaxed);
        }
    }
}

const _: () = assert!(size_of::<Hints>() == 4 * (8 * WORDS + 8) + 8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Region;

    #[test]
    fn what_is_marked_is_counted_once() {
        let region = Region::boxed(&[]);
        let hint = region.hints.of(Scope::Tcp6).unwrap();
        for port in [80, 80, 443, 65535] {
            hint.mark(port);
        }
        assert_eq!((hint.count(), hint.word(1), hint.word(1023)), (3, 1 << 16, 1 << 63));
        hint.unmark(80);
        hint.unmark(80);
        assert_eq!((hint.count(), hint.word(1)), (2, 0));
        assert_eq!(region.hints.of(Scope::Tcp4).unwrap().count(), 0);
    }

    #[test]
    fn beliefs_can_be_laid_down_and_switched_off() {
        let region = Region::boxed(&[]);
        region.hints.of(Scope::Udp4).unwrap().mark(64);
        region.hints.believe(1, u64::MAX);
        assert_eq!(region.hints.of(Scope::Udp4).unwrap().count(), 64);
        region.hints.believe(1, 1);
        assert_eq!(region.hints.of(Scope::Udp4).unwrap().count(), 1);
        region.hints.switch_off();
        assert!(region.hints.of(Scope::Udp4).is_none());
    }
}
