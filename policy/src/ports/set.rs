//! A set of ports: one bit for each of the 65,536.

use super::range::PortRange;
use super::words::{WORDS, mask};
use alloc::sync::Arc;
use core::fmt;
#[cfg(feature = "text")]
use core::ops::Range;

/// A set of ports, 8 KiB, or nothing as long as nothing was added. Cheap to ask and to combine. A
/// copy shares the words with the original until one of them changes.
#[derive(Clone, Default)]
pub struct PortSet {
    words: Option<Arc<[u64; WORDS]>>,
}

static NONE: [u64; WORDS] = [0; WORDS];

impl PartialEq for PortSet {
    fn eq(&self, other: &Self) -> bool {
        match (&self.words, &other.words) {
            (None, None) => true,
            _ => self.words() == other.words(),
        }
    }
}

impl Eq for PortSet {}

impl PortSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every port of `range`.
    pub fn insert(&mut self, range: PortRange) {
        let words = self.own().iter_mut().enumerate();
        for (index, word) in words.take(usize::from(range.last() / 64) + 1).skip(usize::from(range.first() / 64)) {
            *word |= mask(range, index);
        }
    }

    /// Removes every port of `range`.
    pub fn remove(&mut self, range: PortRange) {
        let Some(words) = self.words.as_mut().map(Arc::make_mut) else { return };
        let words = words.iter_mut().enumerate();
        for (index, word) in words.take(usize::from(range.last() / 64) + 1).skip(usize::from(range.first() / 64)) {
            *word &= !mask(range, index);
        }
    }

    /// Adds every port of `other`.
    pub fn union(&mut self, other: &Self) {
        let Some(theirs) = &other.words else { return };
        let words = self.own();
        for (word, theirs) in words.iter_mut().zip(theirs.iter()) {
            *word |= theirs;
        }
    }

    /// Removes every port of `other`.
    pub fn subtract(&mut self, other: &Self) {
        let (Some(words), Some(theirs)) = (&mut self.words, &other.words) else { return };
        for (word, theirs) in Arc::make_mut(words).iter_mut().zip(theirs.iter()) {
            *word &= !theirs;
        }
    }

    fn own(&mut self) -> &mut [u64; WORDS] {
        Arc::make_mut(self.words.get_or_insert_with(|| Arc::new(NONE)))
    }

    /// Tells whether `port` is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.words()[usize::from(port / 64)] >> (port % 64) & 1 == 1
    }

    /// Number of ports it holds.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.words().iter().map(|w| w.count_ones()).sum()
    }

    /// Tells whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.as_ref().is_none_or(|words| words.iter().all(|w| *w == 0))
    }

    /// Its words, the bit of port `p` at word `p / 64`, bit `p % 64`.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        self.words.as_deref().map_or(&NONE[..], |words| &words[..])
    }

    /// Its runs: the longest contiguous ranges, ascending.
    pub fn runs(&self) -> impl Iterator<Item = PortRange> + '_ {
        let words = self.words();
        // The first port from `at` on that is a member, or is none.
        let next = move |mut at: u32, member: bool| {
            while let Some(word) = words.get((at / 64) as usize) {
                let sought = if member { *word } else { !word } >> (at % 64);
                if sought != 0 {
                    return at + sought.trailing_zeros();
                }
                at = (at / 64 + 1) * 64;
            }
            at
        };
        let mut at = if self.words.is_none() { 65536 } else { 0 };
        core::iter::from_fn(move || {
            let first = next(at, true);
            at = next(first, false);
            PortRange::new(u16::try_from(first).ok()?, (at - 1) as u16).ok()
        })
    }
}

#[cfg(feature = "text")]
impl PortSet {
    /// From the first of its words that holds a port to the last one.
    fn used_words(&self) -> Range<usize> {
        let Some(words) = &self.words else { return 0..0 };
        let first = words.iter().position(|word| *word != 0);
        let last = words.iter().rposition(|word| *word != 0);
        first.unwrap_or(0)..last.map_or(0, |last| last + 1)
    }

    /// The whole of it as one range, where it is one.
    pub(crate) fn as_range(&self) -> Option<PortRange> {
        let used = self.used_words();
        let words = self.words();
        let (low, high) = (used.start, used.end.checked_sub(1)?);
        let first = low * 64 + words[low].trailing_zeros() as usize;
        let last = high * 64 + 63 - words[high].leading_zeros() as usize;
        let range = PortRange::new(first as u16, last as u16).ok()?;
        let inner = words.get(low + 1..high).unwrap_or_default();
        let whole =
            [low, high].iter().all(|end| words[*end] == mask(range, *end)) && inner.iter().all(|w| *w == u64::MAX);
        whole.then_some(range)
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
        let mut emptied = PortSet::from(PortRange::ALL);
        emptied.remove(PortRange::ALL);
        for set in [PortSet::new(), emptied] {
            assert_eq!((set.to_string().as_str(), set.len(), set.is_empty()), ("none", 0, true));
            assert_eq!(set, PortSet::new());
            assert_ne!(set, PortSet::from(PortRange::single(80)));
        }
    }

    #[test]
    fn sets_combine_whatever_was_added_to_them() {
        let (none, some) = (PortSet::new(), PortSet::from(PortRange::single(80)));
        for (one, other, union, rest) in [
            (&none, &none, "none", "none"),
            (&none, &some, "80", "none"),
            (&some, &none, "80", "80"),
            (&some, &some, "80", "none"),
        ] {
            let (mut sum, mut difference) = (one.clone(), one.clone());
            sum.union(other);
            difference.subtract(other);
            assert_eq!((sum.to_string().as_str(), difference.to_string().as_str()), (union, rest), "{one:?} {other:?}");
        }
    }
}
