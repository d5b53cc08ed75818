//! A set of ports: one bit for each of the 65,536.

use crate::PortRange;
use core::fmt;

/// Words of 64 bits in a set.
pub(crate) const WORDS: usize = 1024;

/// A set of ports, 8 KiB. Cheap to ask and to combine; box it to keep it.
#[derive(Clone, PartialEq, Eq)]
pub struct PortSet {
    words: Box<[u64; WORDS]>,
}

impl Default for PortSet {
    fn default() -> Self {
        Self { words: Box::new([0; WORDS]) }
    }
}

/// The bits of word `index` that belong to ports inside `range`.
pub(crate) fn mask(range: PortRange, index: usize) -> u64 {
    let low = index as u32 * 64;
    let high = low + 63;
    let (first, last) = (u32::from(range.first()), u32::from(range.last()));
    if last < low || first > high {
        return 0;
    }
    let from = first.max(low) - low;
    let to = last.min(high) - low;
    (u64::MAX << from) & (u64::MAX >> (63 - to))
}

impl PortSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every port of `range`.
    pub fn insert(&mut self, range: PortRange) {
        for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
            self.words[index] |= mask(range, index);
        }
    }

    /// Removes every port of `range`.
    pub fn remove(&mut self, range: PortRange) {
        for index in usize::from(range.first() / 64)..=usize::from(range.last() / 64) {
            self.words[index] &= !mask(range, index);
        }
    }

    /// Adds every port of `other`.
    pub fn union(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(other.words.iter()) {
            *word |= theirs;
        }
    }

    /// Removes every port of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(other.words.iter()) {
            *word &= !theirs;
        }
    }

    /// Whether `port` is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.words[usize::from(port / 64)] >> (port % 64) & 1 == 1
    }

    /// How many ports it holds.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.words.iter().map(|w| w.count_ones()).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// Its words, the bit of port `p` at word `p / 64`, bit `p % 64`.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        self.words.as_slice()
    }

    /// Its runs: the longest contiguous ranges, ascending.
    pub fn runs(&self) -> impl Iterator<Item = PortRange> + '_ {
        let mut at = 0u32;
        core::iter::from_fn(move || {
            while at < 65536 && !self.contains(at as u16) {
                at = if self.words[(at / 64) as usize] >> (at % 64) == 0 { (at / 64 + 1) * 64 } else { at + 1 };
            }
            if at >= 65536 {
                return None;
            }
            let first = at as u16;
            while at < 65536 && self.contains(at as u16) {
                at += 1;
            }
            PortRange::new(first, (at - 1) as u16).ok()
        })
    }
}

impl FromIterator<PortRange> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortRange>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

impl From<PortRange> for PortSet {
    fn from(range: PortRange) -> Self {
        Self::from_iter([range])
    }
}

/// `4000-4010,8080`, or `none`.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut empty = true;
        for run in self.runs() {
            if !empty {
                f.write_str(",")?;
            }
            empty = false;
            write!(f, "{run}")?;
        }
        if empty { f.write_str("none") } else { Ok(()) }
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_what_was_inserted_and_not_removed() {
        let mut set = PortSet::from(PortRange::ALL);
        assert_eq!(set.to_string(), "0-65535");
        set.remove(PortRange::new(100, 200).unwrap());
        set.remove(PortRange::single(65535));
        set.remove(PortRange::single(0));
        assert_eq!(set.to_string(), "1-99,201-65534");
        assert_eq!(set.len(), 65536 - 101 - 2);
        assert!(!set.contains(100) && set.contains(99) && !set.contains(200) && set.contains(201));
    }

    #[test]
    fn the_empty_set_says_so() {
        assert_eq!(PortSet::new().to_string(), "none");
        assert!(PortSet::new().is_empty());
    }

    #[test]
    fn a_mask_covers_the_word_borders() {
        for (first, last) in [(0, 0), (63, 64), (64, 127), (1, 65535), (65535, 65535), (60, 200)] {
            let range = PortRange::new(first, last).unwrap();
            let bits: u32 = (0..WORDS).map(|i| mask(range, i).count_ones()).sum();
            assert_eq!(bits, range.len(), "{range}");
        }
    }
}
