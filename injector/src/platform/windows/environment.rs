//! The variables that tell the shim the policy.

use crate::coverage::Adjustment;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Tells the shim the policy.
pub(super) const POLICY: &str = "PORTSHIM_POLICY";
const SESSION: &str = "PORTSHIM_SESSION";
/// Set to 1, it switches the shim off.
const DISABLE: &str = "PORTSHIM_DISABLE";

/// Whether the user has switched the shim off.
pub(crate) fn is_switched_off() -> bool {
    env::var_os(DISABLE).is_some_and(|value| value == "1")
}

/// What a program's environment holds for the shim.
pub(crate) struct Environment {
    /// The library, which is loaded into the program; its environment does not name it.
    pub(crate) library: PathBuf,
    /// The policy in its wire form, where it fits.
    pub(crate) policy: Option<String>,
    /// The session's marker, which has the name of its region, where there is a session.
    pub(crate) session: Option<PathBuf>,
    /// Additions that the program needs.
    pub(crate) adjustments: Vec<Adjustment>,
}

impl Environment {
    /// How much text one variable may hold: SetEnvironmentVariable takes 32,767 characters with the NUL.
    pub(crate) const ROOM: usize = 32_000;

    /// Puts it into this process's own environment, which the program will inherit.
    pub(super) fn assume(&self) {
        let session = self.session.as_ref().and_then(|marker| marker.file_name());
        let mut changes =
            vec![(POLICY, self.policy.as_ref().map(OsString::from)), (SESSION, session.map(OsString::from))];
        for addition in &self.adjustments {
            let mut value = env::var_os(addition.variable).unwrap_or_default();
            if !value.is_empty() {
                value.push(addition.separator);
            }
            value.push(addition.value);
            changes.push((addition.variable, Some(value)));
        }
        for (name, value) in changes {
            match value {
                // SAFETY: on Windows the system guards its environment against threads that change it at once.
                Some(value) => unsafe { env::set_var(name, value) },
                // SAFETY: as above. What an outer session left there is not this one's.
                None => unsafe { env::remove_var(name) },
            }
        }
    }
}
