//! A program under a supervisor is as it would be alone: to its caller, to the terminal, to its
//! children. What ends a supervisor leaves no program hanging.

use super::built::{Way, ports};
use portshim_tests::programs::{Ports, Scratch, Service, compile, must, private, source, text, told, until};
use portshim_tests::{portshim, portshim_path, said};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

const SUPERVISED: [&str; 3] = ["run", "--engine", "supervise"];

fn status_of(script: &str) -> ExitStatus {
    let output = portshim(SUPERVISED).args(["--", "sh", "-c", script]).output().expect("it runs");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{}", said(&output));
    output.status
}

pub(super) fn send(signal: &str, process: u32) {
    must(Command::new("kill").args([signal, &process.to_string()]));
}

/// A field of proc(5)'s status.
pub(super) fn told_of(process: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(field)).map(|text| text.trim().to_owned())
}

/// The processes whose parent is this one.
fn children_of(process: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("Linux has it").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|child| told_of(*child, "PPid:") == Some(process.to_string())).collect()
}

/// The supervisor and the program of a `portshim run`.
pub(super) fn both(portshim: u32) -> (u32, u32) {
    until("the program has begun", || {
        children_of(portshim).iter().any(|supervisor| children_of(*supervisor).len() == 1)
    });
    let supervisor = children_of(portshim)[0];
    let program = children_of(supervisor)[0];
    until("it is itself", || told_of(program, "Name:").is_some_and(|name| name != "portshim"));
    (supervisor, program)
}

#[test]
fn the_status_is_the_programs_own() {
    assert_eq!(status_of("exit 0").code(), Some(0));
    assert_eq!(status_of("exit 7").code(), Some(7));
    assert_eq!(status_of("kill -TERM $$").signal(), Some(libc::SIGTERM));
    assert_eq!(status_of("kill -KILL $$").signal(), Some(libc::SIGKILL));
    assert_eq!(portshim(SUPERVISED).args(["--", "no-such-program"]).status().expect("it runs").code(), Some(127));
}

