//! No jump is missed, and none is found twice, wherever pieces begin.

use super::*;

/// Bytes that hold many jumps, far ones and short ones, and follow each other at random.
fn code(len: usize) -> Vec<u8> {
    const BYTES: [u8; 16] = [0xe8, 0xe9, 0x0f, 0x84, 0x74, 0x7f, 0xe3, 0xeb, 0, 0, 0, 1, 0x10, 0x80, 0xff, 0xff];
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        BYTES[(state >> 28) as usize]
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn every_byte_is_taken_to_begin_a_jump() {
    let code = code(5 * PIECE + 100);
    for places in [&[][..], &[0], &[PIECE], &[3 * PIECE - 1, 3 * PIECE], &[5 * PIECE + 99]] {
        let near = Pieces::around(places, &code, PIECE);
        let of = |at: usize| [far(&code, at), short(&code, at)].into_iter().flatten().map(move |to| (at, to));
        let mut expected: Vec<_> = (0..code.len()).flat_map(of).filter(|(_, to)| near.hold(*to)).collect();
        let mut found: Vec<_> = Jumps::around(places, &code).to(&near).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{places:?}");
        assert_eq!(found.is_empty(), places.is_empty());
    }
}
