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
    /// The Windows session that it is in, such as the desktop's or that of services: nowhere else
    /// its memory has a name.
    pub(in super::super) station: u32,
}

impl Name {
    /// Tells whether it is surely over, asked in the Windows session `here`, where `has_memory`
    /// tells whether its memory is there. Of one in another Windows session nothing is known here
    /// but whether the system has begun since, at `boot`.
    pub(in super::super) fn is_over(&self, here: u32, boot: u64, has_memory: impl FnOnce() -> bool) -> bool {
        if self.station == here { !has_memory() } else { self.created < boot }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { maker, created, random, station } = self;
        write!(f, "{PREFIX}{maker}-{created:x}-{random:016x}-{station}")
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(())?.split('-');
        let mut part = || parts.next().ok_or(());
        let number = |text| u64::from_str_radix(text, 16).map_err(drop);
        let name = Self {
            maker: part()?.parse().map_err(drop)?,
            created: number(part()?)?,
            random: number(part()?)?,
            station: part()?.parse().map_err(drop)?,
        };
        if parts.next().is_none() { Ok(name) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let name = Name { maker: 4711, created: 0x1dd_7a73_01c3_6710, random: 0xa3aa, station: 2 };
        assert_eq!(name.to_string(), "portshim-session-4711-1dd7a7301c36710-000000000000a3aa-2");
        assert_eq!(name.to_string().parse(), Ok(name));
        for other in [
            "",
            "portshim-session-",
            "portshim-session-1-2-3",
            "portshim-session-1-2-3-4-5",
            "portshim-session-x-2-3-4",
            "portshim-session-4294967296-2-3-4",
            "session-1-2-3-4",
        ] {
            assert_eq!(other.parse::<Name>(), Err(()), "{other}");
        }
    }

    #[test]
    fn only_of_its_own_windows_session_a_session_is_known_to_be_over() {
        let name = Name { maker: 1, created: 100, random: 3, station: 2 };
        for (here, boot, has_memory, over) in [
            (2, 50, true, false),
            (2, 50, false, true),
            // In that of services, say, there is no memory of this name.
            (0, 50, false, false),
            (0, 101, false, true),
        ] {
            assert_eq!(name.is_over(here, boot, || has_memory), over, "{here} {boot} {has_memory}");
        }
    }
}
