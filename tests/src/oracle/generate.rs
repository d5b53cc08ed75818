//! Writes random scripts whose outcome the kernel does not leave to chance, so that two transcripts
//! of one script can be compared line by line. Which *port* comes of a wildcard bind is chance; a
//! transcript shows only its class.

mod draw;
mod filled;
mod roomy;
mod shared;
mod wild;

use super::Case;
use draw::Draw;

/// The script of that number under that policy: the same one each time.
#[must_use]
pub fn sequence(case: &Case, seed: u64) -> Vec<String> {
    let mut draw = Draw::of(seed ^ 0x9e37_79b9_7f4a_7c15);
    if case.count() == 1 {
        return wild::script(&mut draw, case);
    }
    match draw.below(4) {
        0 => filled::script(&mut draw, case),
        1 => shared::script(&mut draw, case),
        _ => roomy::script(&mut draw, case),
    }
}
