//! Restrictions that can be asked for while programs run.

/// A restriction that can be asked for while programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Restriction {
    /// Never hand these ports out; a specific bind still succeeds.
    Reserve = 0,
    /// Let nobody else bind these ports.
    Block = 1,
}
