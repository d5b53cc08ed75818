//! Finds the file that a command names, as execvp(3) does.

use super::super::answers::Find;
use super::files::may;
use crate::messages::plain;
use nix::unistd::AccessFlags;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Folders that execvp(3) searches where `PATH` is not set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file that `name` stands for: itself where it holds a `/`, else the first in `PATH` that may
/// be executed.
pub(super) fn search(name: &OsStr) -> Result<PathBuf, Find> {
    if name.is_empty() {
        return Err(Find::NotFound);
    }
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match executable(&path) {
            Ok(()) => Ok(path),
            Err(Some(why)) => Err(Find::Denied(path, why)),
            Err(None) => Err(Find::NotFound),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from(DEFAULT_PATH));
    let mut denied = None;
    for directory in path.as_bytes().split(|b| *b == b':') {
        // POSIX: an empty entry is the current directory.
        let directory = if directory.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(directory) };
        let file = Path::new(directory).join(name);
        match executable(&file) {
            Ok(()) => return Ok(file),
            Err(Some(why)) => denied = denied.or(Some(Find::Denied(file, why))),
            Err(None) => {}
        }
    }
    Err(denied.unwrap_or(Find::NotFound))
}

/// Tells whether the kernel would execute this file; else why not, or `None` where there is no such
/// file.
pub(super) fn executable(path: &Path) -> Result<(), Option<String>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Err(None),
        Err(e) => return Err(Some(plain(&e))),
    };
    if metadata.is_dir() {
        return Err(Some("it is a directory".into()));
    }
    if !metadata.is_file() {
        return Err(Some("it is not a regular file".into()));
    }
    may(path, AccessFlags::X_OK).map_err(|_| Some("it is not executable".into()))
}
