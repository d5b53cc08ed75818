//! Writes random scripts whose outcome the kernel does not leave to chance, so that two transcripts of
//! one script can be compared line by line. Which *port* comes of a wildcard bind is chance; a transcript
//! shows only its class.

mod filled;
mod roomy;
mod shared;
mod wild;

use super::Case;

/// The script of that number under that policy: the same one each time.
#[must_use]
pub fn sequence(case: &Case, seed: u64) -> Vec<String> {
    let mut draw = Draw(fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15));
    if case.count() == 1 {
        return wild::script(&mut draw, case);
    }
    match draw.below(4) {
        0 => filled::script(&mut draw, case),
        1 => shared::script(&mut draw, case),
        _ => roomy::script(&mut draw, case),
    }
}

/// Draws from lists.
struct Draw(fastrand::Rng);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0.usize(..count)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Some names of a call are rarer than others in real programs, but all are possible.
    fn name(&mut self, call: &str) -> String {
        let twin = matches!(call, "connect" | "send");
        let plain = matches!(call, "write" | "writev");
        match self.below(6) {
            0 if !plain && call != "send" => format!("{call}/sys"),
            1 if twin => format!("{call}/twin"),
            _ => call.into(),
        }
    }
}

/// What the generator knows of a slot without knowing what came of any call.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    group: usize,
}

impl Kind {
    fn stream(self) -> bool {
        self.name.contains("tcp")
    }

    fn six(self) -> bool {
        self.name.ends_with('6')
    }
}
