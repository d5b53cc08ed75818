//! Times that commands take.

use crate::messages::{self, Failure};
use std::time::Duration;

/// A time such as `30s`, `500ms` or `1h 30m`; a number alone counts seconds.
pub(super) fn duration(text: &str) -> Result<Duration, Failure> {
    let seconds = text.parse().map(Duration::from_secs);
    let time = seconds.or_else(|_| humantime::parse_duration(text)).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| messages::no_time(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_or_are_seconds() {
        for (text, milliseconds) in [("30s", 30_000), ("500ms", 500), ("1h 30m", 5_400_000), ("7", 7000)] {
            assert_eq!(duration(text).ok(), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "0", "0s", "soon", "-1", "5 parsecs"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
