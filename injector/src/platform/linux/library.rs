//! The library to preload: laid down from the copy inside this command, or another one that the
//! user named.

use super::super::embedded::{EMBEDDED, NAME};
use super::super::random;
use super::inspect::own_machine;
use super::{directories, elf, files};
use crate::environment::POLICY;
use crate::messages::plain;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, geteuid};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of the library's file. Whom the directory lets in may read it, and a copy of it can be
/// read by all.
const MODE: u32 = 0o644;

/// Place where the library can be laid down, the best place first.
pub(in super::super) fn places() -> impl Iterator<Item = Result<PathBuf, String>> {
    // What root starts may go on as another user, and start programs of its own then.
    let shared = geteuid().is_root().then(directories::shared).into_iter();
    shared.chain(std::iter::once_with(directories::cache)).chain(directories::runtimes())
}

/// Tells whether another library, which the user names, will do.
pub(in super::super) fn named(path: &Path) -> Result<(), String> {
    nameable(path)?;
    let metadata = fs::metadata(path).map_err(|e| plain(&e))?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    files::may(path, AccessFlags::R_OK).map_err(|_| "it may not be read")?;
    if is_ours(path).map_err(|e| plain(&e))? { Ok(()) } else { Err("it is not portshim's library".into()) }
}

/// Tells whether this is a library for this machine that knows of policies, be it of another
/// version.
pub(super) fn is_ours(path: &Path) -> std::io::Result<bool> {
    let fits =
        |elf: elf::Elf| elf.movable && elf.loader.is_none() && (elf.bits, elf.machine) == (usize::BITS, own_machine());
    let file = File::open(path)?;
    if !elf::read(&file, &elf::first_page(&file)?).is_some_and(fits) {
        return Ok(false);
    }
    let content = fs::read(path)?;
    Ok(content.windows(POLICY.len()).any(|bytes| bytes == POLICY.as_bytes()))
}

/// LD_PRELOAD is a list without a way to quote (ld.so(8)).
pub(crate) fn nameable(path: &Path) -> Result<(), String> {
    match path.as_os_str().as_bytes().iter().find(|b| b" :$".contains(b)) {
        Some(byte) => Err(format!("LD_PRELOAD cannot hold a path with `{}`", char::from(*byte))),
        None => Ok(()),
    }
}

/// The library in this directory, put there if need be.
///
/// The content is not read again each time. Nobody but this user can write to the directory, a file
/// gets this name only once it is complete, and the name holds the content's hash: a file of ours
/// under this name, of the right size, is that library.
pub(in super::super) fn laid_down(directory: &Path) -> Result<PathBuf, String> {
    let path = directory.join(NAME);
    nameable(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    if statvfs(directory).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC)) {
        return Err(format!("{}: its file system forbids execution", directory.display()));
    }
    if !trusted(&path) {
        files::for_files_of(EMBEDDED.len(), || write(directory, &path))
            .map_err(|e| format!("{}: {}", path.display(), plain(&e)))?;
    }
    Ok(path)
}

/// The library that was installed with this command, seen from there: PREFIX/bin/portshim is the
/// command.
///
/// An update puts another in its place, while sessions of this one go on. So it is for what names
/// the library for good, and for where there is no other place: a system that may not be written
/// to.
pub(in super::super) fn installed() -> Option<PathBuf> {
    let command = std::env::current_exe().ok()?;
    let path = command.parent()?.parent()?.join("lib/portshim/libportshim.so");
    let metadata = fs::metadata(&path).ok()?;
    let kept = [0, geteuid().as_raw()].contains(&metadata.uid()) && metadata.mode() & 0o022 == 0;
    let is_it = kept && metadata.len() == EMBEDDED.len() as u64 && fs::read(&path).is_ok_and(|file| file == EMBEDDED);
    (is_it && nameable(&path).is_ok()).then_some(path)
}

fn trusted(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_file()
            && metadata.uid() == geteuid().as_raw()
            && metadata.mode() & 0o777 == MODE
            && metadata.len() == EMBEDDED.len() as u64
    })
}

/// Writes the library under a name of its own and gives it its own name at once, so that no other
/// process ever loads half of it.
fn write(directory: &Path, path: &Path) -> std::io::Result<()> {
    let [random] = random::words().map_err(std::io::Error::other)?;
    let temporary = directory.join(format!(".{NAME}.{random:016x}"));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut file| {
        file.write_all(EMBEDDED)?;
        // Whatever the caller's umask leaves of a new file.
        file.set_permissions(Permissions::from_mode(MODE))?;
        // A crash after the rename must not leave the name with other content.
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
