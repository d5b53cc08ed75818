//! Other systems, in which what is published is tried.

use portshim_tests::programs::{Scratch, must, text};
use portshim_tests::{project, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian of 2021.
pub(crate) const DEBIAN: &str = "bullseye";
/// A system of musl alone, which has nothing but busybox.
pub(crate) const MUSL: &str = "musl";

/// What is published, by the end of its name.
pub(crate) fn published(end: &str) -> PathBuf {
    let folder = project().join("target/dist");
    let found = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = found.filter(|path| path.to_str().is_some_and(|path| path.ends_with(end)));
    let path = found.next().unwrap_or_else(|| panic!("no {end} in {}: `make dist` makes it", folder.display()));
    assert_eq!(found.next(), None, "{end}");
    path.canonicalize().expect("it has just been listed")
}

/// Runs a script as root of another system, whose files are as they were made.
pub(crate) fn on(system: &str, script: &str, things: &[&Path]) -> String {
    let root = project().join("target/roots").join(system);
    assert!(root.join("bin/sh").exists(), "{} is not there: `make setup` makes it", root.display());
    let folder = Scratch::new("root");
    must(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&folder));
    let part = |name: &str| {
        fs::create_dir(folder.join(name)).expect("the folder is ours");
        folder.join(name)
    };
    let (upper, work, whole) = (part("upper"), part("work"), part("whole"));
    let layers = format!("lowerdir={},upperdir={},workdir={}", text(&root), text(&upper), text(&work));
    must(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &layers]).arg(&whole));
    for (kind, to) in [("proc", "proc"), ("tmpfs", "dev/shm"), ("tmpfs", "mnt")] {
        must(Command::new("mount").args(["-t", kind, "none"]).arg(whole.join(to)));
    }
    for thing in things {
        must(Command::new("cp").arg("-R").arg(thing).arg(whole.join("mnt")));
    }
    let mut inside = Command::new("chroot");
    inside.arg(&whole).args(["/bin/sh", "-euc", script]).env_clear().env("HOME", "/root").env("LC_ALL", "C.UTF-8");
    let output = inside.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").output();
    must(Command::new("umount").args(["--recursive", "--lazy"]).arg(&folder));
    let output = output.expect("chroot is there");
    assert!(output.status.success(), "{script}: {}", said(&output));
    String::from_utf8(output.stdout).expect("it is text")
}
