//! What scripts are made of by chance: draws from lists, and kinds of slots.

/// Draws from lists.
pub(super) struct Draw(fastrand::Rng);

impl Draw {
    /// The same draws for the same number.
    pub(super) fn of(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.usize(..count)
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Some names of a call are rarer than others in real programs, but all are possible.
    pub(super) fn name(&mut self, call: &str) -> String {
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
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) group: usize,
}

impl Kind {
    pub(super) fn stream(self) -> bool {
        self.name.contains("tcp")
    }

    pub(super) fn six(self) -> bool {
        self.name.ends_with('6')
    }
}
