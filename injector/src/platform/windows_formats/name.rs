//! The names of sessions.

use std::fmt;
use std::str::FromStr;

/// They begin so.
const PREFIX: &str = "portshim-session-";

/// Name of a session: whose it is, since when, and what nobody guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Name {
    /// The process that made it.
    pub(in super::super) maker: u32,
    /// Time when that was, as processes' beginnings are told.
    pub(in super::super) created: u64,
    /// Unpredictable bits.
    pub(in super::super) random: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { maker, created, random } = self;
        write!(f, "{PREFIX}{maker}-{created:x}-{random:016x}")
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(())?.split('-');
        let mut part = || parts.next().ok_or(());
        let number = |text| u64::from_str_radix(text, 16).map_err(drop);
        let name = Self { maker: part()?.parse().map_err(drop)?, created: number(part()?)?, random: number(part()?)? };
        if parts.next().is_none() { Ok(name) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = Name { maker: 4711, created: 0x1dd_7a73_01c3_6710, random: 0xa3aa };
        assert_eq!(name.to_string(), "portshim-session-4711-1dd7a7301c36710-000000000000a3aa");
        assert_eq!(name.to_string().parse(), Ok(name));
        for other in [
            "",
            "portshim-session-",
            "portshim-session-1-2",
            "portshim-session-1-2-3-4",
            "portshim-session-x-2-3",
            "portshim-session-4294967296-2-3",
            "session-1-2-3",
        ] {
            assert_eq!(other.parse::<Name>(), Err(()), "{other}");
        }
    }
}
