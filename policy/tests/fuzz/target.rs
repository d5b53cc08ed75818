//! Target of fuzzing: a check, and the inputs that it begins with.

/// One parser or reader, with a check that panics where something is wrong.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// The folders of the corpus, from the folder of `portshim-policy` on.
    pub(crate) folders: &'static [&'static str],
    /// Words that are put into inputs now and then.
    pub(crate) words: &'static [&'static str],
    /// Number of inputs of other targets take as long as one of this.
    pub(crate) cost: u32,
    pub(crate) check: fn(&[u8]),
}
