//! Variables that a program is started with.

use super::system::{loading, not_loading, session_variable};
use crate::coverage::Adjustment;
use crate::environment::{POLICY, SESSION};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Variables for the shim in a program's environment.
pub(crate) struct Environment {
    /// The library; none where the program would not even begin with it.
    pub(crate) library: Option<PathBuf>,
    /// Set if no library of ours is to be loaded, an outer session's neither.
    pub(crate) unloads: bool,
    /// Set if the program and all that come of it are to do without io_uring.
    #[cfg_attr(windows, expect(dead_code, reason = "there is none"))]
    pub(crate) refuses_rings: bool,
    /// Set if a guest is brought into programs that load no library.
    #[cfg_attr(windows, expect(dead_code, reason = "there is none"))]
    pub(crate) brings_guest: bool,
    /// The policy in its wire form, where it fits.
    pub(crate) policy: Option<String>,
    /// The file that stands for the session, where there is one.
    pub(crate) session: Option<PathBuf>,
    /// Additions that the program needs.
    pub(crate) adjustments: Vec<Adjustment>,
    /// Warns of what shows only in the program itself.
    #[cfg_attr(not(windows), expect(dead_code, reason = "elsewhere all is known before"))]
    pub(crate) warn: fn(&str),
}

impl Environment {
    /// Puts it into this process's own environment, which the program will inherit.
    pub(crate) fn assume(&self) {
        let session = self.session.as_deref().map(session_variable);
        let mut changes = vec![(POLICY, self.policy.as_ref().map(OsString::from)), (SESSION, session)];
        let loading = self.library.as_deref().and_then(loading);
        changes.extend(loading.map(|(name, value)| (name, Some(value))));
        changes.extend(not_loading().filter(|_| self.unloads));
        for addition in &self.adjustments {
            changes.push((addition.variable, Some(appended(addition, env::var_os(addition.variable)))));
        }
        for (name, value) in changes {
            match value {
                // SAFETY: on Linux this process has one thread, so nobody else reads the
                // environment; Windows guards its own against threads that change it at once.
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
