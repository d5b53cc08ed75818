//! Programs of a session that no policy reaches.

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
