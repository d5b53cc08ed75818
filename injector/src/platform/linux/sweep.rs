//! Removes the regions of sessions that are over.

use super::clock::ticks_ago;
use super::directories;
use super::procfs::{environment_size, folder, pid_namespace, started};
use crate::environment::SESSION;
use portshim_policy::region::{Header, Region};
use std::cell::LazyCell;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::Duration;

/// The names of session files begin so; the number of the process that made one follows, then the
/// PID namespace in which it has that number.
pub(super) const PREFIX: &str = "session-";

/// Number of session files of its own PID namespace a start leaves unexamined.
const CROWD: usize = 16;
/// Size that a file adds to its folder in memory.
const ENTRY: u64 = 20;
/// The PID namespace that the kernel begins with (`PROC_PID_INIT_INO`).
const FIRST: u64 = 0xeffffffc;
/// The start of a region in which its creator is named.
const HEADER: u64 = size_of::<Header>() as u64;

/// Removes the sessions that are over.
pub(crate) fn sweep() {
    directories::existing_runtimes().for_each(|directory| clean(&directory, sessions(&directory)));
}

/// The same for one directory, and only where many have piled up: a program that is being started
/// should not wait.
pub(super) fn sweep_if_crowded(directory: &Path) {
    // To look into it takes as long as to make a file. In memory its size tells how many are in it
    // (BOGO_DIRENT_SIZE in mm/shmem.c), and where a folder has no blocks of its own, none takes
    // less. Some file systems give folders no size.
    let is_small = |folder: Metadata| folder.blocks() == 0 && (1..=ENTRY * CROWD as u64).contains(&folder.size());
    if fs::metadata(directory).is_ok_and(is_small) {
        return;
    }
    let sessions = sessions(directory);
    if sessions.len() > CROWD {
        let namespace = pid_namespace();
        let ours = |name: &&OsString| maker(name).is_none_or(|(_, theirs)| Some(theirs) == namespace);
        if sessions.iter().filter(ours).count() > CROWD {
            clean(directory, sessions);
        }
    }
}

/// Number of processes that have this file mapped, or are to map it, as far as this user may know,
/// without the one that serves others from outside.
pub(super) fn users(path: &Path) -> usize {
    let besides = supervisor(path);
    let Some(directory) = path.parent() else { return 0 };
    let members = members(&[directory], created(path).unwrap_or(0));
    members.iter().filter(|(pid, file, _)| file == path && Some(*pid) != besides).count()
}

/// The names of the session files in a directory.
pub(super) fn sessions(directory: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    entries.filter(|name| name.as_bytes().starts_with(PREFIX.as_bytes())).collect()
}

fn clean(directory: &Path, sessions: Vec<OsString>) {
    let mut orphans = Vec::new();
    let mut oldest = u64::MAX;
    let Some(namespace) = seen_namespace() else { return };
    let populated = LazyCell::new(populated_namespaces);
    for name in sessions {
        let created = created(&directory.join(&name));
        let is_orphan = match maker(&name) {
            // The numbers of another namespace say nothing here, and only the first sees the
            // processes of all.
            Some((_, theirs)) if theirs != namespace => namespace == FIRST && !populated.contains(&theirs),
            _ => is_orphan(&name, created),
        };
        if is_orphan {
            oldest = oldest.min(created.unwrap_or(0));
            orphans.push(name);
        }
    }
    if orphans.is_empty() {
        return;
    }
    let members = members(&[directory], oldest);
    for orphan in orphans.iter().map(|orphan| directory.join(orphan)) {
        if members.iter().all(|(_, path, _)| *path != orphan) {
            let _ = fs::remove_file(orphan);
        }
    }
}

/// Time when a session was made, in clock ticks since boot: as its file says, or, where it does
/// not, because it is being written, was scribbled over or is of another version, as the file
/// system does.
pub(super) fn created(path: &Path) -> Option<u64> {
    dated(path).or_else(|| born(path))
}

/// The same, where its file says so itself.
pub(super) fn dated(path: &Path) -> Option<u64> {
    header(path, |header| header.created.load(Relaxed))
}

/// The process that serves a session from outside, if there is one.
pub(super) fn supervisor(path: &Path) -> Option<u32> {
    header(path, |header| header.supervisor.load(Relaxed) as u32).filter(|process| *process != 0)
}

/// Beginning of a session's file.
fn header<T>(path: &Path, read: impl Fn(&Header) -> T) -> Option<T> {
    let mut header = Vec::new();
    // Whatever lies there under that name, it must not keep us waiting.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).ok()?;
    file.take(HEADER).read_to_end(&mut header).ok()?;
    Region::from_bytes(&header).ok().map(|region| read(&region.header))
}

