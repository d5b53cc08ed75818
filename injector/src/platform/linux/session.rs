//! A session's region: the file that every process of the session maps.

use super::super::{Beginning, random};
use super::clock::boot_ticks;
use super::procfs::pid_namespace;
use super::sweep::{PREFIX, dated, maker, sweep_if_crowded, users};
use super::{directories, files};
use crate::environment::SESSION;
use crate::messages::plain;
use portshim_policy::region::{Header, Recorded, Region};
use portshim_supervisor::Way;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Some bytes of a region, and where they begin.
type Piece<'a> = (usize, &'a [u8]);

/// A session that this process laid down.
pub(crate) struct Session {
    /// The region's file.
    pub(crate) path: PathBuf,
    pub(super) file: File,
}

impl Session {
    /// Lays its region down. Says why, where there is no place for it.
    pub(crate) fn create(beginning: &Beginning<'_>) -> Result<Self, String> {
        let random = random::words::<2>()?;
        outlast_own();
        // Not given back: this process is about to become another.
        let region = Box::leak(beginning.region(boot_ticks(), random[0]));
        let name = format!("{PREFIX}{}-{}-{:016x}", std::process::id(), pid_namespace().unwrap_or(0), random[1]);
        let log = beginning.recorded != Recorded::NOTHING;
        if log {
            region.add_ledger();
        }
        let pieces = region.pieces();
        let mut reasons = Vec::new();
        for directory in directories::runtimes() {
            match directory.and_then(|directory| Self::lay(&directory, &name, &pieces, log)) {
                Ok(session) => return Ok(session),
                Err(why) => reasons.push(why),
            }
        }
        Err(reasons.join("; "))
    }

    fn lay(directory: &Path, name: &str, pieces: &[Piece], whole: bool) -> Result<Self, String> {
        sweep_if_crowded(directory);
        let path = directory.join(name);
        match files::for_files_of(Region::SIZE, || write(&path, pieces, whole)) {
            Ok(file) => Ok(Self { path, file }),
            Err(e) => Err(format!("{}: {}", path.display(), plain(&e))),
        }
    }

    /// The region as it is now.
    pub(crate) fn snapshot(&self) -> Result<Box<Region>, String> {
        let mut bytes = vec![0; Region::SIZE];
        let mut filled = 0;
        // The file may have been cut short by a process of the session; what is missing is zero.
        while let Ok(count @ 1..) = self.file.read_at(&mut bytes[filled..], filled as u64) {
            filled += count;
        }
        Region::from_bytes(&bytes[..filled]).map_err(|e| format!("{}: {e}", self.path.display()))
    }

    /// Remarks to make once the program has ended: what a preload reaches shows before it begins.
    pub(crate) fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Notes who serves it from outside.
    pub(crate) fn serve_by(&self, supervisor: u32, way: Way) {
        let at = std::mem::offset_of!(Region, header.supervisor) as u64;
        // Who is not known serves it all the same.
        let supervised = Header::supervised_by(supervisor, way == Way::Sockets);
        let _ = self.file.write_all_at(&supervised.to_ne_bytes(), at);
    }

    /// Takes the file away, unless processes that the program left behind still use it. Says how
    /// many do.
    pub(crate) fn end(&self) -> usize {
        let users = users(&self.path);
        if users == 0 {
            let _ = fs::remove_file(&self.path);
        }
        users
    }
}

/// Waits until the session that this process itself was made for, where it was, is older than one
/// made now: which of the two it belongs to is told by that.
fn outlast_own() {
    let own = std::env::var_os(SESSION).map(PathBuf::from);
    let Some(own) = own.filter(|own| own.file_name().and_then(maker).is_some_and(|(pid, _)| pid == std::process::id()))
    else {
        return;
    };
    if let Some(made) = dated(&own) {
        while boot_ticks() == made {
            sleep(Duration::from_millis(1));
        }
    }
}

fn write(path: &Path, pieces: &[Piece], whole: bool) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    // Where memory has run out when a page is first touched, the program that touches it is killed.
    // What is rarely used is taken by whoever uses it, unless all of it will be.
    let memory = if whole { 0..Region::SIZE } else { Region::working_memory() };
    // A command may find the file at once. It has its full size from the beginning then, and the
    // piece that says what it is comes last.
    let mut pieces = pieces.iter().rev();
    file.set_len(Region::SIZE as u64)
        .and_then(|()| files::take_memory(&file, memory))
        .and_then(|()| pieces.try_for_each(|(at, bytes)| file.write_all_at(bytes, *at as u64)))
        .inspect_err(|_| {
            let _ = fs::remove_file(path);
        })?;
    Ok(file)
}
