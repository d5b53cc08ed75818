//! The syntax of the registry value `ReservedPorts` (KB 812873): `FIRST-LAST`, one port as
//! `4000-4000`.

use crate::ports::PortRange;
use crate::ports::spec::{self, SpecError};

/// Reads one line of `ReservedPorts`. The registry knows no other form than `FIRST-LAST`.
///
/// # Errors
/// [`SpecError`] for anything else; ports are 1 to 65535.
pub fn reserved_range(text: &str) -> Result<PortRange, SpecError> {
    let range = spec::range(text, 0)?;
    if text.contains('-') {
        return Ok(range);
    }
    let port = range.first();
    Err(SpecError {
        part: text.trim().into(),
        at: text.len() - text.trim_start().len(),
        problem: "the registry takes FIRST-LAST, for a single port too".into(),
        remedy: format!("write {port}-{port}"),
    })
}
