//! Beside other libraries: preloads that wrap the same functions, plug-ins and lookups that would
//! pass a preload by, faked clocks, valgrind; and children that are started from little stack, with
//! any environment.

use portshim_tests::portshim;
use portshim_tests::programs::{Built, must, private, source, text, told};
use portshim_tests::said;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// Ranges of a hundred ports that the kernel cannot, and can, be steered to.
const RANGES: [u16; 2] = [20000, 41000];

/// The command under a policy of a hundred ports from `first` on, with these options.
fn under<'a>(first: u16, options: &[&'a str], words: &[&'a str]) -> Command {
    let range = format!("{first}-{}", first + 99);
    portshim([&["run", "--range", &range][..], options, &["--"], words].concat())
}

/// What a command says, whose ports are `count` and all of the policy.
fn told_ports(first: u16, count: usize, command: &mut Command) -> String {
    let said = must(command);
    let ports = told(&said);
    assert_eq!(ports.len(), count, "{command:?}: {said}");
    assert!(ports.iter().all(|port| (first..first + 100).contains(port)), "{command:?}: {said}");
    said
}

/// A preload before ours, and one behind it.
fn both_orders(preload: &str) -> [String; 2] {
    [format!("LD_PRELOAD={preload}:$LD_PRELOAD"), format!("LD_PRELOAD=$LD_PRELOAD:{preload}")]
}

#[test]
fn wrappers_that_call_by_number_end() {
    private(|| {
        let built = Built::begin("by-number");
        let (wrapper, calls) = (built.library("libraries/by_number.c"), built.program("libraries/calls.c", &[]));
        for first in RANGES {
            for order in both_orders(&wrapper) {
                for options in [&[][..], &["--sharing", "exclusive"]] {
                    let script = format!("{order} exec {calls}");
                    told_ports(first, 10, &mut under(first, options, &["sh", "-c", &script]));
                }
            }
        }
    });
}

#[test]
fn preloads_that_look_into_libc_find_libc() {
    private(|| {
        let built = Built::begin("from-libc");
        let (wrapper, asks) = (built.library("libraries/from_libc.c"), built.program("libraries/asks.c", &[]));
        for first in RANGES {
            for order in both_orders(&wrapper) {
                let script = format!("{order} exec {asks}");
                let said = told_ports(first, 1, &mut under(first, &[], &["sh", "-c", &script]));
                assert_eq!(said.matches("wrapped bind").count(), 1, "{said}");
            }
        }
    });
}

#[test]
fn preloads_that_stand_for_dlsym_go_on_doing_so() {
    private(|| {
        let built = Built::begin("hooks-dlsym");
        let (wrapper, looks_up) =
            (built.library("libraries/hooks_dlsym.c"), built.program("libraries/looks_up.c", &[]));
        let bare = must(Command::new(&looks_up).env("LD_PRELOAD", &wrapper));
        for order in both_orders(&wrapper) {
            // What such a library finds in libc by its own means, it finds there.
            let said = must(&mut under(RANGES[0], &[], &["sh", "-c", &format!("{order} exec {looks_up}")]));
            assert_eq!(told(&said).len(), 7, "{said}");
            assert_eq!(said.lines().last(), bare.lines().last(), "{said}");
        }
    });
}

#[test]
fn lookups_on_any_handle_find_the_hooks() {
    private(|| {
        let built = Built::begin("looks-up");
        let looks_up = built.program("libraries/looks_up.c", &[]);
        let bare = must(&mut Command::new(&looks_up));
        for first in RANGES {
            let said = told_ports(first, 7, &mut under(first, &[], &[&looks_up]));
            assert_eq!(said.lines().last(), bare.lines().last(), "{said}");
            told_ports(first, 3, &mut under(first, &[], &["python3", text(&source("libraries/ctypes_on_libc.py"))]));
        }
    });
}

