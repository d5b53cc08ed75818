//! The variables that the command reads, and those that tell the shim the policy.

use crate::coverage::Adjustment;
use crate::{platform, wording};
use portshim_policy::config::{Problem, Setting, nearest};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

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
    names.into_iter().map(|(name, meant)| wording::misspelt_variable(&name, meant)).collect()
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

/// What a program's environment holds for the shim.
pub(crate) struct Environment {
    /// The library; none where the program would not even begin with it.
    pub(crate) library: Option<PathBuf>,
    /// The policy in its wire form, where it fits.
    pub(crate) policy: Option<String>,
    /// The file that stands for the session, where there is one.
    pub(crate) session: Option<PathBuf>,
    /// Additions that the program needs.
    pub(crate) adjustments: Vec<Adjustment>,
}

impl Environment {
    /// Puts it into this process's own environment, which the program will inherit.
    pub(crate) fn assume(&self) {
        let session = self.session.as_deref().map(platform::session_variable);
        let mut changes = vec![(POLICY, self.policy.as_ref().map(OsString::from)), (SESSION, session)];
        let loading = self.library.as_deref().and_then(platform::loading);
        changes.extend(loading.map(|(name, value)| (name, Some(value))));
        for addition in &self.adjustments {
            changes.push((addition.variable, Some(appended(addition, env::var_os(addition.variable)))));
        }
        for (name, value) in changes {
            match value {
                // SAFETY: on Linux this process has one thread, so nobody else reads the environment; Windows guards
                // its own against threads that change it at once.
                Some(value) => unsafe { env::set_var(name, value) },
                // SAFETY: as above. What an outer session left there is not this one's.
                None => unsafe { env::remove_var(name) },
            }
        }
    }
}

fn appended(addition: &Adjustment, before: Option<OsString>) -> OsString {
    let mut value = before.unwrap_or_default();
    if !value.is_empty() {
        value.push(addition.separator);
    }
    value.push(addition.value);
    value
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
