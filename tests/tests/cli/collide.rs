//! `portshim collide`: a port that a stranger holds, in each state, and lets go.

use portshim_tests::programs::{Service, must, private, until};
use portshim_tests::{portshim, portshim_path, said};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// What a program says of the port while it is held like this.
fn meanwhile(how: &[&str], program: &str) -> Output {
    let mut command = portshim(["collide"]);
    command.args(how).args(["--", "python3", "-c", program]).output().expect("it runs")
}

/// Tries the port in each scope, and says what became of it.
const TRY: &str = r#"
import errno, socket
for family, ip in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        with socket.socket(family, kind) as one:
            try:
                one.bind((ip, 8123))
                print("had", end=" ")
            except OSError as e:
                print(errno.errorcode[e.errno], end=" ")
with socket.socket() as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    print("reuse", end=" ")
    try:
        one.bind(("127.0.0.1", 8123))
        one.listen()
        print("had", end=" ")
    except OSError as e:
        print(errno.errorcode[e.errno], end=" ")
with socket.socket() as one:
    print("connect", errno.errorcode.get(one.connect_ex(("127.0.0.1", 8123)), 0))
"#;

#[test]
fn a_program_finds_its_port_taken() {
    private(|| {
        const TAKEN: &str = "EADDRINUSE";
        for (how, expected) in [
            (&["8123"][..], format!("{TAKEN} {TAKEN} {TAKEN} {TAKEN} reuse {TAKEN} connect ECONNREFUSED")),
            (&["8123/tcp4"], format!("{TAKEN} had had had reuse {TAKEN} connect ECONNREFUSED")),
            (&["8123/udp", "--state=bound"], format!("had {TAKEN} had {TAKEN} reuse had connect ECONNREFUSED")),
            (&["--state", "listening", "8123"], format!("{TAKEN} {TAKEN} {TAKEN} {TAKEN} reuse {TAKEN} connect 0")),
            (&["8123", "--state", "time-wait"], format!("{TAKEN} had {TAKEN} had reuse had connect ECONNREFUSED")),
        ] {
            let output = meanwhile(how, TRY);
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{expected}\n"), "{how:?}: {}", said(&output));
            assert!(output.status.success() && output.stderr.is_empty(), "{how:?}: {}", said(&output));
            // It is free again at once, whatever the state was.
            let (tcp, udp) =
                (must(Command::new("ss").args(["-Htan", "sport", "= 8123"])), UdpSocket::bind("[::]:8123"));
            assert!(tcp.is_empty() && udp.is_ok(), "{how:?}: {tcp}");
        }
    });
}

#[test]
fn the_programs_end_is_its_own() {
    private(|| {
        assert_eq!(meanwhile(&["8123"], "import sys; sys.exit(7)").status.code(), Some(7));
        assert_eq!(meanwhile(&["8123"], "import os; os.kill(os.getpid(), 9)").status.signal(), Some(libc::SIGKILL));
        let output = portshim(["collide", "8123", "--", "no-such-program"]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(127), "{}", said(&output));
    });
}

/// A program of a session is in it still.
#[test]
fn inside_a_session_the_program_is_covered() {
    private(|| {
        let bind = "import socket; s = socket.socket(); s.bind(('', 0)); print(s.getsockname()[1])";
        let mut command = portshim(["run", "--range", "20000", "--quiet", "--"]);
        command.arg(portshim_path()).args(["collide", "8123", "--", "python3", "-c", bind]);
        assert_eq!(must(&mut command), "20000\n");
    });
}

#[test]
fn without_a_program_it_is_held_until_that_ends() {
    private(|| {
        let mut held = Service::start(portshim(["collide", "8123/tcp4", "--state", "listening"]));
        held.line(|line| (line == "8123/tcp4 is held\n" || line == "8123/tcp4 is held").then_some(()));
        let _client = TcpStream::connect("127.0.0.1:8123").expect("somebody listens");
        let output = portshim(["collide", "8123/tcp4"]).output().expect("it runs");
        let told = format!(
            "error: 8123/tcp4 cannot be held: process {} (portshim) has it\n\
             help:  end that process; or does it do what was to be tested?\n",
            held.pid()
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), told);
        // SAFETY: kill(2) of a child of ours that nobody has waited for.
        assert_eq!(unsafe { libc::kill(held.pid() as i32, libc::SIGTERM) }, 0);
        until("it is let go", || TcpStream::connect("127.0.0.1:8123").is_err());
        must(portshim(["collide", "8123/tcp4", "--state", "time-wait", "--for", "100ms"]).env("LC_ALL", "C"));
        assert_eq!(must(Command::new("ss").args(["-Htan", "sport", "= 8123"])), "");
    });
}

#[test]
fn slips_are_told_of() {
    for (args, problem, help) in [
        (
            &["8123/udp", "--state", "time-wait"][..],
            "of 8123/udp nothing can rest in TIME_WAIT: only TCP does that",
            "name another --state, or /tcp",
        ),
        (&["8123", "--state", "open"], "`open`: there is no such state", "write one of bound, listening, time-wait"),
        (&["8123", "--for", "ever"], "`ever` is no time", "--for takes times such as 30s, 500ms or 5m"),
    ] {
        let output = portshim(["collide"]).args(args).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: {problem}\nhelp:  {help}\n"), "{args:?}");
        assert_eq!(output.status.code(), Some(125));
    }
}
