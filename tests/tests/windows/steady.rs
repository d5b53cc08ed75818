//! Many programs, one after the other and at once: each is hooked, none fails, none stays.
//!
//! `make stress-windows` has three times as many of them. Under that load Wine itself fails to
//! start a program now and then, so that each has the bare program beside it: no more may fail.

use super::launched::probe_path;
use portshim_tests::programs::scratch;
use portshim_tests::said;
use portshim_tests::wine::{Said, all_gone, built, output, probe, program, range, spec, theirs, windows};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Set for the greater load.
const STRESS: &str = "STRESS_WINDOWS";

/// Runs, and how many of them failed under portshim and without.
struct Runs {
    stress: bool,
    mark: &'static str,
    all: AtomicUsize,
    failed: AtomicUsize,
    bare_failed: AtomicUsize,
}

impl Runs {
    fn new(mark: &'static str) -> Self {
        let [all, failed, bare_failed] = [const { AtomicUsize::new(0) }; 3];
        Self { stress: std::env::var_os(STRESS).is_some(), mark, all, failed, bare_failed }
    }

    /// Runs a program once, under a policy of one port that is its own, with a mark in its command
    /// line.
    fn once(&self, port: (u16, u16)) {
        self.all.fetch_add(1, Relaxed);
        let verbs = ["udp4", "bind=127.0.0.1,0", self.mark];
        if self.stress && fault(windows(program("probe.exe")).args(verbs), "").is_some() {
            self.bare_failed.fetch_add(1, Relaxed);
        }
        let Some(fault) = fault(&mut probe(&["--range", &spec(port)], &verbs), &port.0.to_string()) else { return };
        assert!(self.stress, "{fault}");
        eprintln!("{fault}");
        self.failed.fetch_add(1, Relaxed);
    }

    fn end(self) {
        all_gone(self.mark);
        let (all, failed, bare) = (self.all.into_inner(), self.failed.into_inner(), self.bare_failed.into_inner());
        if self.stress {
            eprintln!("{}: of {all} runs {failed} failed under portshim, {bare} bare", self.mark);
        }
        assert!(failed <= bare, "{failed} of {all} runs failed, and without portshim {bare}");
    }
}

/// What is wrong about a run that should say a port that begins so, and its mark.
fn fault(command: &mut Command, port: &str) -> Option<String> {
    let output = output(command);
    let ended = String::from_utf8_lossy(&output.stdout);
    let is_well = output.status.success() && output.stderr.is_empty();
    let says = ended.starts_with(&format!("bind port {port}")) && ended.contains("\nsay ");
    (!is_well || !says).then(|| said(&output))
}

pub(crate) fn a_hundred_in_a_row() {
    let (port, runs) = (range(1), Runs::new("say=one of a hundred"));
    for _ in 0..if runs.stress { 300 } else { 100 } {
        runs.once(port);
    }
    runs.end();
}

pub(crate) fn eight_at_a_time() {
    let runs = Runs::new("say=one of eight");
    let (threads, each) = if runs.stress { (16, 12) } else { (8, 13) };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let port = range(1);
                for _ in 0..each {
                    runs.once(port);
                }
            });
        }
    });
    runs.end();
}

/// The first runs of all, which lay the library down, may come at once.
pub(crate) fn first_runs_at_once() {
    let portshim = theirs(&built("portshim.exe"));
    for _ in 0..3 {
        let folder = scratch("wine-first");
        let place = format!("setenv=LOCALAPPDATA,{}", theirs(&folder));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let port = range(1);
                let run =
                    format!("spawn={portshim} run --range {} -- {} tcp4 bind=127.0.0.1,0", spec(port), probe_path());
                let mut command = windows(program("probe.exe"));
                command.args([&place, &run]);
                scope.spawn(move || {
                    let mut said = Said::of(&mut command);
                    // Wine under load: the bare probe's own CreateProcess fails now and then,
                    // before anything of ours runs.
                    for _ in 0..2 {
                        if said.0 == ["spawn error 1359"] {
                            said = Said::of(&mut command);
                        }
                    }
                    assert_eq!(said.0, [format!("bind port {}", port.0), "spawn exit 0".into()]);
                });
            }
        });
        let library = std::fs::read_dir(folder.join("portshim/lib")).expect("it is laid down there");
        let names: Vec<_> = library.map(|file| file.expect("it can be listed").file_name()).collect();
        assert_eq!(names.len(), 1, "one library, and nothing half done: {names:?}");
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }
}
