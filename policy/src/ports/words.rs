//! The words of a set of ports: one bit for each of the 65,536.

use super::range::PortRange;

/// Words of 64 bits in a set.
pub(crate) const WORDS: usize = 1024;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_covers_the_word_borders() {
        for (first, last) in [(0, 0), (63, 64), (64, 127), (1, 65535), (65535, 65535), (60, 200)] {
            let range = PortRange::new(first, last).unwrap();
            let bits: u32 = (0..WORDS).map(|i| mask(range, i).count_ones()).sum();
            assert_eq!(bits, range.len(), "{range}");
        }
    }
}
