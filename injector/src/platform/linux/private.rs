//! Directories that nobody else can write to, or look into.

use crate::wording::plain;
use nix::unistd::Uid;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes a private directory where there is none, and verifies one that is there.
pub(super) fn directory(path: &Path) -> Result<(), String> {
    let said = |why: &str| format!("{}: {why}", path.display());
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(said(&plain(&e))),
    }
    // Not the target of a link: whoever laid the link could lay another.
    let metadata = fs::symlink_metadata(path).map_err(|e| said(&plain(&e)))?;
    if !metadata.is_dir() {
        Err(said("it is not a directory"))
    } else if metadata.uid() != Uid::effective().as_raw() {
        Err(said("it belongs to somebody else"))
    } else if metadata.permissions().mode() & 0o077 != 0 {
        Err(said("others may use it: its mode is not 700"))
    } else {
        Ok(())
    }
}

/// `base`, if it is a directory of our own; what lies in somebody else's may be replaced by them.
fn own(base: PathBuf) -> Result<PathBuf, String> {
    match fs::metadata(&base) {
        Err(e) => Err(format!("{}: {}", base.display(), plain(&e))),
        Ok(metadata) if metadata.uid() != Uid::effective().as_raw() => {
            Err(format!("{}: it belongs to somebody else", base.display()))
        }
        Ok(_) => Ok(base),
    }
}

/// An absolute path from the environment; the XDG Base Directory Specification has others ignored.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The directory for what lasts as long as a session; else why there is none.
pub(super) fn runtime() -> Result<PathBuf, String> {
    let mut reasons = Vec::new();
    for path in runtimes() {
        match path.and_then(|path| directory(&path).map(|()| path)) {
            Ok(path) => return Ok(path),
            Err(why) => reasons.push(why),
        }
    }
    Err(reasons.join("; "))
}

/// The places for such a directory, the best first.
fn runtimes() -> impl Iterator<Item = Result<PathBuf, String>> {
    let xdg = variable("XDG_RUNTIME_DIR").map(|base| own(base).map(|base| base.join("portshim")));
    let tmp = PathBuf::from(format!("/tmp/portshim-{}", Uid::effective()));
    xdg.into_iter().chain(std::iter::once(Ok(tmp)))
}

/// Those of them that are there already.
pub(super) fn existing_runtimes() -> impl Iterator<Item = PathBuf> {
    runtimes().flatten().filter(|path| path.is_dir() && directory(path).is_ok())
}

/// The directory for what may be made again at any time.
pub(super) fn cache() -> Result<PathBuf, String> {
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let base = base.ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let path = base.join("portshim");
    if !path.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&base)
            .map_err(|e| format!("{}: {}", base.display(), plain(&e)))?;
    }
    let path = own(base)?.join("portshim");
    directory(&path).map(|()| path)
}
