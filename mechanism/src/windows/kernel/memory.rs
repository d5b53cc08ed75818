//! Memory that is shared.

/// The memory of a session is taken as a whole, when it is made.
pub const fn can_write_at(_at: usize) -> bool {
    true
}
