//! The guest that a supervisor brings into static programs: nobody notices it.

use super::built::{Way, program};
use portshim_tests::portshim;
use portshim_tests::programs::{Ports, Scratch, compile, must, private, source};
use std::process::Command;

const INSIDE: [&str; 2] = ["--engine", "inside"];

#[test]
fn nobody_notices_the_guest() {
    private(|| {
        let folder = Scratch::new("engine");
        for way in [Way::Glibc, Way::Musl] {
            let built = program(way, "engine/inside.c", &["-pthread"], &folder.join(format!("inside-{way:?}")));
            for (first, last) in [("20000", "20999"), ("40000", "40999")] {
                let mut command = portshim(["run", "--engine", "inside", "--range", &format!("{first}-{last}"), "--"]);
                let output = command.arg(&built).args([first, last]).output().expect("it runs");
                let said = String::from_utf8_lossy(&output.stdout);
                assert_eq!(said, "unnoticed\n", "{way:?}, {first}: {}", output.status);
            }
        }
    });
}

/// A handler that runs there makes calls of ours.
#[test]
fn what_is_on_a_stack_of_signal_handlers_stays() {
    private(|| {
        let folder = Scratch::new("engine");
        for (way, options) in [(Way::Glibc, &[][..]), (Way::Musl, &[]), (Way::Glibc, &["-DBY_NUMBER"])] {
            let built = program(way, "engine/alternate.c", options, &folder.join(format!("alternate-{way:?}")));
            for ports in [Ports::OUTSIDE, Ports::INSIDE] {
                assert_eq!(must(&mut ports.command_with(&INSIDE, &built)), "kept\n", "{way:?}, {ports:?}");
            }
        }
    });
}

/// The guest takes memory, too.
#[test]
fn a_program_that_limits_its_memory_has_enough() {
    private(|| {
        let folder = Scratch::new("engine");
        let built = program(Way::Glibc, "engine/limited.c", &[], &folder.join("limited"));
        assert_eq!(must(&mut Ports::OUTSIDE.command(&built)), "enough\n");
    });
}

/// The handlers that callers have registered are run, and destructors.
#[test]
fn threads_are_cancelled_as_ever() {
    private(|| {
        let folder = Scratch::new("engine");
        let built = compile("engine/both.c", &folder, &["-fexceptions", "-static"]);
        let bare = must(Command::new(&built).arg("waiting"));
        assert!(bare.contains("sendmsg: cancelled, 2\n"), "{bare}");
        assert_eq!(must(Ports::OUTSIDE.command_with(&INSIDE, &built).arg("waiting")), bare);
    });
}

/// Nothing holds SIGSTOP back: neither does the guest that is on its way into a program.
#[test]
fn who_is_stopped_as_it_begins_is_stopped() {
    private(|| {
        let mut command = portshim(["run", "--engine", "inside", "--cover", "tree", "--", "python3"]);
        let said = must(command.arg(source("engine/stopped.py")));
        assert!(said.starts_with("60 of 60 stopped, 60 went on; ") && !said.contains("; 0 have a guest"), "{said}");
    });
}
