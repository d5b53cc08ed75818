//! The promises of the first screen, to the letter: what a program is told when the policy has no
//! port left, and what reserved and blocked ports are, inside the host's range and outside of it.

use portshim_tests::portshim;
use portshim_tests::programs::{must, private, source};

/// Ranges of ten ports that the kernel cannot, and can, be steered to.
const RANGES: [u16; 2] = [20000, 41000];

#[test]
fn ten_ports_are_ten_ports() {
    private(|| {
        for first in RANGES {
            let range = format!("{first}-{}", first + 9);
            let said = must(&mut portshim([
                "run",
                "--range",
                &range,
                "--",
                "python3",
                source("promises/exhaust.py").to_str().expect("text"),
            ]));
            assert_eq!(
                said,
                "udp bind: 10 ok, 1 EADDRINUSE\n\
                 udp send: 1 EAGAIN\n\
                 tcp to one: 10 ok, 1 EADDRNOTAVAIL\n\
                 tcp to another: 10 ok, 1 EADDRNOTAVAIL\n\
                 tcp bind: 1 EADDRINUSE\n",
                "{range}"
            );
        }
    });
}

/// The port that the server has cannot be connected from, and what cannot be had is told and
/// counted so.
#[test]
fn a_server_that_connects_to_itself_runs_out() {
    private(|| {
        for first in RANGES {
            let (range, script) = (format!("{first}-{}", first + 2), source("promises/inside.py"));
            let script = script.to_str().expect("text");
            let output =
                portshim(["run", "--range", &range, "--report", "--", "python3", script]).output().expect("it runs");
            let none = "EADDRNOTAVAIL 0";
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("2, {none}, {none}, {none}\n"), "{range}");
            let report = String::from_utf8_lossy(&output.stderr);
            let counts =
                report.lines().find_map(|line| line.trim_start().strip_prefix("tcp4 ")).expect("a line of TCP");
            assert_eq!(counts.split_whitespace().collect::<Vec<_>>(), ["3", "3", "0", "3"], "{range}");
        }
    });
}

/// Linux leaves one port of an odd number out where it chooses for a bind, with which such a
/// connection begins.
#[test]
fn a_connection_that_has_its_port_alone_gets_every_one() {
    const CONNECT: &str = "
import socket
server, got = socket.create_server(('127.0.0.1', 700)), []
try:
    while True:
        got.append(socket.create_connection(('127.0.0.1', 700)))
except OSError as error:
    print(len(got), error.strerror)
";
    private(|| {
        for first in RANGES {
            let range = format!("{first}-{}", first + 6);
            let policy = ["run", "--range", &range, "--sharing", "exclusive", "--", "python3", "-c", CONNECT];
            assert_eq!(must(&mut portshim(policy)), "7 Cannot assign requested address\n", "{range}");
        }
    });
}

#[test]
fn reserved_ports_are_skipped_and_blocked_ones_refused() {
    private(|| {
        for first in RANGES {
            let (range, reserved) = (format!("{first}-{}", first + 9), format!("{}-{}", first + 3, first + 5));
            let (named, blocked) = ((first + 4).to_string(), (first + 7).to_string());
            for (scope, tcp, udp) in [
                ("", "012689 ok EACCES", "012689 ok EACCES"),
                ("/udp", "0123456789 EADDRINUSE EADDRINUSE", "012689 ok EACCES"),
            ] {
                let (reserve, block) = (format!("{reserved}{scope}"), format!("{blocked}{scope}"));
                let policy = ["run", "--range", &range, "--reserve", &reserve, "--block", &block, "--", "python3"];
                let script = source("promises/avoid.py");
                let said =
                    must(&mut portshim(policy.into_iter().chain([script.to_str().expect("text"), &named, &blocked])));
                assert_eq!(said, format!("tcp4 {tcp}\ntcp6 {tcp}\nudp4 {udp}\nudp6 {udp}\n"), "{range}{scope}");
            }
        }
    });
}
