//! Times, for people and for programs.

use humantime::{format_duration, format_rfc3339_seconds};
use std::time::{Duration, SystemTime};

/// Time when something was that is so old, as programs read it.
pub(crate) fn moment(age: Option<Duration>) -> Option<String> {
    let then = SystemTime::now().checked_sub(age?).filter(|then| *then >= SystemTime::UNIX_EPOCH)?;
    Some(format_rfc3339_seconds(then).to_string())
}

/// Time when something will be, as programs read it.
pub(crate) fn moment_in(left: Duration) -> Option<String> {
    Some(format_rfc3339_seconds(SystemTime::now().checked_add(left)?).to_string())
}

/// Length of a time that something takes yet, as people say it: in seconds, begun ones included.
pub(crate) fn for_a_while(left: Duration) -> String {
    format_duration(Duration::from_secs(left.as_millis().div_ceil(1000) as u64)).to_string()
}

/// Time of day, in UTC as all times here.
pub(crate) fn clock() -> String {
    let now = format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').nth(1).unwrap_or_default().to_owned()
}

/// Age of something, as people say it: the two largest units.
pub(crate) fn ago(age: Option<Duration>) -> String {
    let Some(age) = age else { return "?".into() };
    let exact = format_duration(Duration::from_secs(age.as_secs())).to_string();
    exact.split(' ').take(2).collect::<Vec<_>>().join(" ") + " ago"
}
