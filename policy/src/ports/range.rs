//! Ports and contiguous ranges of them.

use core::fmt;

/// A contiguous, inclusive, never empty range of ports, 0 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Reason why two numbers are not a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeError {
    /// The first port as given.
    pub first: u16,
    /// The last port as given, smaller than `first`.
    pub last: u16,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the range {}-{} is reversed", self.first, self.last)
    }
}

impl PortRange {
    /// Every number that the port field of a packet can hold (RFC 6335 §6 keeps 0 out of use).
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// The range from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`RangeError`] where `first` is greater than `last`.
    pub const fn new(first: u16, last: u16) -> Result<Self, RangeError> {
        if first > last { Err(RangeError { first, last }) } else { Ok(Self { first, last }) }
    }

    /// The range that holds `port` alone.
    #[must_use]
    pub const fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Number of ports it holds, 1 to 65536.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(self) -> u32 {
        self.last as u32 - self.first as u32 + 1
    }

    /// Tells whether `port` lies inside.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Tells whether all of `other` lies inside.
    #[must_use]
    pub const fn encloses(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Ports that both ranges hold, or `None` where they do not meet.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last)).ok()
    }
}

/// The ports from 1 up that none of `kept` holds, as ranges, ascending.
pub fn gaps(kept: &[PortRange]) -> impl Iterator<Item = PortRange> + Clone {
    let mut from = 1u32;
    core::iter::from_fn(move || {
        // Past every range that the place lies in, and then up to the next.
        while let Some(range) = kept.iter().find(|range| u16::try_from(from).is_ok_and(|port| range.contains(port))) {
            from = u32::from(range.last()) + 1;
        }
        let first = u16::try_from(from).ok()?;
        let next = kept.iter().map(|range| range.first()).filter(|begin| *begin > first).min();
        let last = next.map_or(u16::MAX, |next| next - 1);
        from = u32::from(last) + 1;
        PortRange::new(first, last).ok()
    })
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_is_not_kept() {
        for (kept, left) in [
            (&[][..], "1-65535"),
            (&[(0, 65535)], ""),
            (&[(1, 65535)], ""),
            (&[(20000, 20003)], "1-19999 20004-65535"),
            (&[(30, 40), (10, 20), (15, 35)], "1-9 41-65535"),
            (&[(1, 1), (65535, 65535)], "2-65534"),
            (&[(5, 5), (6, 6), (8, 8)], "1-4 7 9-65535"),
        ] {
            let kept: Vec<_> = kept.iter().map(|(first, last)| PortRange::new(*first, *last).unwrap()).collect();
            let found: Vec<_> = gaps(&kept).map(|range| range.to_string()).collect();
            assert_eq!(found.join(" "), left);
        }
    }
}
