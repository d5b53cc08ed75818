//! Times, for people and for programs.

use humantime::{format_duration, format_rfc3339_seconds};
use std::time::{Duration, SystemTime};

/// Time when something was that is so old, as programs read it.
pub(crate) fn moment(age: Option<Duration>) -> Option<String> {
    let then = SystemTime::now().checked_sub(age?).filter(|then| *then >= SystemTime::UNIX_EPOCH)?;
    Some(format_rfc3339_seconds(then).to_string())
}

/// Age of something, as people say it: the two largest units.
pub(crate) fn ago(age: Option<Duration>) -> String {
    let Some(age) = age else { return "?".into() };
    let exact = format_duration(Duration::from_secs(age.as_secs())).to_string();
    exact.split(' ').take(2).collect::<Vec<_>>().join(" ") + " ago"
}
