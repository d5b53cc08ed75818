//! Folders of this user's own.

use crate::messages::plain;
use std::fs::{self, File};
use std::path::PathBuf;
use std::{env, io};

/// An absolute path from the environment.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Folders in which ours can be: what lies there is by default open to this user and to
/// administrators alone.
fn bases() -> impl Iterator<Item = PathBuf> {
    variable("LOCALAPPDATA").into_iter().chain([env::temp_dir()])
}

/// The folders of this name, the best first, each made where there is none; else why it cannot be
/// used.
pub(super) fn folders(name: &str) -> impl Iterator<Item = Result<PathBuf, String>> {
    bases().map(move |base| {
        let path = base.join("portshim").join(name);
        let made = fs::create_dir_all(&path).map_err(|e| format!("{}: {}", path.display(), plain(&e)));
        made.map(|()| path)
    })
}

/// Those that are there already.
pub(super) fn existing_folders(name: &str) -> impl Iterator<Item = PathBuf> {
    bases().map(move |base| base.join("portshim").join(name)).filter(|path| path.is_dir())
}

/// Gives a new file the permissions that are usual for one that is no secret: on Windows it has
/// them from its folder.
pub(crate) fn share(_: &File) -> io::Result<()> {
    Ok(())
}