/// A shell ends a loop only where the program of a turn has been ended by SIGINT.
#[test]
fn an_interrupt_ends_a_shells_loop_around_it() {
    private(|| {
        for options in [&SUPERVISED[1..], &["--report=/dev/null"]] {
            // Whoever runs the tests may ignore it, as a shell's job in the background does.
            let mut shell = Command::new("env");
            shell.args(["--default-signal", "bash", "-c", r#"for turn in 1 2 3; do "$@"; done; echo went on"#, "bash"]);
            shell.arg(portshim_path()).arg("run").args(options).args(["--", "sh", "-c", "echo begun; exec sleep 100"]);
            let mut child = shell.stdout(Stdio::piped()).process_group(0).spawn().expect("it runs");
            let mut told = BufReader::new(child.stdout.take().expect("it is piped"));
            let mut line = String::new();
            told.read_line(&mut line).expect("it is told");
            must(Command::new("kill").args(["-INT", "--", &format!("-{}", child.id())]));
            let mut rest = String::new();
            told.read_to_string(&mut rest).expect("it is told");
            let status = child.wait().expect("it ran");
            assert_eq!((&*line, &*rest, status.signal()), ("begun\n", "", Some(libc::SIGINT)), "{options:?}");
        }
    });
}

/// Where Yama lets ancestors alone look into processes, orphans become the supervisor's children.
#[test]
fn an_orphan_is_one_to_the_terminal() {
    private(|| {
        let orphan = || {
            let mut command = Command::new("setpriv");
            command.args(["--inh-caps=-all", "--bounding-set=-all", "python3"]).arg(source("engine/orphan.py"));
            command
        };
        let bare = must(orphan().arg("env"));
        assert_eq!(bare, "Input/output error\n");
        assert_eq!(must(orphan().arg(portshim_path()).args(SUPERVISED).arg("--")), bare);
        must(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/proc/sys/kernel"]));
        std::fs::create_dir("/proc/sys/kernel/yama").expect("it is empty");
        std::fs::write("/proc/sys/kernel/yama/ptrace_scope", "1\n").expect("the folder is there");
        assert_eq!(must(orphan().arg(portshim_path()).args(SUPERVISED).arg("--")), bare);
    });
}

#[test]
fn the_streams_and_the_descriptors_are_the_programs_own() {
    let mut command = portshim(SUPERVISED);
    command.args(["--", "sh", "-c", "cat; ls /proc/self/fd | wc -l"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    child.stdin.take().expect("it is piped").write_all(b"hello\n").expect("it reads");
    let output = child.wait_with_output().expect("it runs");
    let bare = must(Command::new("sh").args(["-c", "ls /proc/self/fd | wc -l"]).stdin(Stdio::null()));
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("hello\n{bare}"));
}

#[test]
fn signals_reach_the_program() {
    private(|| {
        let mut command = portshim(SUPERVISED);
        command.args(["--", "sh", "-c", "trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.01; done"]);
        let mut service = Service::start(command);
        service.line(|line| (line == "ready\n").then_some(()));
        send("-USR1", service.pid());
        service.line(|line| (line == "caught\n").then_some(()));
    });
}

#[test]
fn it_stops_and_goes_on_with_the_program() {
    private(|| {
        let mut command = portshim(SUPERVISED);
        command.args(["--", "sleep", "100"]);
        let service = Service::start(command);
        let (_, program) = both(service.pid());
        let state = |process| told_of(process, "State:").unwrap_or_default();
        send("-TSTP", service.pid());
        until("both have stopped", || state(service.pid()).starts_with('T') && state(program).starts_with('T'));
        send("-CONT", service.pid());
        until("both go on", || state(service.pid()).starts_with('S') && state(program).starts_with('S'));
    });
}

/// The shell is not kept waiting; what the program left behind is served until it ends.
#[test]
fn a_daemon_is_served_on() {
    private(|| {
        let folder = Scratch::new("engine");
        let (program, go, told) = (ports(Way::Musl, &folder), folder.join("go"), folder.join("told"));
        let script = "{ until [ -e \"$1\" ]; do sleep 0.01; done; echo 0 | \"$0\"; } >\"$2\" 2>&1 & exit 3";
        let mut command = Ports::INSIDE.command("busybox");
        let command = command.args(["sh", "-c", script, text(&program), text(&go), text(&told)]);
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        std::fs::write(&go, "").expect("the folder is ours");
        let answer = || std::fs::read_to_string(&told).unwrap_or_default();
        until("it has answered", || answer().ends_with('\n'));
        let port = answer().trim_end().strip_prefix("port ").and_then(|port| port.parse().ok()).unwrap_or(0);
        assert!(Ports::INSIDE.allow(port), "{}", answer());
        until("nobody is left", || {
            let names = std::fs::read_dir("/proc").expect("Linux has it").flatten();
            let mut pids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let lives = |pid| !told_of(pid, "State:").is_none_or(|state| state.starts_with('Z'));
            !pids.any(|pid| told_of(pid, "Name:").as_deref() == Some("portshim") && lives(pid))
        });
    });
}

#[test]
fn whoever_is_killed_leaves_nobody_hanging() {
    private(|| {
        for kills_supervisor in [true, false] {
            let mut command = portshim(SUPERVISED);
            command.args(["--", "sleep", "100"]).stderr(Stdio::piped());
            let mut child = command.spawn().expect("it runs");
            let (supervisor, program) = both(child.id());
            send("-KILL", if kills_supervisor { supervisor } else { child.id() });
            until("the program has ended", || told_of(program, "State:").is_none_or(|state| state.starts_with('Z')));
            let status = child.wait().expect("it ran");
            if kills_supervisor {
                assert_eq!(status.code(), Some(128 + 9));
            }
            until("the supervisor has ended", || {
                told_of(supervisor, "State:").is_none_or(|state| state.starts_with('Z'))
            });
        }
    });
}

/// The kernel goes from the one to the other soonest where both are of one session. What a terminal
/// sends is for the program's group alone.
#[test]
fn the_supervisor_is_of_the_programs_session_and_of_a_group_of_its_own() {
    private(|| {
        let mut child = portshim(SUPERVISED).args(["--", "sleep", "100"]).spawn().expect("it runs");
        let (supervisor, program) = both(child.id());
        assert_eq!(told_of(supervisor, "NSsid:"), told_of(program, "NSsid:"));
        assert_eq!(told_of(child.id(), "NSpgid:"), told_of(program, "NSpgid:"));
        assert_ne!(told_of(supervisor, "NSpgid:"), told_of(program, "NSpgid:"));
        send("-TERM", child.id());
        child.wait().expect("it ran");
    });
}

/// As the first process of a container.
#[test]
fn as_the_first_process() {
    let script = "sh -c 'sleep 0.05 & exit 0'; python3 -c 'import socket; s = socket.socket(); s.bind((\"\", 0)); \
                  print(s.getsockname()[1])'; exit 5";
    let mut command = Command::new("unshare");
    command.args((!portshim_tests::programs::is_root()).then_some("--map-root-user"));
    command.args(["--pid", "--fork", "--mount-proc"]).arg(portshim_path());
    let output = command.args(["run", "--strict", "--range", "20000", "--", "sh", "-c", script]).output();
    let output = output.expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "20000\n", "{}", said(&output));
    assert_eq!(output.status.code(), Some(5));
}

/// More processes come than it may have descriptors for.
#[test]
fn few_descriptors_are_enough() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = compile("engine/both.c", &folder, &[]);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]).arg(portshim_path()).args(SUPERVISED);
        let said = must(command.args(["--range", "20000-20999", "--"]).arg(program).args(["children", "100"]));
        let ports = told(&said);
        assert!(ports.len() == 100 && ports.iter().all(|port| (20000..21000).contains(port)), "{ports:?}");
    });
}

#[test]
fn a_session_file_that_is_cut_short_ends_nobody() {
    let python = "import socket; socket.socket().bind(('', 0))";
    let script = format!("python3 -c \"{python}\"; : > \"$PORTSHIM_SESSION\"; python3 -c \"{python}\"; exit 7");
    assert_eq!(status_of(&script).code(), Some(7));
}

/// Where another supervisor listens, or calls may not be told of, that is said beforehand.
#[test]
fn where_it_cannot_work_nothing_is_launched() {
    let listens = "import ctypes, struct, sys, os
libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 1, ctypes.addressof(code)))
libc.prctl(38, 1, 0, 0, 0)
os.set_inheritable(libc.syscall(317, 1, 8, program), True)
os.execvp(sys.argv[1], sys.argv[1:])";
    let mut command = Command::new("python3");
    command.args(["-c", listens]).arg(portshim_path()).args(["run", "--strict", "--", "echo", "launched"]);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    assert!(output.stdout.is_empty(), "{}", said(&output));
    let told =
        "error: `echo` cannot be supervised: another supervisor is told of its calls already\nhelp:  start portshim";
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(told), "{}", said(&output));
}
