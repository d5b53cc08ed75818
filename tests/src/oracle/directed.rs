//! Scripts written by hand: the tables of what the kernel does, row by row.

/// One script, for every policy.
pub struct Directed {
    /// What it shows.
    pub name: &'static str,
    /// The script.
    pub lines: &'static str,
}

/// All of them.
pub const DIRECTED: [Directed; 0] = [];
