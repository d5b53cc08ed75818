//! Addresses that code jumps to, near some places in it.
//!
//! Where instructions begin, nobody need know: every byte that may begin a jump is taken to. So
//! some are found to be jumped to that are not, and none is missed that is jumped to by its
//! distance. What a table leads to is not seen.

use memchr::memchr3_iter;
use std::collections::HashSet;
use std::ops::Range;

/// Only what is so near is of interest to [`Targets`], and what is in pieces of this length to
/// others.
const NEAR: usize = 64;
pub(super) const PIECE: usize = 2048;

/// The jumps and calls that code may have to around some places in it.
pub(super) struct Jumps(Vec<(usize, usize)>);

impl Jumps {
    /// Those to the pieces of [`PIECE`] bytes that hold one of `places`, and to those beside them.
    /// The code is looked through once.
    pub(super) fn around(places: &[usize], code: &[u8]) -> Self {
        let pieces = Pieces::around(places, code, PIECE);
        let all = if places.is_empty() { &[] } else { code };
        let far = memchr3_iter(0xe8, 0xe9, 0x0f, all).filter_map(|at| Some((at, far(code, at)?)));
        let far = far.filter(|(_, to)| pieces.hold(*to));
        let short = pieces.marked().flat_map(|piece| {
            let from = piece.start.saturating_sub(REACH)..(piece.end + REACH).min(code.len());
            let into = from.filter_map(|at| Some((at, short(code, at)?)));
            into.filter(move |(_, to)| piece.contains(to))
        });
        Self(far.chain(short).collect())
    }

    /// Those to `pieces`: where each begins, and the place that it leads to.
    pub(super) fn to(&self, pieces: &Pieces) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().copied().filter(|(_, to)| pieces.hold(*to))
    }
}

/// Addresses near the places that were asked for.
pub(super) struct Targets(HashSet<u64>);

impl Targets {
    /// Those near `places` in `code`, which is at `base` and has these `jumps`.
    pub(super) fn near(places: &[usize], code: &[u8], base: u64, jumps: &Jumps) -> Self {
        let near = Pieces::around(places, code, NEAR);
        Self(jumps.to(&near).map(|(_, to)| base + to as u64).collect())
    }

    pub(super) fn contains(&self, address: u64) -> bool {
        self.0.contains(&address)
    }
}

/// Pieces of code, all of one length, of which some are of interest.
pub(super) struct Pieces {
    len: usize,
    marks: Vec<bool>,
}

impl Pieces {
    /// Of interest are those that hold one of `places`, and those beside them.
    pub(super) fn around(places: &[usize], code: &[u8], len: usize) -> Self {
        let mut marks = vec![false; code.len() / len + 1];
        for place in places {
            let piece = place / len;
            marks.iter_mut().take(piece + 2).skip(piece.saturating_sub(1)).for_each(|mark| *mark = true);
        }
        Self { len, marks }
    }

    /// Tells whether this place is of interest.
    pub(super) fn hold(&self, place: usize) -> bool {
        self.marks.get(place / self.len) == Some(&true)
    }

    /// The places of those that are of interest.
    fn marked(&self) -> impl Iterator<Item = Range<usize>> {
        let marked = self.marks.iter().enumerate().filter(|(_, mark)| **mark);
        marked.map(|(piece, _)| piece * self.len..(piece + 1) * self.len)
    }
}

/// A short jump leads no farther, in both directions.
const REACH: usize = 130;

/// Place that a jump or call at `at` leads to by a distance of four bytes, if one begins there.
fn far(code: &[u8], at: usize) -> Option<usize> {
    let distance = match code[at] {
        // call, jmp
        0xe8 | 0xe9 => at + 1,
        // jcc
        0x0f if code.get(at + 1)? & 0xf0 == 0x80 => at + 2,
        _ => return None,
    };
    let value = i32::from_le_bytes(*code.get(distance..)?.first_chunk()?);
    (distance + size_of::<i32>()).checked_add_signed(value as isize)
}

/// The same by a distance of one byte: jcc, loop, jrcxz, jmp.
fn short(code: &[u8], at: usize) -> Option<usize> {
    let jumps = matches!(code[at], 0x70..=0x7f | 0xe0..=0xe3 | 0xeb);
    let distance = isize::from(code.get(at + 1).filter(|_| jumps)?.cast_signed());
    (at + 2).checked_add_signed(distance)
}

#[cfg(test)]
mod tests;