#[test]
fn deeply_bound_plug_ins_ask_the_policy() {
    private(|| {
        let built = Built::begin("deepbind");
        let _plugin = built.library("libraries/plugin.c");
        let loads = built.program("libraries/loads.c", &[&format!("-Wl,-rpath,{},--enable-new-dtags", built.folder())]);
        for first in RANGES {
            told_ports(first, 1, &mut under(first, &[], &[&loads]));
            told_ports(first, 1, &mut under(first, &[], &[&loads, "into the first namespace"]));
        }
    });
}

/// A process whose clock is wrong is still the one that has reserved, and one whose clock is right
/// sees that.
#[test]
fn faked_clocks_make_no_reservation_vanish() {
    private(|| {
        let script = source("libraries/reserves.py");
        for clock in ["-10d", "+10d", "@2020-01-01 00:00:00"] {
            let inner = "
                mkfifo \"$3\"
                faketime -f \"$2\" python3 \"$1\" reserve < \"$3\" > \"$3.told\" &
                exec 3> \"$3\"
                while ! grep -q reserved \"$3.told\"; do sleep 0.01; done
                python3 \"$1\" ask";
            let built = Built::begin("clock");
            let mut command = portshim(["run", "--range", "20000-20009", "--", "sh", "-c", inner, "sh"]);
            let said = must(command.args([text(&script), clock, &built.path("pipe")]));
            let mut ports = told(&said);
            ports.sort_unstable();
            assert_eq!(ports, [20008, 20009], "{clock}: {said}");
        }
    });
}

#[test]
fn bad_pointers_are_refused_under_valgrind_too() {
    private(|| {
        let built = Built::begin("valgrind");
        let program = built.program("libraries/bad_pointers.c", &[]);
        // What the program is told, and how often memcheck complains: without portshim, of the
        // program's own calls.
        let run = |command: &mut Command| {
            let output = command.output().expect("valgrind runs; `make setup` installs it");
            assert!(output.status.success(), "{}", said(&output));
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            let complaints = log.lines().filter(|line| line.contains("Syscall param") || line.contains("Invalid "));
            (String::from_utf8_lossy(&output.stdout).into_owned(), complaints.count())
        };
        let (told, complaints) = run(Command::new("valgrind").args(["-q", &program]));
        for first in RANGES {
            let (told_under, complaints_under) = run(&mut under(first, &[], &["valgrind", "-q", &program]));
            assert_eq!(told_under, told);
            assert!(complaints_under <= complaints, "{complaints_under} complaints, {complaints} without portshim");
        }
    });
}

/// Ways to start a program, each with an environment of its own.
const WAYS: [&str; 9] =
    ["posix_spawn", "posix_spawnp", "vfork", "execve", "execvpe", "syscall", "syscall_at", "system", "popen"];

#[test]
fn children_are_followed_from_little_stack_with_any_environment() {
    private(|| {
        let built = Built::begin("small-stack");
        let (asks, starts) = (built.program("libraries/asks.c", &[]), built.program("libraries/small_stack.c", &[]));
        for (variables, preload) in [(1, 0), (60, 0), (250, 0), (1500, 0), (5000, 0), (33_000, 0), (3, 900), (3, 9000)]
        {
            for way in WAYS {
                let (variables, preload) = (variables.to_string(), preload.to_string());
                told_ports(20000, 1, &mut under(20000, &[], &[&starts, &asks, way, &variables, &preload]));
            }
        }
    });
}

#[test]
fn children_of_vfork_leave_no_memory_behind() {
    private(|| {
        let built = Built::begin("leaves-nothing");
        let program = built.program("libraries/leaves_nothing.c", &[]);
        let left: i32 = must(&mut under(20000, &[], &[&program])).trim().parse().expect("a number");
        // Threads come and go, and with them their stacks.
        assert!(left <= 24, "{left} mappings more after 288 more children");
    });
}

