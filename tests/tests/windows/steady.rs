//! Many programs, one after the other and at once: each is hooked, none fails, none stays.

use super::launched::probe_path;
use portshim_tests::programs::scratch;
use portshim_tests::said;
use portshim_tests::wine::{Said, all_gone, built, output, probe, program, range, spec, theirs, windows};

/// Runs a program once, under a policy of one port that is its own, with a mark in its command
/// line.
fn once(port: (u16, u16), mark: &str) {
    let output = output(&mut probe(&["--range", &spec(port)], &["udp4", "bind=127.0.0.1,0", mark]));
    let ended = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    assert!(ended.starts_with(&format!("bind port {}\r\nsay ", port.0)), "{}", said(&output));
}

pub(crate) fn a_hundred_in_a_row() {
    let port = range(1);
    for _ in 0..100 {
        once(port, "say=one of a hundred");
    }
    all_gone("one of a hundred");
}

pub(crate) fn eight_at_a_time() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let port = range(1);
                for _ in 0..13 {
                    once(port, "say=one of eight");
                }
            });
        }
    });
    all_gone("one of eight");
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
