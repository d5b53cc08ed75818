//! The library to load: laid down from the copy inside this command, or another one that the user
//! named.

use super::super::embedded::{EMBEDDED, NAME};
use super::super::windows_formats::pe::{self, Pe};
use super::directories;
use crate::environment::POLICY;
use crate::messages::{self, Failure, plain};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Place where the library can be laid down, the best place first.
pub(in super::super) fn places() -> impl Iterator<Item = Result<PathBuf, String>> {
    directories::folders("lib")
}

/// Tells whether another library, which the user names, will do.
pub(in super::super) fn named(path: &Path) -> Result<(), String> {
    let content = fs::read(path).map_err(|e| plain(&e))?;
    let fits = |pe: Pe| pe.library && pe.is_own();
    let knows = content.windows(POLICY.len()).any(|bytes| bytes == POLICY.as_bytes());
    if pe::read(&*content).is_some_and(fits) && knows { Ok(()) } else { Err("it is not portshim's library".into()) }
}

/// Tells whether variables alone can have a library loaded into programs.
pub(crate) fn can_preload() -> Result<(), Failure> {
    Err(messages::no_preload())
}

/// An installation is the command alone.
pub(in super::super) fn installed() -> Option<PathBuf> {
    None
}

/// Only programs of this machine's kind are looked at.
pub(crate) fn library_needs() -> Option<String> {
    None
}

/// No variable holds the library's path, so any will do.
pub(crate) fn nameable(_: &Path) -> Result<(), String> {
    Ok(())
}

/// The library in this folder, put there if need be. What lies there is read again each time: on
/// Windows nothing else tells cheaply who may have written it.
pub(in super::super) fn laid_down(folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join(NAME);
    if !is_whole(&path) {
        match write(folder, &path) {
            // Another portshim may have been quicker, and a file that is loaded cannot be replaced.
            Err(_) if is_whole(&path) => {}
            written => written.map_err(|e| format!("{}: {}", path.display(), plain(&e)))?,
        }
    }
    Ok(path)
}

fn is_whole(path: &Path) -> bool {
    fs::read(path).is_ok_and(|content| content == EMBEDDED)
}

/// Writes the library under a name of its own and gives it its own name at once, so that no process
/// ever loads half of it.
fn write(folder: &Path, path: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".").suffix(".dll").tempfile_in(folder)?;
    file.write_all(EMBEDDED)?;
    // A crash after the renaming must not leave the name with other content.
    file.as_file().sync_all()?;
    // Closed before it has its name: a file that is open for writing cannot be loaded.
    let file = file.into_temp_path();
    let named = if path.exists() { file.persist(path) } else { file.persist_noclobber(path) };
    named.map_err(|e| e.error)
}
