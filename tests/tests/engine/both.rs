//! A library in the program, and a supervisor below it for what the library does not see.

use portshim_tests::portshim;
use portshim_tests::programs::{Peer, Ports, Scratch, compile, must, private, source, text, told};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A port where nobody listens.
const NOBODY: &str = "9";

/// The program with glibc. Of a thread that is cancelled, the handlers of exceptions are run, too.
fn built(folder: &Path) -> PathBuf {
    compile("engine/both.c", folder, &["-fexceptions"])
}

/// The same with musl, which has none of the kernel's headers.
fn built_with_musl(folder: &Path) -> PathBuf {
    let built = folder.join("musl");
    let headers = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new("musl-gcc");
    command.args(["-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-idirafter", "/usr/include", "-idirafter"]);
    must(command.args([&headers, "-o", text(&built), text(&source("engine/both.c"))]));
    built
}

/// Runs a part of the program with both peers, by these options, in ports that are pinned and in
/// ports that are steered to; it tells of so many. The peers have ports from `first` on.
fn each(options: &[&str], part: &str, count: usize, first: u16) {
    let folder = Scratch::new("engine");
    let programs = [built(&folder), built_with_musl(&folder)];
    for (first, ports) in [(first, Ports::OUTSIDE), (first + 2, Ports::INSIDE)] {
        let (http, udp) = (Peer::http(first), Peer::echo(first + 1));
        for program in &programs {
            let mut command = ports.command_with(options, program);
            let said = must(command.args([part, &http.port.to_string(), &udp.port.to_string(), NOBODY]));
            let seen = told(&said);
            assert_eq!((seen.len(), said.lines().count()), (count, count), "{said}");
            ports.judge(part, &seen.into_iter().collect());
        }
    }
}

#[test]
fn the_library_needs_no_supervisor_for_what_it_sees() {
    private(|| {
        each(&["--cover", "tree"], "deaf", 8, 7001);
        each(&["--cover", "tree"], "filtered", 8, 7005);
    });
}

#[test]
fn a_socket_that_both_serve_keeps_its_port_and_gets_another_when_it_has_none() {
    private(|| {
        each(&["--cover", "tree"], "mixed", 5, 7001);
        each(&["--engine", "supervise"], "mixed", 5, 7005);
    });
}

#[test]
fn a_program_that_confines_itself_is_served_by_the_supervisor_from_then_on() {
    private(|| each(&["--cover", "tree"], "confined", 4, 7001));
}

#[test]
fn calls_that_wait_are_cancelled_and_interrupted_as_ever() {
    private(|| {
        let folder = Scratch::new("engine");
        for (program, cleaned) in [(built(&folder), 2), (built_with_musl(&folder), 1)] {
            let bare = must(Command::new(&program).arg("waiting"));
            assert!(bare.contains(&format!("sendmsg: cancelled, {cleaned}\n")), "{bare}");
            for ports in [Ports::OUTSIDE, Ports::INSIDE] {
                assert_eq!(must(ports.command_with(&["--cover", "tree"], &program).arg("waiting")), bare);
            }
        }
    });
}

/// What each process has been served is the sum of both, whatever number it has for itself.
#[test]
fn a_port_is_counted_once() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = built(&folder);
        let apart = ["unshare", "--pid", "--fork", text(&program)];
        for (ports, words) in [(Ports::OUTSIDE, &apart[3..]), (Ports::INSIDE, &apart[3..]), (Ports::OUTSIDE, &apart)] {
            let mut command = ports.command_with(&["--cover", "tree"], words[0]);
            let mut child = command
                .args(&words[1..])
                .args(["count", "5"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = vec![0; 10 * "port 12345\n".len()];
            child.stdout.as_mut().expect("it is piped").read_exact(&mut said).expect("it speaks");
            ports.judge("it", &told(&String::from_utf8(said).expect("text")).into_iter().collect());
            let status = must(&mut portshim(["status", "--json"]));
            let status: serde_json::Value = serde_json::from_str(&status).expect("it is JSON");
            let processes = status["processes"].as_array().expect("it is a list");
            let process = processes.iter().find(|process| process["name"] == "both").expect("it runs");
            for (key, value) in [("served", "10"), ("in_use", "10"), ("engine", "\"both\"")] {
                assert_eq!(process[key].to_string(), value, "{key}: {status}");
            }
            child.stdin.take().expect("it is piped").write_all(b"\n").expect("it listens");
            assert!(child.wait().expect("it ran").success());
        }
    });
}

/// Where another library stands behind ours, each of its calls is served once: by the supervisor.
#[test]
fn another_library_behind_ours_gets_to_see_the_calls() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = built(&folder);
        let between = compile("engine/between.c", &folder, &["-shared", "-fPIC"]);
        for (first, ports) in [(7001, Ports::OUTSIDE), (7003, Ports::INSIDE)] {
            let (http, udp) = (Peer::http(first), Peer::echo(first + 1));
            let mut command = ports.command_with(&["--cover", "tree"], &program);
            command.env("LD_PRELOAD", text(&between));
            let arguments = ["mixed", &http.port.to_string(), &udp.port.to_string(), NOBODY];
            let said = must(command.args(arguments));
            assert_eq!(said.lines().filter(|line| *line == "connect").count(), 3, "{said}");
            ports.judge("mixed", &told(&said).into_iter().collect());
            ports.judge("what the HTTP peer saw", &http.visitors());
        }
    });
}

/// Who drops the library goes on to be served.
#[test]
fn a_child_without_the_library_is_served_by_the_supervisor() {
    private(|| {
        let python = "import socket; s = socket.socket(); s.bind(('', 0)); print('port', s.getsockname()[1])";
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let mut command = ports.command_with(&["--cover", "tree"], "busybox");
            let script = "for drop in LD_PRELOAD PORTSHIM_SESSION NONE; do env -u $drop python3 -c \"$0\"; done
                env -i python3 -c \"$0\"";
            let said = must(command.args(["sh", "-c", script, python]));
            assert_eq!(told(&said).len(), 4, "{said}");
            ports.judge("the children", &told(&said).into_iter().collect());
        }
    });
}