fn born(path: &Path) -> Option<u64> {
    // The two clocks need not agree to the tick, and the maker began just before.
    const SLACK: Duration = Duration::from_secs(1);
    let age = fs::symlink_metadata(path).ok()?.created().ok()?.elapsed().ok()?;
    Some(ticks_ago(age.saturating_sub(SLACK)))
}

/// The PID namespace of this process, where /proc shows the processes by the numbers that they have
/// in it.
pub(super) fn seen_namespace() -> Option<u64> {
    let shown = fs::read_link("/proc/self").ok()?;
    (shown == Path::new(&std::process::id().to_string())).then(pid_namespace).flatten()
}

/// The PID namespaces of all processes that this user may ask.
fn populated_namespaces() -> Vec<u64> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| Some(fs::metadata(process.path().join("ns/pid")).ok()?.ino())).collect()
}

/// The process that made a session, and the namespace that it has this number in.
pub(super) fn maker(name: &OsStr) -> Option<(u32, u64)> {
    let mut parts = name.to_str()?.strip_prefix(PREFIX)?.split('-');
    let (pid, namespace, _random) = (parts.next()?, parts.next()?, parts.next()?);
    Some((pid.parse().ok()?, namespace.parse().ok()?))
}

/// Tells whether the process that made this session is gone. `run` becomes the program, so while
/// the program runs its session is not orphaned, whether it has mapped the region or not.
pub(super) fn is_orphan(name: &OsStr, created: Option<u64>) -> bool {
    // A process of that number is another where it started after the session was made.
    match maker(name).and_then(|(pid, _)| started(pid)) {
        Some(started) => created.is_some_and(|created| created < started),
        None => true,
    }
}

/// The files in these directories that processes belong to which started at `since` or later, and
/// whether they have them mapped. In the midst of exec nothing is mapped yet, a program that the
/// library does not reach may start one that it does, and those that are served from outside map
/// nothing. Their environment tells. One entry for each process and file.
pub(super) fn members(directories: &[impl AsRef<Path>], since: u64) -> Vec<(u32, PathBuf, bool)> {
    let mut found = Vec::new();
    for pid in processes(since) {
        let mapped = files_of(pid, directories);
        // This very process reads no session's region, and the program that it may become has a
        // session of its own.
        if mapped.is_empty() && pid != std::process::id() {
            let is_in_one = |path: &PathBuf| directories.iter().any(|folder| path.parent() == Some(folder.as_ref()));
            found.extend(named_by(pid).filter(is_in_one).map(|path| (pid, path, false)));
        }
        found.extend(mapped.into_iter().map(|path| (pid, path, true)));
    }
    found
}

/// The processes that started at this time or later.
fn processes(since: u64) -> impl Iterator<Item = u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|process| process.file_name().to_str()?.parse().ok());
    all.filter(move |pid| started(*pid).is_some_and(|started| started >= since))
}

/// The files in these directories that a process has mapped, each once.
fn files_of(pid: u32, directories: &[impl AsRef<Path>]) -> Vec<PathBuf> {
    // Another user's process may not be asked, and cannot have opened a file of ours.
    let maps = fs::read(folder(pid).join("maps")).unwrap_or_default();
    let mut found = Vec::new();
    for line in maps.split(|b| *b == b'\n') {
        let Some(slash) = line.iter().position(|b| *b == b'/') else { continue };
        let path = Path::new(OsStr::from_bytes(&line[slash..]));
        if directories.iter().any(|directory| path.parent() == Some(directory.as_ref())) {
            found.push(path.to_owned());
        }
    }
    found.dedup();
    found
}

/// Number of times that a process is asked again, at a millisecond's distance, that does not show
/// all of its environment: it is in the midst of exec, or was when it was asked.
const PATIENCE: usize = 1000;

/// The session's file that a process's environment names, as it was when its program began.
fn named_by(pid: u32) -> Option<PathBuf> {
    let prefix = [SESSION.as_bytes(), b"="].concat();
    for _ in 0..PATIENCE {
        let environment = match fs::read(folder(pid).join("environ")) {
            Err(e) if e.kind() == ErrorKind::PermissionDenied => return None,
            // The memory that was asked for is gone: the program has been replaced meanwhile.
            read => read.unwrap_or_default(),
        };
        let mut entries = environment.split(|b| *b == 0);
        if let Some(value) = entries.find_map(|entry| entry.strip_prefix(&prefix[..])) {
            return Some(PathBuf::from(OsStr::from_bytes(value)));
        }
        started(pid)?;
        if environment_size(pid) == Some(environment.len() as u64) {
            return None;
        }
        sleep(Duration::from_millis(1));
    }
    None
}
