//! The variables that a program is started with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Amount of text that one variable may hold: SetEnvironmentVariable takes 32,767 characters with
/// the NUL.
pub(crate) const ROOM: usize = 32_000;

/// As none has, none has to be changed for that not to be.
pub(crate) fn not_loading() -> Option<(&'static str, Option<OsString>)> {
    None
}

/// No variable has a library loaded.
pub(crate) fn loading(_: &Path) -> Option<(&'static str, OsString)> {
    None
}

/// The libraries that are preloaded already and connect in a program's stead: there is no such
/// thing here.
pub(crate) fn connectors() -> Vec<PathBuf> {
    Vec::new()
}

/// Value that tells the shim of a session: the name of its region, which is also its marker's.
pub(crate) fn session_variable(marker: &Path) -> OsString {
    marker.file_name().unwrap_or_default().into()
}
