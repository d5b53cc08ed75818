//! What becomes of a change while others disturb it: the turn is never given up, the file is cut
//! short, the session ends.

use super::server::json;
use portshim_tests::programs::{private, until};
use portshim_tests::{portshim, said};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

/// A session that no process has mapped, whose ledger this test seems to be changing.
struct Held {
    maker: Child,
    path: PathBuf,
    file: File,
}

/// The bytes of a region that say what it is.
const MARK: usize = 16;

impl Held {
    fn new() -> Self {
        let mut command = portshim(["run", "--report", "--", "sleep", "600"]);
        let maker = command.env("PORTSHIM_DISABLE", "1").stderr(Stdio::null()).spawn().expect("it runs");
        until("it has begun", || json(&["ps", "--json"], "len(it)") == "1");
        let path = PathBuf::from(json(&["ps", "--json"], "it[0]['file']"));
        let file = OpenOptions::new().write(true).open(&path).expect("it is ours");
        let held = Self { maker, path, file };
        // Whichever word says whose turn it is, it now says that it is ours.
        let namespace = fs::metadata("/proc/self/ns/pid").expect("a namespace").ino();
        held.fill(u64::from(std::process::id()) | namespace << 32);
        held
    }

    fn fill(&self, word: u64) {
        let size = self.file.metadata().expect("it is there").len() as usize;
        let words = word.to_ne_bytes().repeat((size - MARK) / 8);
        self.file.write_all_at(&words, MARK as u64).expect("it is ours");
    }

    fn end(&mut self) {
        // SAFETY: kill(2) of our own child, which passes it on.
        assert_eq!(unsafe { libc::kill(self.maker.id().cast_signed(), libc::SIGTERM) }, 0);
        self.maker.wait().expect("it ran");
    }

    /// A command that waits for its turn, and what it says after `meanwhile`.
    fn change(&mut self, meanwhile: impl FnOnce(&mut Self)) -> Output {
        let mut command = portshim(["reserve", "20000"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let maps = format!("/proc/{}/maps", child.id());
        until("it has the region mapped", || fs::read_to_string(&maps).unwrap_or_default().contains("/session-"));
        meanwhile(self);
        child.wait_with_output().expect("it ran")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.maker.kill();
        let _ = self.maker.wait();
    }
}

#[track_caller]
fn failed(output: &Output, stderr: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr, "{}", said(output));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(125), 0), "{}", said(output));
}

#[test]
fn somebody_never_gives_up_the_turn() {
    private(|| {
        let mut held = Held::new();
        let id = held.maker.id();
        let output = held.change(|_| {});
        failed(
            &output,
            &format!(
                "error: another process has been changing session {id} for two seconds\n\
                 help:  try again; does one of its processes hang?\n"
            ),
        );
        held.end();
    });
}

#[test]
fn somebody_cuts_the_file_short() {
    private(|| {
        let mut held = Held::new();
        let output = held.change(|held| {
            OpenOptions::new().write(true).open(&held.path).and_then(|file| file.set_len(0)).expect("it is ours");
        });
        failed(
            &output,
            "error: the session's file was cut short while it was being changed\n\
             help:  one of its programs does that; start them anew\n",
        );
        held.end();
    });
}

#[test]
fn the_session_ends() {
    private(|| {
        let mut held = Held::new();
        let id = held.maker.id();
        let output = held.change(|held| {
            held.end();
            held.fill(0);
        });
        failed(
            &output,
            &format!("error: session {id} has ended meanwhile\nhelp:  `portshim ps` lists those that live\n"),
        );
    });
}
