//! The variables that bring the shim into a program and tell it the policy.

use crate::coverage::Adjustment;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const PRELOAD: &str = "LD_PRELOAD";
/// Tells the shim the policy.
pub(super) const POLICY: &str = "PORTSHIM_POLICY";
pub(super) const SESSION: &str = "PORTSHIM_SESSION";
/// What the file names of our libraries have in common: `libportshim.so`, `libportshim-0123456789abcdef.so`.
const OURS: &[u8] = b"libportshim";

/// Set to 1, it switches the shim off.
const DISABLE: &str = "PORTSHIM_DISABLE";

/// Whether the user has switched the shim off.
pub(crate) fn is_switched_off() -> bool {
    env::var_os(DISABLE).is_some_and(|value| value == "1")
}

/// What a program's environment holds for the shim.
pub(crate) struct Environment {
    /// The library.
    pub(crate) library: PathBuf,
    /// The policy in its wire form, where it fits.
    pub(crate) policy: Option<String>,
    /// The session's region, where there is one.
    pub(crate) session: Option<PathBuf>,
    /// Additions that the program needs.
    pub(crate) adjustments: Vec<Adjustment>,
}

impl Environment {
    /// How much text one variable may hold, well below the kernel's MAX_ARG_STRLEN of 131,072 bytes.
    pub(crate) const ROOM: usize = 100_000;

    /// Puts it into this process's own environment, which the program will inherit.
    pub(super) fn assume(&self) {
        let mut changes = vec![
            (PRELOAD, Some(preload(&self.library, env::var_os(PRELOAD).as_deref()))),
            (POLICY, self.policy.as_ref().map(OsString::from)),
            (SESSION, self.session.as_ref().map(OsString::from)),
        ];
        for addition in &self.adjustments {
            changes.push((addition.variable, Some(appended(addition, env::var_os(addition.variable)))));
        }
        for (name, value) in changes {
            match value {
                // SAFETY: this process has one thread, so nobody else reads the environment.
                Some(value) => unsafe { env::set_var(name, value) },
                // SAFETY: as above. What an outer session left there is not this one's.
                None => unsafe { env::remove_var(name) },
            }
        }
    }
}

/// The library before whatever is to be preloaded besides; a library of an outer session is not, or
/// the program would be served twice.
fn preload(library: &Path, before: Option<&OsStr>) -> OsString {
    let mut list = library.as_os_str().as_bytes().to_vec();
    let separators = |b: &u8| b" :".contains(b);
    for other in before.unwrap_or_default().as_bytes().split(separators).filter(|entry| !entry.is_empty()) {
        let name = other.rsplit(|b| *b == b'/').next().unwrap_or_default();
        if other != library.as_os_str().as_bytes() && !name.starts_with(OURS) {
            list.push(b':');
            list.extend_from_slice(other);
        }
    }
    OsString::from_vec(list)
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
    fn the_library_comes_first_and_once() {
        let library = Path::new("/c/libportshim-1.so");
        for (before, after) in [
            (None, "/c/libportshim-1.so"),
            (Some(""), "/c/libportshim-1.so"),
            (Some("/x/libjemalloc.so"), "/c/libportshim-1.so:/x/libjemalloc.so"),
            (Some("/a.so /b.so"), "/c/libportshim-1.so:/a.so:/b.so"),
            (Some("/c/libportshim-1.so:/a.so"), "/c/libportshim-1.so:/a.so"),
            (Some("/a.so:/old/libportshim-0.so"), "/c/libportshim-1.so:/a.so"),
        ] {
            assert_eq!(preload(library, before.map(OsStr::new)), after, "{before:?}");
        }
    }
}
