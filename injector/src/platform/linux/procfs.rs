//! Start of processes, and where /proc tells of them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Content of a process's stat file.
struct Life {
    /// In clock ticks since boot.
    since: u64,
    /// Set if only its other threads still run: /proc shows such a process as a zombie.
    leaderless: bool,
    /// Number of bytes of environment its program was given; `None` where it has not been given any
    /// yet.
    environment: Option<u64>,
}

/// The flags of the kernel's own threads, and of processes that end (`PF_KTHREAD`, `PF_EXITING`):
/// they have no environment.
const WITHOUT: u32 = 0x0020_0000 | 0x0000_0004;

impl Life {
    /// `None` where there is no such process, or it has ended.
    fn of(folder: &Path) -> Option<Self> {
        let stat = fs::read(folder.join("stat")).ok()?;
        // The name, in parentheses, may hold anything; the state is the first field after it, and
        // proc(5) counts that as the third.
        let end = stat.iter().rposition(|b| *b == b')')?;
        let mut fields = str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace();
        let ended = matches!(fields.next()?, "Z" | "X");
        let flags: u32 = fields.nth(9 - 4)?.parse().ok()?;
        let threads: u32 = fields.nth(20 - 10)?.parse().ok()?;
        let since = fields.nth(22 - 21)?.parse().ok()?;
        let (begin, end): (u64, u64) = (fields.nth(50 - 23)?.parse().ok()?, fields.next()?.parse().ok()?);
        let environment = (end != 0 || flags & WITHOUT != 0).then(|| end.saturating_sub(begin));
        (!ended || threads > 1).then_some(Self { since, leaderless: ended, environment })
    }
}

fn process(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// Start of a process, in clock ticks since boot; `None` where there is none, or it has ended.
pub(super) fn started(pid: u32) -> Option<u64> {
    Life::of(&process(pid)).map(|life| life.since)
}

/// Number of bytes of environment a process's program was given; `None` where it has not been given
/// any, in the midst of exec, and where there is no such process.
pub(super) fn environment_size(pid: u32) -> Option<u64> {
    Life::of(&process(pid))?.environment
}

/// The folder that tells of a process's memory, descriptors and namespaces: one of a thread that
/// still runs.
pub(super) fn folder(pid: u32) -> PathBuf {
    let process = process(pid);
    if !Life::of(&process).is_some_and(|life| life.leaderless) {
        return process;
    }
    let first = OsString::from(pid.to_string());
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let mut others = threads.filter(|thread| thread.file_name() != first).map(|thread| thread.path());
    others.find(|thread| thread.join("ns/net").exists()).unwrap_or(process)
}

/// The identity of the PID namespace of this process.
pub(super) fn pid_namespace() -> Option<u64> {
    fs::metadata("/proc/self/ns/pid").map(|metadata| metadata.ino()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::clock::boot_ticks;
    use super::*;

    #[test]
    fn a_process_started_after_its_parent_and_before_now() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let (ours, its) = (started(std::process::id()).unwrap(), started(pid).unwrap());
        let now = boot_ticks();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(0 < ours && ours <= its && its <= now, "{ours} {its} {now}");
        assert_eq!(started(pid), None);
    }
}
