//! Removes the regions of sessions that are over.

use super::private;
use super::session::{PREFIX, started};
use nix::unistd::Pid;
use portshim_policy::Region;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

/// How many session files a start leaves unexamined.
const CROWD: usize = 16;
/// The start of a region in which its creator is named.
const HEADER: u64 = size_of::<portshim_policy::Header>() as u64;

/// Removes the sessions that are over.
pub(crate) fn sweep() {
    private::existing_runtimes().for_each(|directory| clean(&directory, sessions(&directory)));
}

/// The same, but only where many have piled up: a program that is being started should not wait.
pub(crate) fn sweep_if_crowded() {
    for directory in private::existing_runtimes() {
        let sessions = sessions(&directory);
        if sessions.len() > CROWD {
            clean(&directory, sessions);
        }
    }
}

/// Whether a process has this file mapped, as far as this user may know.
pub(super) fn is_mapped(path: &Path) -> bool {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return false };
    mapped(directory).iter().any(|mapped| mapped == name)
}

fn sessions(directory: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    entries.filter(|name| name.as_bytes().starts_with(PREFIX.as_bytes())).collect()
}

fn clean(directory: &Path, sessions: Vec<OsString>) {
    let orphans: Vec<_> = sessions.into_iter().filter(|name| is_orphan(directory, name)).collect();
    if orphans.is_empty() {
        return;
    }
    let mapped = mapped(directory);
    for orphan in orphans.iter().filter(|orphan| !mapped.contains(orphan)) {
        let _ = fs::remove_file(directory.join(orphan));
    }
}

/// Whether the process that made this session is gone. `run` becomes the program, so while the program
/// runs its session is not orphaned, whether it has mapped the region or not.
fn is_orphan(directory: &Path, name: &OsStr) -> bool {
    let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
    let Some(start) = pid.and_then(|pid| started(Pid::from_raw(pid))) else { return true };
    let mut header = Vec::new();
    let read = File::open(directory.join(name)).and_then(|file| file.take(HEADER).read_to_end(&mut header));
    // A process of that number lives; it is another where it started after the region was made. A region
    // that does not say when, because it is being written or was scribbled over, has the benefit of the doubt.
    match read.ok().and_then(|_| Region::from_bytes(&header).ok()) {
        Some(region) => region.header.created.load(Relaxed) < start,
        None => false,
    }
}

/// The names of files in `directory` that any process has mapped.
fn mapped(directory: &Path) -> Vec<OsString> {
    let mut names = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if !process.file_name().as_bytes()[0].is_ascii_digit() {
            continue;
        }
        // Another user's process may not be asked, and cannot have opened a file of ours.
        let Ok(maps) = fs::read(process.path().join("maps")) else { continue };
        for line in maps.split(|b| *b == b'\n') {
            let Some(slash) = line.iter().position(|b| *b == b'/') else { continue };
            let path = PathBuf::from(OsStr::from_bytes(&line[slash..]));
            if path.parent() == Some(directory) {
                names.extend(path.file_name().map(OsStr::to_owned));
            }
        }
    }
    names
}