/// A child is switched off by PORTSHIM_DISABLE=1, and by nothing else.
#[test]
fn children_stay_under_the_policy_whatever_is_left_of_its_variables() {
    private(|| {
        let built = Built::begin("left-of-variables");
        let asks = built.program("libraries/asks.c", &[]);
        for environment in [
            "-i",
            "PORTSHIM_POLICY=",
            "PORTSHIM_SESSION=",
            "PORTSHIM_SESSION=/nowhere",
            "-u PORTSHIM_POLICY PORTSHIM_SESSION=/nowhere",
            "PORTSHIM_POLICY= PORTSHIM_SESSION=",
            "PORTSHIM_POLICY= PORTSHIM_SESSION=/nowhere LD_PRELOAD=",
            "-i PORTSHIM_SESSION=/nowhere",
            "-i PORTSHIM_DISABLE=0",
        ] {
            let script = format!("env {environment} {asks}; env {environment} sh -c {asks}");
            told_ports(20000, 2, &mut under(20000, &[], &["sh", "-c", &script]));
        }
        let script = format!("PORTSHIM_DISABLE=1 {asks}");
        let ports = told(&must(&mut under(20000, &[], &["sh", "-c", &script])));
        assert!(ports.iter().all(|port| !(20000..20100).contains(port)), "{ports:?}");
    });
}

/// The most stack that a hook takes more than the call takes without it, and that a function of the
/// C API takes: the figures of docs/architecture.md.
const HOOK: i32 = 8 << 10;
const FUNCTION: i32 = 12 << 10;

#[test]
fn hooks_take_no_more_stack_than_is_said() {
    private(|| {
        let built = Built::begin("painted");
        for compiler in ["cc", "musl-gcc"] {
            let program = built.by(compiler, "libraries/painted.c", "painted", &[]);
            // The dynamic linker is not to look anything up on the painted stack.
            let depths = |command: &mut Command| -> BTreeMap<String, i32> {
                let said = must(command.env("LD_BIND_NOW", "1"));
                let row = |line: &str| {
                    let (name, depth) = line.split_once(' ').expect("a name and a number");
                    (name.to_owned(), depth.parse().expect("a number"))
                };
                said.lines().map(row).collect()
            };
            let bare = depths(&mut Command::new(&program));
            for policy in [
                &["--range", "20000-20003"][..],
                &["--range", "20000-20999"],
                &["--range", "20000-20003", "--sharing", "exclusive"],
                &["--range", "41000-41003"],
                &["--range", "41000-41999", "--sharing", "exclusive"],
                &["--range", "20000-20003,41000-41003"],
                &["--preset", "windows-2003", "--max-user-port", "5000"],
            ] {
                let mut command = portshim([&["run", "--log", "/dev/null"][..], policy, &["--", &program]].concat());
                for (name, depth) in depths(&mut command) {
                    let more = depth - bare[&name];
                    let most =
                        if ["reserve", "block", "exhaust", "only"].contains(&name.as_str()) { FUNCTION } else { HOOK };
                    assert!(more <= most, "{name} under {policy:?} takes {more} bytes more than without portshim");
                }
            }
        }
    });
}

/// A wrapper before or behind ours makes no port count twice.
#[test]
fn ports_count_once_beside_a_wrapper() {
    private(|| {
        let built = Built::begin("count-once");
        let (wrapper, asks) = (built.library("libraries/by_number.c"), built.program("libraries/asks.c", &[]));
        for first in RANGES {
            for order in both_orders(&wrapper) {
                let log = built.path("log");
                let script = format!("{order} exec {asks}");
                told_ports(first, 1, &mut under(first, &["--log", &log], &["sh", "-c", &script]));
                let lines = BufReader::new(std::fs::File::open(&log).expect("the log is there")).lines().count();
                assert_eq!(lines, 1, "{order}, from {first}");
                std::fs::remove_file(log).expect("it is ours");
            }
        }
    });
}
