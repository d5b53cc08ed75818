//! Names that users give sessions.

use crate::messages::{self, Failure};
use crate::platform::LiveSession;
use portshim_policy::region::{CALLED, Region};

/// The name that a session was given, as far as it can be read.
pub(super) fn named(session: &LiveSession) -> Option<String> {
    name_in(&*session.snapshot().ok()?)
}

/// The name that stands in a region.
pub(super) fn name_in(region: &Region) -> Option<String> {
    let name = region.header.called();
    let name = String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    (!name.is_empty()).then_some(name)
}

/// Refuses a name that a session cannot have: one that is too long, would not stand alone in a
/// table, or could be a process's number.
pub(super) fn nameable(name: &str) -> Result<(), Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let can = (1..=CALLED).contains(&name.len()) && name.bytes().all(is_plain) && !is_number && !name.starts_with('-');
    if can { Ok(()) } else { Err(messages::no_name(name, CALLED)) }
}
