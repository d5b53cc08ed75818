//! Reason why a command line is not carried out.

use crate::ports::spec::SpecError;
use core::fmt;

/// Reason why a command line is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// It cannot be read as a command about ports.
    Unreadable(SpecError),
    /// It can, and Windows refuses what it asks for, as [`INCORRECT`](super::INCORRECT).
    Incorrect(SpecError),
}

impl CommandError {
    /// Mistake, and its place.
    #[must_use]
    pub const fn fault(&self) -> &SpecError {
        match self {
            Self::Unreadable(e) | Self::Incorrect(e) => e,
        }
    }
}

impl From<SpecError> for CommandError {
    fn from(e: SpecError) -> Self {
        Self::Unreadable(e)
    }
}

impl From<CommandError> for SpecError {
    fn from(e: CommandError) -> Self {
        match e {
            CommandError::Unreadable(e) | CommandError::Incorrect(e) => e,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault().fmt(f)
    }
}
