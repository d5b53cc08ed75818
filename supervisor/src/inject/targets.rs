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
        let mut found = HashSet::new();
        let mut jumps_to = |place: Option<usize>| {
            if let Some(place) = place
                && marks.get(place / NEAR).copied().unwrap_or(false)
            {
                found.insert(base + place as u64);
            }
        };
        for (at, byte) in code.iter().enumerate() {
            match byte {
                // call, jmp
                0xe8 | 0xe9 => jumps_to(far(code, at + 1)),
                // jcc
                0x0f if code.get(at + 1).is_some_and(|byte| byte & 0xf0 == 0x80) => jumps_to(far(code, at + 2)),
                // jcc, loop, jrcxz, jmp
                0x70..=0x7f | 0xe0..=0xe3 | 0xeb => {
                    let distance = code.get(at + 1).map(|byte| isize::from(byte.cast_signed()));
                    jumps_to(distance.and_then(|distance| (at + 2).checked_add_signed(distance)));
                }
                _ => {}
            }
        }
        Self(found)
    }

    pub(super) fn contains(&self, address: u64) -> bool {
        self.0.contains(&address)
    }
}

/// Place that the distance at `at` leads to.
fn far(code: &[u8], at: usize) -> Option<usize> {
    let distance = i32::from_le_bytes(*code.get(at..)?.first_chunk()?);
    (at + size_of::<i32>()).checked_add_signed(distance as isize)
}
