//! Many processes, threads and calls at once, under a supervisor. `STRESS_SECONDS` has it serve
//! calls for about as long.

use super::built::{Way, program};
use super::manners::{both, send, told_of};
use portshim_tests::portshim;
use portshim_tests::programs::{
    Peer, Ports, Scratch, Service, Watch, compile, copy_program, must, private, set_sysctl, text, told, until,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Calls that the supervisor is told of in a test of its memory.
const CALLS: usize = 51_840;
/// As many it serves in a second, about.
const CALLS_A_SECOND: usize = 30_000;

/// The options by which it is served from outside alone.
const SUPERVISED: &[&str] = &["--engine", "supervise"];

/// The program, and by which options it is served: by a library in it or by a guest in it, with the
/// supervisor below, and by the supervisor alone.
fn ways(folder: &Path) -> [(PathBuf, &'static [&'static str]); 3] {
    let dynamic = compile("engine/scale.c", folder, &[]);
    let guest = program(Way::Glibc, "engine/scale.c", &["-pthread"], &folder.join("static"));
    [(dynamic.clone(), &["--cover", "tree"]), (dynamic, SUPERVISED), (guest, &["--engine", "inside"])]
}

/// Runs a part in ports that are pinned and in ports that are steered to, all of which are watched
/// from outside; it tells of so many.
fn each(part: &str, count: &str, times: &str, tells: usize) {
    let folder = Scratch::new("scale");
    set_sysctl("tcp_max_tw_buckets", "20");
    let peer = Peer::http(7001);
    let watch = Watch::begin(&[peer.port]);
    let all = [Ports::OUTSIDE, Ports::INSIDE];
    for (program, options) in ways(&folder) {
        for ports in all {
            let mut command = ports.command_with(options, &program);
            let said = must(command.args([part, count, &peer.port.to_string(), times]));
            let seen = told(&said);
            assert_eq!((seen.len(), said.lines().count()), (tells, tells), "{options:?}: {said}");
            ports.judge("what it sees itself", &seen.into_iter().collect());
        }
    }
    for seen in [watch.end(), peer.visitors()] {
        let strays: Vec<_> = seen.iter().filter(|port| !all.iter().any(|ports| ports.allow(**port))).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
}

/// As many as there are ports, all at the same moment.
#[test]
fn a_thousand_children_get_a_port_each() {
    private(|| {
        let folder = Scratch::new("scale");
        for ((program, options), first) in ways(&folder).into_iter().zip([20000, 40000, 30000]) {
            let mut command = portshim(["run", "--range", &format!("{first}-{}", first + 999)]);
            let said = must(command.args(options).arg("--").arg(&program).args(["children", "1000"]));
            let ports: BTreeSet<u16> = told(&said).into_iter().collect();
            assert_eq!(ports, (first..first + 1000).collect(), "{options:?}: {said}");
        }
    });
}

#[test]
fn many_threads_at_once() {
    private(|| each("threads", "64", "3", 64 * 3 * 3));
}

#[test]
fn a_server_with_forked_workers() {
    private(|| each("server", "8", "1", 1 + 2 * 8 * 20));
}

/// Threads are in the midst of calls when their process becomes another program.
#[test]
fn exec_under_load() {
    private(|| each("execs", "20", "1", 21));
}

/// Calls of the program that was are served by its rules, and those of the next one by its own.
#[test]
fn a_program_that_becomes_another_in_the_midst_of_calls() {
    private(|| {
        let folder = Scratch::new("scale");
        let program = compile("engine/scale.c", &folder, &[]);
        let (next, policy) = (folder.join("next"), folder.join("policy.toml"));
        copy_program(&program, &next);
        let rules = "dynamic.all = \"20000-20999\"\n[[process]]\nmatch = \"next\"\ndynamic.all = \"30000-30999\"\n";
        std::fs::write(&policy, rules).expect("the folder is ours");
        for _ in 0..40 {
            let mut command = portshim(["run", "-c", text(&policy)]);
            let said = must(command.args(SUPERVISED).arg("--").arg(&program).args(["another", text(&next)]));
            let port = told(&said)[0];
            assert!((30000..31000).contains(&port), "{port}");
        }
    });
}

/// The supervisor keeps no more memory and no more descriptors, however many calls it serves, and
/// for however many processes and threads.
#[test]
fn what_it_takes_does_not_grow() {
    private(|| {
        let folder = Scratch::new("scale");
        set_sysctl("tcp_max_tw_buckets", "20");
        let calls = std::env::var("STRESS_SECONDS").map_or(CALLS, |seconds| {
            CALLS_A_SECOND * seconds.parse::<usize>().unwrap_or_else(|e| panic!("STRESS_SECONDS: {seconds}: {e}"))
        });
        let program = compile("engine/scale.c", &folder, &[]);
        let mut command = Ports::INSIDE.command_with(SUPERVISED, &program);
        command.args(["calls", &calls.to_string(), "9"]).stdin(Stdio::piped());
        let mut service = Service::start(command);
        let (supervisor, _) = both(service.pid());
        let taken: Vec<_> = (1..=3)
            .map(|third| {
                service.line(|line| (line == format!("third {third}\n")).then_some(()));
                let taken = (private_memory(supervisor), descriptors(supervisor));
                writeln!(service.input()).expect("it listens");
                taken
            })
            .collect();
        assert!(taken[2].0 <= taken[1].0 + 64, "{taken:?}");
        assert!(taken.iter().all(|(_, descriptors)| *descriptors < 600), "{taken:?}");
    });
}

/// Nor for however many programs a guest is brought into.
#[test]
fn what_bringing_the_guest_takes_does_not_grow() {
    const SCRIPT: &str = "for third in 1 2 3; do
            for turn in $(seq 100); do for program; do \"$program\" true; done; done
            echo third $third; read -r none
        done";
    private(|| {
        let folder = Scratch::new("scale");
        let programs = ["one", "two", "three"].map(|name| folder.join(name).join("busybox"));
        for program in &programs {
            std::fs::create_dir(program.parent().expect("it is in a folder")).expect("the folder is ours");
            must(Command::new("cp").arg("/bin/busybox").arg(program));
        }
        let mut command = Ports::INSIDE.command_with(&["--engine", "inside", "--cover", "tree"], "sh");
        command.args(["-c", SCRIPT, "sh"]).args(&programs).stdin(Stdio::piped());
        let mut service = Service::start(command);
        let (supervisor, _) = both(service.pid());
        let threads = || std::fs::read_dir(format!("/proc/{supervisor}/task")).expect("it runs").count();
        let taken: Vec<_> = (1..=3)
            .map(|third| {
                service.line(|line| (line == format!("third {third}\n")).then_some(()));
                let taken = (private_memory(supervisor), descriptors(supervisor), threads());
                writeln!(service.input()).expect("it listens");
                taken
            })
            .collect();
        assert!(taken[2].0 <= taken[1].0 + 256, "{taken:?}");
        assert!(taken.iter().all(|(_, descriptors, threads)| *descriptors < 600 && *threads <= 66), "{taken:?}");
    });
}

/// Memory that is a process's alone, in KiB.
fn private_memory(process: u32) -> usize {
    let path = format!("/proc/{process}/smaps_rollup");
    let told = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let line = told.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("Linux 5.19 has it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count()
}

/// The program ends with it. Of others the calls fail that are on their way to it.
#[test]
fn a_supervisor_that_is_killed_under_load_leaves_nobody_hanging() {
    private(|| {
        let folder = Scratch::new("scale");
        let program = compile("engine/scale.c", &folder, &[]);
        let mut command = Ports::OUTSIDE.command_with(SUPERVISED, &program);
        command.args(["storm", "50"]).stderr(Stdio::null());
        let mut service = Service::start(command);
        service.line(|line| (line == "ready\n").then_some(()));
        let (supervisor, storm) = both(service.pid());
        let name = told_of(storm, "Name:").expect("it runs");
        send("-KILL", supervisor);
        until("all have ended", || {
            let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
            let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let lives = |pid| told_of(pid, "State:").is_some_and(|state| !state.starts_with('Z'));
            !pids.any(|pid| told_of(pid, "Name:").as_ref() == Some(&name) && lives(pid))
        });
    });
}
