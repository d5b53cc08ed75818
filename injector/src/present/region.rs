//! What a session's region tells, in words: programs that no policy reaches, the most sockets at
//! once, scopes that a sandbox cut off.

use super::text::one_line;
use portshim_policy::region::{NAME, Region};
use serde::Serialize;

/// Programs that were executed where no policy reaches.
#[derive(Serialize)]
pub(crate) struct Outside {
    /// Number of them.
    programs: u64,
    /// The name of the last, cut to 16 bytes.
    last: String,
}

impl Outside {
    /// Those of a session; `None` where there are none.
    pub(crate) fn of(region: &Region) -> Option<Self> {
        let (programs, name) = region.header.outside();
        let last = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
        (programs > 0).then_some(Self { programs, last })
    }

    /// A line that tells of them.
    pub(crate) fn line(&self) -> String {
        let programs = if self.programs == 1 { "1 program".to_owned() } else { format!("{} programs", self.programs) };
        let last = one_line(&self.last, NAME);
        format!("not covered: {programs}, the last `{last}`; `portshim doctor PROGRAM` says why\n")
    }
}

/// The peak that was counted, where anybody could count.
pub(crate) fn peak(region: &Region, counted: u32) -> Option<u32> {
    (!region.header.is_supervised()).then_some(counted)
}

/// A number, or what stands in its place in a table.
pub(crate) fn or_dash(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// A line that tells how many requests of each scope a sandbox kept from being served; none where
/// there are none.
pub(crate) fn uncovered(gap: &str, scopes: impl Iterator<Item = (&'static str, u32)>) -> String {
    let told: Vec<_> =
        scopes.filter(|(_, count)| *count > 0).map(|(scope, count)| format!("{scope} {count}")).collect();
    if told.is_empty() { String::new() } else { format!("{gap}not covered since a sandbox: {}\n", told.join("  ")) }
}
