//! Directories that nobody else can write to; all but one, nobody else can look into either.

use crate::messages::plain;
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes a private directory where there is none, and verifies one that is there.
pub(super) fn directory(path: &Path) -> Result<(), String> {
    let said = |why: &str| format!("{}: {why}", path.display());
    // Not the target of a link: whoever laid the link could lay another.
    let metadata = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => match DirBuilder::new().mode(0o700).create(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => fs::symlink_metadata(path),
            made => return made.map_err(|e| said(&plain(&e))),
        },
        found => found,
    };
    let metadata = metadata.map_err(|e| said(&plain(&e)))?;
    if !metadata.is_dir() {
        Err(said("it is not a directory"))
    } else if metadata.uid() != geteuid().as_raw() {
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
        Ok(metadata) if metadata.uid() != geteuid().as_raw() => {
            Err(format!("{}: it belongs to somebody else", base.display()))
        }
        Ok(_) => Ok(base),
    }
}

/// Permissions of a new file that is no secret: what the caller's umask leaves of read and write.
pub(crate) fn usual_permissions() -> Permissions {
    let before = umask(Mode::from_bits_truncate(0o077));
    umask(before);
    Permissions::from_mode(0o666 & !before.bits())
}

/// An absolute path from the environment; the XDG Base Directory Specification has others ignored.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The directories for what lasts as long as a session, the best first, each made where there is
/// none; else why it cannot be used.
pub(super) fn runtimes() -> impl Iterator<Item = Result<PathBuf, String>> {
    runtime_paths().map(|path| path.and_then(|path| directory(&path).map(|()| path)))
}

fn runtime_paths() -> impl Iterator<Item = Result<PathBuf, String>> {
    let xdg = variable("XDG_RUNTIME_DIR").map(|base| own(base).map(|base| base.join("portshim")));
    // In memory, if possible: to make a file on a disk takes as long as all else that a start does.
    let others = ["/dev/shm", "/tmp"].map(|base| Ok(PathBuf::from(format!("{base}/portshim-{}", geteuid().as_raw()))));
    xdg.into_iter().chain(others)
}

/// Those that are there already.
pub(super) fn existing_runtimes() -> impl Iterator<Item = PathBuf> {
    runtime_paths().flatten().filter(|path| path.is_dir() && directory(path).is_ok())
}

/// The directory for what may be made again at any time.
pub(super) fn cache() -> Result<PathBuf, String> {
    let base = match (variable("XDG_CACHE_HOME"), variable("HOME")) {
        (Some(base), _) => base,
        // Another's home is not for us to furnish, and one that is missing, as many a system
        // user's, shall stay so.
        (None, Some(home)) => own(home)?.join(".cache"),
        (None, None) => return Err("neither XDG_CACHE_HOME nor HOME is set".into()),
    };
    if !base.exists() {
        directory(&base)?;
    }
    let path = own(base)?.join("portshim");
    directory(&path).map(|()| path)
}

/// The directory for what every user may read and only root may write.
pub(super) fn shared() -> Result<PathBuf, String> {
    let path = Path::new("/var/cache/portshim");
    for directory in path.ancestors().skip(1) {
        roots(directory)?;
    }
    if fs::symlink_metadata(path).is_err() {
        let made = DirBuilder::new().mode(0o755).create(path);
        // Whatever the caller's umask leaves of a new directory.
        match made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755))) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(format!("{}: {}", path.display(), plain(&e))),
            _ => {}
        }
    }
    roots(path).map(|()| path.to_owned())
}

/// Tells whether this is a directory, and no link to one, that all can enter and only root can
/// change.
fn roots(path: &Path) -> Result<(), String> {
    let said = |why: &str| Err(format!("{}: {why}", path.display()));
    match fs::symlink_metadata(path) {
        Err(e) => said(&plain(&e)),
        Ok(metadata) if !metadata.is_dir() => said("it is not a directory"),
        Ok(metadata) if metadata.uid() != 0 => said("it does not belong to root"),
        Ok(metadata) if metadata.mode() & 0o022 != 0 => said("others may write to it"),
        Ok(metadata) if metadata.mode() & 0o011 != 0o011 => said("others may not enter it"),
        Ok(_) => Ok(()),
    }
}
