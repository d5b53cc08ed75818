//! Words of `portshim top`.

use super::{Failure, plain};
use portshim_policy::model::Restriction;

pub(crate) const KEYS: &str = "↑↓←→ move  r,u (un)reserve  b,n (un)block  x,l exhaust,release  p pause  q quit";
pub(crate) const FOUND_NO_PORT: &str = "found no port";
pub(crate) const NAMED_A_BLOCKED_PORT: &str = "named a blocked port";

pub(crate) fn no_terminal() -> Failure {
    Failure::new("there is no terminal to draw in", "`portshim top --once` prints one picture")
}

pub(crate) fn terminal_failed(e: &std::io::Error) -> Failure {
    Failure::new(format!("the terminal cannot be drawn in: {}", plain(e)), "`portshim top --once` prints one picture")
}

/// A line that tells of requests without a port; of which session, if there are several.
pub(crate) fn happened(
    time: &str,
    session: Option<&str>,
    process: u32,
    name: &str,
    scope: &str,
    what: &str,
    times: u64,
) -> String {
    let session = session.map_or_else(String::new, |id| format!(" (session {id})"));
    let times = if times == 1 { String::new() } else { format!(" {times} times") };
    format!("{time} {scope}: {name} {process} {what}{times}{session}")
}

fn verb(act: Restriction, lift: bool) -> String {
    match (act, lift) {
        (Restriction::Exhaust, true) => "release".into(),
        (act, true) => format!("un{act}"),
        (act, false) => act.to_string(),
    }
}

/// Question that is shown while a change is typed.
pub(crate) fn asked_for(act: Restriction, lift: bool, session: &str, typed: &str) -> String {
    let such = if act == Restriction::Exhaust { "scopes, or all if none" } else { "such as 8080/tcp" };
    format!("{} in session {session} ({such}; Esc: not): {typed}_", verb(act, lift))
}

/// Word that a change has been made.
pub(crate) fn changed(act: Restriction, lift: bool, what: &str) -> String {
    let what = match (act, lift) {
        (Restriction::Exhaust, true) => "what was exhausted in the session",
        (Restriction::Exhaust, false) if what.trim().is_empty() => "all scopes",
        _ => what.trim(),
    };
    format!("{}ed {what}", verb(act, lift).trim_end_matches('e'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fit_the_narrowest_screen() {
        assert!(KEYS.chars().count() <= 80, "{}", KEYS.chars().count());
    }
}
