//! The library that is loaded into programs: carried inside the command, and laid down where a
//! program can have it from. How, and where, each system says.

use super::system;
use crate::environment::LIBRARY;
use crate::messages::{self, Failure};
use std::path::PathBuf;

/// The library that is loaded into programs.
pub(crate) fn library() -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os(LIBRARY).filter(|path| !path.is_empty()) {
        let path = std::path::absolute(&path).unwrap_or_else(|_| path.into());
        return match system::named(&path) {
            Ok(()) => Ok(path),
            Err(why) => Err(messages::no_such_library(LIBRARY, &path, &why)),
        };
    }
    let mut reasons = Vec::new();
    for place in system::places() {
        match place.and_then(|place| system::laid_down(&place)) {
            Ok(path) => return Ok(path),
            Err(why) => reasons.push(why),
        }
    }
    system::installed().ok_or_else(|| messages::no_place_for_library(&reasons))
}

/// The library for files that name it, which outlive an update: the one that an installation has,
/// where there is one.
pub(crate) fn lasting_library() -> Result<PathBuf, Failure> {
    let is_named = std::env::var_os(LIBRARY).is_some_and(|path| !path.is_empty());
    system::installed().filter(|_| !is_named).map_or_else(library, Ok)
}
