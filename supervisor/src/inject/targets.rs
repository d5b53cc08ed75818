//! Addresses that code jumps to, near some places in it.
//!
//! Where instructions begin, nobody need know: every byte that may begin a jump is taken to. So
//! some are found to be jumped to that are not, and none is missed that is jumped to by its
//! distance. What a table leads to is not seen.

use std::collections::HashSet;

/// Only what is so near is of interest.
const NEAR: usize = 64;

/// Addresses near the places that were asked for.
pub(super) struct Targets(HashSet<u64>);

impl Targets {
    /// Those near `places` in `code`, which is at `base`.
    pub(super) fn near(places: &[usize], code: &[u8], base: u64) -> Self {
        // A mark for each piece of the code.
        let mut marks = vec![false; code.len() / NEAR + 1];
        for place in places {
            let piece = place / NEAR;
            let around = marks.iter_mut().take(piece + 2).skip(piece.saturating_sub(1));
            around.for_each(|mark| *mark = true);
        }
        let near = jumps(code).filter(|(_, to)| marks.get(to / NEAR) == Some(&true));
        Self(near.map(|(_, to)| base + to as u64).collect())
    }

    pub(super) fn contains(&self, address: u64) -> bool {
        self.0.contains(&address)
    }
}

/// The jumps and calls that code may have: where each begins, and the place that it leads to.
pub(super) fn jumps(code: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let to = |at: usize| match code[at] {
        // call, jmp
        0xe8 | 0xe9 => far(code, at + 1),
        // jcc
        0x0f if code.get(at + 1).is_some_and(|byte| byte & 0xf0 == 0x80) => far(code, at + 2),
        // jcc, loop, jrcxz, jmp
        0x70..=0x7f | 0xe0..=0xe3 | 0xeb => (at + 2).checked_add_signed(isize::from(code.get(at + 1)?.cast_signed())),
        _ => None,
    };
    (0..code.len()).filter_map(move |at| Some((at, to(at)?)))
}

/// Place that the distance at `at` leads to.
fn far(code: &[u8], at: usize) -> Option<usize> {
    let distance = i32::from_le_bytes(*code.get(at..)?.first_chunk()?);
    (at + size_of::<i32>()).checked_add_signed(distance as isize)
}
