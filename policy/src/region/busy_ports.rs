//! Busy ports: those that are probably taken. They only order the tries, and the system decides. A
//! port that is believed taken is tried last, and no request is refused before it has been.

use crate::ports::WORDS;
#[cfg(feature = "alloc")]
use crate::ports::{PortRange, PortSet};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use zerocopy::{FromBytes, IntoBytes};

/// The ports of one scope that a session believes taken.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct BusyPorts {
    words: [AtomicU64; WORDS],
    count: AtomicU64,
}

impl BusyPorts {
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

    /// Tells whether `port` is believed taken.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        let (word, bit) = self.place(port);
        word.load(Relaxed) & bit != 0
    }

    /// Number of ports that are believed taken.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count.load(Relaxed) as u32
    }

    /// All of them.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn ports(&self) -> PortSet {
        let mut ports = PortSet::new();
        for (index, word) in self.words.iter().enumerate().filter(|(_, word)| word.load(Relaxed) != 0) {
            let of_word = (0..64).filter(|bit| word.load(Relaxed) & 1 << bit != 0);
            of_word.for_each(|bit| ports.insert(PortRange::single(index as u16 * 64 + bit)));
        }
        ports
    }

    /// Uses memory that may not be there: `is_there` says whether a word can be written.
    pub(crate) fn reserve(&self, is_there: impl Fn(&AtomicU64) -> bool) -> bool {
        const PAGE: usize = 4096 / size_of::<AtomicU64>();
        let there = self.words.iter().step_by(PAGE).chain([&self.count]).all(is_there);
        if there {
            self.count.store(self.words.iter().map(|word| u64::from(word.load(Relaxed).count_ones())).sum(), Relaxed);
        }
        there
    }

    /// Believes nothing any more.
    pub fn clear(&self) {
        self.words.iter().filter(|word| word.load(Relaxed) != 0).for_each(|word| word.store(0, Relaxed));
        self.count.store(0, Relaxed);
    }

    /// 64 ports, from `index * 64` up.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words[index % WORDS].load(Relaxed)
    }

    fn place(&self, port: u16) -> (&AtomicU64, u64) {
        (&self.words[usize::from(port / 64)], 1 << (port % 64))
    }
}

#[cfg(test)]
mod tests {
    use crate::ports::Scope;
    use crate::region::layout::Region;

    #[test]
    fn what_is_marked_is_counted_once() {
        let region = Region::boxed(&[]);
        let hint = region.hint(Scope::Tcp6).unwrap();
        for port in [80, 80, 443, 65535] {
            hint.mark(port);
        }
        assert_eq!((hint.count(), hint.word(1), hint.word(1023)), (3, 1 << 16, 1 << 63));
        assert_eq!(hint.ports().to_string(), "80,443,65535");
        hint.unmark(80);
        hint.unmark(80);
        assert_eq!((hint.count(), hint.word(1)), (2, 0));
        assert_eq!(region.hint(Scope::Tcp4).unwrap().count(), 0);
    }
}
