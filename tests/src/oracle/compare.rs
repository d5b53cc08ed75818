//! Compares two transcripts of one script.

use super::{ALLOWANCES, Case, Divergence};

/// The first divergence that no allowance covers; `used` is told the names of those that covered
/// one.
///
/// # Errors
/// That divergence.
pub fn compare(
    case: &Case,
    native: &str,
    portshim: &str,
    mut used: impl FnMut(&'static str),
) -> Result<(), Divergence> {
    let (mut left, mut right) = (native.lines(), portshim.lines());
    let mut before = Vec::new();
    loop {
        let (native, portshim) = match (left.next(), right.next()) {
            (None, None) => return Ok(()),
            (native, portshim) => (native.unwrap_or("(ended)"), portshim.unwrap_or("(ended)")),
        };
        let past = before.len();
        before.push(native.to_owned());
        if native == portshim {
            continue;
        }
        let (call, native) = native.split_once(" => ").unwrap_or((native, ""));
        let (other, portshim) = portshim.split_once(" => ").unwrap_or((portshim, ""));
        let divergence = Divergence {
            before: before[..past].to_vec(),
            call: call.into(),
            native: native.into(),
            portshim: portshim.into(),
        };
        let allowance = ALLOWANCES.iter().find(|a| call == other && (a.covers)(case, &divergence));
        used(allowance.ok_or(divergence)?.name);
    }
}
