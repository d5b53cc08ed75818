//! Beliefs that a session begins with about ports, and whether it goes by them.

use crate::environment::HINT;
use crate::messages::{self, Failure};
use portshim_policy::entropy::mix;
use portshim_policy::region::Region;

/// Words of 64 ports.
const WORDS: usize = 1024;

/// Beliefs that a session begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// It believes nothing yet, and learns.
    Learn,
    /// It never believes anything.
    Off,
    /// It believes that all ports are taken: wrong on purpose.
    All,
    /// It believes that of every other port, by chance: wrong on purpose.
    Random,
}

impl Hint {
    /// Reads what the user wishes.
    pub(crate) fn wished() -> Result<Self, Failure> {
        let value = std::env::var_os(HINT).unwrap_or_default();
        match value.to_str().map(str::to_ascii_lowercase).as_deref() {
            Some("" | "on") => Ok(Self::Learn),
            Some("off") => Ok(Self::Off),
            Some("all") => Ok(Self::All),
            Some("random") => Ok(Self::Random),
            _ => Err(messages::not_a_hint(HINT, &value.to_string_lossy())),
        }
    }

    /// Tells whether it goes by what it believes.
    pub(crate) fn is_on(self) -> bool {
        self != Self::Off
    }

    /// Lays it down in a new region.
    pub(crate) fn lay(self, region: &Region) {
        match self {
            Self::Learn => {}
            Self::Off => region.switch_hints_off(),
            Self::All => (0..WORDS).for_each(|index| region.believe(index, u64::MAX)),
            Self::Random => (0..WORDS).for_each(|index| region.believe(index, mix(index as u64))),
        }
    }
}
