//! Many programs, one after the other and at once: each is hooked, none fails, none stays.
//! `make stress-windows` has three times as many of them.

use super::launched::probe_path;
use portshim_tests::programs::scratch;
use portshim_tests::wine::{Said, all_gone, built, probed, program, range, spec, theirs, windows};

/// Picks the greater load where it is set.
fn stress() -> bool {
    std::env::var_os("STRESS_WINDOWS").is_some()
}

/// Runs a program once, under a policy of one port that is its own, with a mark in its command
/// line.
fn once(port: (u16, u16), mark: &str) {
    let said = probed(&["--range", &spec(port)], &["udp4", "bind=127.0.0.1,0", mark]);
    assert_eq!(said.0[0], format!("bind port {}", port.0), "{said:?}");
    assert!(said.0[1].starts_with("say "), "{said:?}");
}

pub(crate) fn a_hundred_in_a_row() {
    let (port, mark) = (range(1), "say=one of a hundred");
    for _ in 0..if stress() { 300 } else { 100 } {
        once(port, mark);
    }
    all_gone(mark);
}

pub(crate) fn eight_at_a_time() {
    let mark = "say=one of eight";
    let (threads, each) = if stress() { (16, 12) } else { (8, 13) };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let port = range(1);
                for _ in 0..each {
                    once(port, mark);
                }
            });
        }
    });
    all_gone(mark);
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
                    let said = Said::of(&mut command);
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
