//! The variables that the command reads, and those that tell the shim the policy.

use crate::messages;
use portshim_policy::text::{Problem, Setting, nearest};
use std::env;

/// Names the policy file where `-c` does not.
pub(crate) const POLICY_FILE: &str = "PORTSHIM_POLICY_FILE";
/// Says whether a session goes by what it believes of ports.
pub(crate) const HINT: &str = "PORTSHIM_HINT";
/// Names another library to load into programs.
pub(crate) const LIBRARY: &str = "PORTSHIM_LIB";
/// Tells the shim the policy.
pub(crate) const POLICY: &str = "PORTSHIM_POLICY";
/// Tells it where the session's region is.
pub(crate) const SESSION: &str = "PORTSHIM_SESSION";
/// Set to 1, it switches the shim off.
const DISABLE: &str = "PORTSHIM_DISABLE";

/// Whether the user has switched the shim off.
pub(crate) fn is_switched_off() -> bool {
    env::var_os(DISABLE).is_some_and(|value| value == "1")
}

/// The variables that people set.
fn settable() -> impl Iterator<Item = &'static str> {
    Setting::ALL.into_iter().map(Setting::variable).chain([POLICY_FILE, HINT, LIBRARY, POLICY, DISABLE])
}

/// What all of them begin with.
const PREFIX: &str = "PORTSHIM_";

/// Warnings of variables whose names are slips of those that there are. Others may be anybody's: Kubernetes makes some
/// of the name of each service.
pub(crate) fn misspelt() -> Vec<Problem> {
    let mut names: Vec<_> = env::vars_os().filter_map(|(name, _)| meant(name.to_str()?)).collect();
    names.sort();
    names.into_iter().map(|(name, meant)| messages::misspelt_variable(&name, meant)).collect()
}

/// The variable that a name is a slip of, with that name.
fn meant(name: &str) -> Option<(String, &'static str)> {
    let rest =
        name.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX)).map(|_| &name[PREFIX.len()..])?;
    // Windows tells them apart no more than it does names of files.
    let is = |known: &str| if cfg!(windows) { known.eq_ignore_ascii_case(name) } else { known == name };
    if settable().chain([SESSION]).any(is) {
        return None;
    }
    let words: Vec<_> = settable().filter_map(|known| known.strip_prefix(PREFIX)).collect();
    let word = nearest(&rest.to_ascii_uppercase(), &words)?;
    Some((name.to_owned(), settable().find(|known| known.strip_prefix(PREFIX) == Some(word))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_what_is_known_and_what_is_not_ours() {
        for (name, other) in [
            ("PORTSHIM_RNAGE", Some("PORTSHIM_RANGE")),
            ("PORTSHIM_RANGES", Some("PORTSHIM_RANGE")),
            ("PORTSHIM_RESERVED", Some("PORTSHIM_RESERVE")),
            ("PORTSHIM_POLICYFILE", Some("PORTSHIM_POLICY_FILE")),
            ("PORTSHIM_MAXUSERPORT", Some("PORTSHIM_MAX_USER_PORT")),
            ("PORTSHIM_SERVICE_HOST", None),
            ("PORTSHIM_PORT_80_TCP", None),
            ("PORTSHIM_VERSION", None),
            ("PORTSHIM_", None),
            ("RANGE", None),
        ] {
            assert_eq!(meant(name), other.map(|other| (name.to_owned(), other)), "{name}");
        }
        for known in settable().chain([SESSION]) {
            assert_eq!(meant(known), None);
        }
        #[cfg(unix)]
        assert_eq!(meant("portshim_range"), Some(("portshim_range".to_owned(), "PORTSHIM_RANGE")));
    }
}
