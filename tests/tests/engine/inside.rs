//! The guest that a supervisor brings into static programs: nobody notices it.

use super::built::{Go, Way, program};
use portshim_tests::portshim;
use portshim_tests::programs::{Ports, Scratch, compile, must, private, source, text, told};
use std::collections::BTreeMap;
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

/// A collector of garbage that stops threads by a signal (Boehm's) looks for pointers from where
/// its handler runs to the end of the stack.
#[test]
fn what_threads_hold_is_found_by_a_collector() {
    private(|| {
        let folder = Scratch::new("engine");
        let built = folder.join("collects");
        must(Command::new("gcc").args(["-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o"]).arg(&built).args([
            text(&source("engine/collects.c")),
            "-lgc",
            "-pthread",
        ]));
        for (first, last) in [("20000", "29999"), ("40000", "49999")] {
            let mut command = portshim(["run", "--engine", "inside", "--range", &format!("{first}-{last}"), "--"]);
            let said = must(command.arg(&built).args([first, last]));
            assert_eq!(said, "0 strays, collected often, with a guest\n", "{first}");
        }
    });
}

/// The most stack that a call takes more than it takes bare: what the guest is sure to have, or
/// leaves the call to the supervisor, and the figures of ADR 17. `SMALL` is for calls that bind
/// nothing.
const MOST: i32 = 7 << 10;
const SMALL: i32 = 5 << 8;

#[test]
fn calls_take_no_more_stack_than_is_said() {
    private(|| {
        let folder = Scratch::new("engine");
        let built = program(Way::Glibc, "engine/painted.c", &[], &folder.join("painted"));
        let depths = |command: &mut Command| -> BTreeMap<String, i32> {
            let said = must(command);
            let row = |line: &str| {
                let (name, depth) = line.split_once(' ').expect("a name and a number");
                (name.to_owned(), depth.parse().expect("a number"))
            };
            said.lines().map(row).collect()
        };
        let bare = depths(&mut Command::new(&built));
        let binds = |name: &str| {
            ["bind", "listen", "connect", "send", "fastopen", "disconnect"].iter().any(|one| name.starts_with(one))
        };
        for policy in [
            &["--range", "20000-20003"][..],
            &["--range", "20000-20999", "--sharing", "exclusive"],
            &["--range", "41000-41003"],
            &["--range", "41000-41999", "--reserve", "41001,41100-41200"],
            &["--range", "20000-20003,41000-41003"],
            &["--preset", "windows-2003", "--max-user-port", "5000"],
        ] {
            let run =
                [&["run", "--engine", "inside", "--log", "/dev/null"][..], policy, &["--", text(&built)]].concat();
            for (name, depth) in depths(&mut portshim(run)) {
                let more = depth - bare[&name];
                let most = if binds(&name) { MOST } else { SMALL };
                assert!(more <= most, "{name} under {policy:?} takes {more} bytes more than without portshim");
                let comes = name == "nothing" || more > 256;
                assert!(comes, "{name} under {policy:?} does not come to the guest");
            }
        }
    });
}

/// Where there is no room, the supervisor serves: nothing is written to what is not the stack's.
#[test]
fn a_stack_has_to_have_room() {
    private(|| {
        let folder = Scratch::new("engine");
        for way in [Way::Glibc, Way::Musl] {
            let built = program(way, "engine/room.c", &["-pthread"], &folder.join(format!("room-{way:?}")));
            for range in ["20000-20999", "20000-20999,41000-41999"] {
                let mut command = portshim(["run", "--engine", "inside", "--range", range, "--"]);
                assert_eq!(must(command.arg(&built)), "with a guest\n", "{way:?}, {range}");
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

/// In Go's programs the guest has stacks of its own, which C code comes to as well.
#[test]
fn c_code_in_a_program_of_go() {
    private(|| {
        for built in Go::ALL.map(Go::mixed) {
            for ports in [Ports::OUTSIDE, Ports::INSIDE] {
                let said = must(&mut ports.command_with(&INSIDE, &built));
                assert_eq!(told(&said).len(), 2 * 50 * 20);
                ports.judge("what it sees itself", &told(&said).into_iter().collect());
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
