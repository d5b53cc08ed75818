//! The variables that steer the command and its library: one list.

use crate::messages::{self, Failure};
use portshim_policy::config::{Problem, keys, nearest};
use std::borrow::Cow;
use std::env;

/// Names the policy file where `-c` does not.
pub(crate) const POLICY_FILE: &str = "PORTSHIM_POLICY_FILE";
/// Says whether a session goes by what it remembers of busy ports.
const HINT: &str = "PORTSHIM_HINT";
/// Names another library to load into programs.
pub(crate) const LIBRARY: &str = "PORTSHIM_LIB";
/// Tells the shim the policy.
pub(crate) const POLICY: &str = "PORTSHIM_POLICY";
/// Tells it where the session's region is.
pub(crate) const SESSION: &str = "PORTSHIM_SESSION";
/// Set to 1, it switches the shim off.
const DISABLE: &str = "PORTSHIM_DISABLE";

/// A variable.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) meaning: Cow<'static, str>,
    /// The commands that read it.
    pub(crate) read_by: &'static [&'static str],
    /// Set if the library reads it, in the programs that it is loaded into.
    pub(crate) in_library: bool,
    /// Set if people set it, rather than portshim alone.
    settable: bool,
}

/// The commands that work out a policy.
const WITH_POLICY: &[&str] = &["run", "show", "explain", "env", "doctor"];
/// Those that are about a live session.
const WITH_SESSION: &[&str] =
    &["status", "reserve", "unreserve", "block", "unblock", "exhaust", "only", "release", "netsh"];

const BLANK: Variable =
    Variable { name: "", meaning: Cow::Borrowed(""), read_by: WITH_POLICY, in_library: false, settable: true };

/// The variable that names the policy file, in which the keys stand.
const FILE: Variable = Variable {
    name: POLICY_FILE,
    meaning: Cow::Borrowed("Policy file, where -c names none."),
    read_by: &["run", "show", "explain", "env", "doctor", "netsh"],
    ..BLANK
};

/// The variables that set no key of the policy.
const OTHERS: [Variable; 5] = [
    Variable {
        name: HINT,
        meaning: Cow::Borrowed(
            "off: every port is tried in turn, although the session may know that it is taken. on, as without it: \
                  ports that are believed taken are tried last.",
        ),
        read_by: &["run", "env"],
        ..BLANK
    },
    Variable {
        name: LIBRARY,
        meaning: Cow::Borrowed("Library of portshim's to load, in place of the one inside the command."),
        read_by: &["run", "env", "doctor"],
        ..BLANK
    },
    Variable {
        name: POLICY,
        meaning: Cow::Borrowed("The policy in one line. run sets it, and env prints it."),
        read_by: &[],
        in_library: true,
        ..BLANK
    },
    Variable {
        name: SESSION,
        meaning: Cow::Borrowed(
            "File of the session. run sets it; a command about sessions takes it for the session that is meant.",
        ),
        read_by: WITH_SESSION,
        in_library: true,
        settable: false,
    },
    Variable {
        name: DISABLE,
        meaning: Cow::Borrowed("1 switches the library off. run warns where it is set."),
        read_by: &["run"],
        in_library: true,
        ..BLANK
    },
];

/// All variables. Whatever begins as they do, and is like one of them without being it, is warned
/// about.
pub(crate) fn variables() -> impl Iterator<Item = Variable> {
    let keys = keys::options().map(|(key, option)| {
        let several = if key.repeatable() { ": SPECs with white space between" } else { "" };
        Variable { name: option.variable, meaning: format!("Stands for {}{several}.", option.name).into(), ..BLANK }
    });
    [FILE].into_iter().chain(keys).chain(OTHERS)
}

/// Tells whether the user has switched the shim off.
pub(crate) fn is_switched_off() -> bool {
    env::var_os(DISABLE).is_some_and(|value| value == "1")
}

/// Tells whether a session shall go by what it remembers of busy ports.
pub(crate) fn hints() -> Result<bool, Failure> {
    let value = env::var_os(HINT).unwrap_or_default();
    match value.to_str().map(str::to_ascii_lowercase).as_deref() {
        Some("" | "on") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(messages::not_a_hint(HINT, &value.to_string_lossy())),
    }
}

/// The names of the variables that people set.
fn settable() -> impl Iterator<Item = &'static str> {
    variables().filter(|variable| variable.settable).map(|variable| variable.name)
}

/// Beginning of all of them.
const PREFIX: &str = "PORTSHIM_";

/// Warnings of variables whose names are slips of those that there are. Others may be anybody's:
/// Kubernetes makes some of the name of each service.
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
    if variables().any(|variable| is(variable.name)) {
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
        for known in variables() {
            assert_eq!(meant(known.name), None);
        }
        #[cfg(unix)]
        assert_eq!(meant("portshim_range"), Some(("portshim_range".to_owned(), "PORTSHIM_RANGE")));
    }
}
