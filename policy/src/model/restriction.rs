//! Restrictions that can be asked for while programs run.

use strum::Display;

/// A restriction that can be asked for while programs run.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
#[repr(u8)]
pub enum Restriction {
    /// Never hand these ports out; a specific bind still succeeds.
    Reserve = 0,
    /// Let nobody else bind these ports.
    Block = 1,
    /// Hand none of these ports out, as if all were taken: a test's device, which no model limits.
    Exhaust = 2,
}

impl Restriction {
    /// The word for ports that it has been asked for.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Reserve => "reserved",
            Self::Block => "blocked",
            Self::Exhaust => "exhausted",
        }
    }
}
