//! `portshim exhaust`, `only` and `release`: running programs that run out of ports.

use super::server::{Server, json, refused, told};
use portshim_tests::portshim;
use portshim_tests::programs::{must, private, source};

const RANGE: [&str; 4] = ["--range", "20000-20003", "--select", "sequential"];

/// Every call that takes any port, with the error that a full host gives.
#[test]
fn each_call_fails_as_on_a_full_host() {
    private(|| {
        let mut command = portshim(["run", "--quiet", "python3"]);
        command.arg(source("sessions/exhausted.py")).arg(portshim_tests::portshim_path());
        let said = must(&mut command);
        let full = "bind EADDRINUSE, listen EADDRINUSE, connect EADDRNOTAVAIL, udp bind EADDRINUSE, \
                    udp connect EAGAIN, sendto EAGAIN, by number 0";
        let free = "bind 0, listen 0, connect 0, udp bind 0, udp connect 0, sendto 0, by number 0";
        assert_eq!(said, format!("{free}\n{full}\n{free}\ncovered\n"));
    });
}

#[test]
fn a_session_has_no_port_left_until_that_is_released() {
    private(|| {
        let mut server = Server::run(&RANGE);
        assert_eq!(server.told("udp 0"), "20000");
        assert_eq!(told(&["exhaust", "udp", "4"]), "");
        assert_eq!(server.all_told(&["udp 0", "tcp 0", "udp 20001"]), ["EADDRINUSE", "EADDRINUSE", "20001"]);
        // A socket of both families takes its port in both.
        assert_eq!(server.told("tcp6 0"), "EADDRINUSE");
        let text = told(&["status"]);
        assert!(text.contains("all of 20000-20003 is reserved, blocked or exhausted"), "{text}");
        assert!(text.contains("\nexhausted 1-65535/tcp4+udp4+udp6        the command line\n"), "{text}");
        assert_eq!(told(&["release"]), "");
        assert_eq!(server.all_told(&["udp 0", "tcp 0"]), ["20002", "20000"]);
        assert_eq!(told(&["release"]), "", "that there is nothing to release is no error");
        assert!(!told(&["status", "--json"]).contains("exhausted\": ["));
    });
}

#[test]
fn so_many_ports_are_left_or_only_those() {
    private(|| {
        let mut server = Server::run(&RANGE);
        assert_eq!(server.told("udp 20001"), "20001");
        told(&["exhaust", "--leave", "2"]);
        assert_eq!(server.all_told(&["udp 0", "udp 0", "udp 0"]), ["20000", "20002", "EADDRINUSE"]);
        assert_eq!(server.all_told(&["tcp 0", "tcp 0", "tcp 0"]), ["20000", "20001", "EADDRINUSE"]);
        told(&["release"]);
        told(&["only", "20003/udp", "20002-20009/tcp"]);
        assert_eq!(server.all_told(&["udp 0", "udp 0", "tcp 0", "tcp 0"]), ["20003", "EADDRINUSE", "20002", "20003"]);
        refused(
            &["only", "30000-30001/udp4"],
            "the session hands out none of 30000-30001 for udp4",
            "name some of 20003, or start the program with another --range",
        );
    });
}

#[test]
fn a_time_ends_it() {
    private(|| {
        let mut server = Server::run(&RANGE);
        told(&["exhaust", "--for", "2s"]);
        assert_eq!(server.told("udp 0"), "EADDRINUSE");
        while server.told("udp 0") != "20000" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(!told(&["status"]).contains("the command line"));
    });
}

#[test]
fn one_process_is_meant() {
    private(|| {
        let mut server = Server::run(&RANGE);
        let pid = server.id();
        told(&["exhaust", "--process", &pid]);
        assert_eq!(server.told("udp 0"), "EADDRINUSE");
        let said = json(&["status", "--json"], "[(e['owner']['kind'], e['alone']) for e in it['exhausted']]");
        assert_eq!(said, "[('process', True)]");
        // To others nothing is taken, as status shows it.
        assert_eq!(json(&["status", "--json"], "it['rules'][0]['scopes'][0]['allowed']"), "4");
        told(&["release"]);
        assert_eq!(server.told("udp 0"), "EADDRINUSE", "that is the session's own");
        told(&["release", "--process", &pid]);
        assert_eq!(server.told("udp 0"), "20000");
        // What was done to it before counts when it is to be left something.
        told(&["only", "20002-20003", "--process", &pid]);
        told(&["exhaust", "--leave", "1", "--process", &pid]);
        assert_eq!(server.all_told(&["udp 0", "udp 0"]), ["20002", "EADDRINUSE"]);
        refused(
            &["exhaust", "--process", "4194305"],
            "no process 4194305 runs",
            "`portshim ps --verbose` lists those of sessions",
        );
    });
}

#[test]
fn ports_are_reserved_and_blocked_for_one_process() {
    private(|| {
        let mut server = Server::run(&RANGE);
        let pid = server.id();
        let told = |args: &[&str]| told(&[args, &["--process", &pid]].concat());
        assert_eq!(told(&["block", "20000", "20001"]), "20000\n20001\n");
        told(&["reserve", "20000-20002/udp"]);
        told(&["reserve", "20002"]);
        assert_eq!(server.all_told(&["udp 0", "tcp 0", "udp 20000"]), ["20003", "20003", "EACCES"]);
        // What is for one process is nobody else's to lift.
        let blocked =
            format!("blocked are:\n       20000 for process {pid} alone\n       20001 for process {pid} alone");
        refused(&["unblock", "20000"], "no block begins with 20000", &blocked);
        // Each goes as it came: the ports of one lie in the other.
        assert_eq!(told(&["unreserve", "20002"]), "20002\n");
        assert_eq!(server.told("tcp 0"), "20002");
        assert_eq!(told(&["unblock", "20000"]), "20000\n");
        assert_eq!(server.all_told(&["udp 0", "tcp 0"]), ["EADDRINUSE", "20000"]);
        told(&["unreserve", "20000-20002/udp"]);
        assert_eq!(server.told("udp 0"), "20000");
        assert_eq!(json(&["status", "--json"], "[e['ports'] for e in it['blocked']]"), "['20001']");
    });
}

#[test]
fn slips_are_told_of() {
    private(|| {
        let _server = Server::run(&RANGE);
        let scopes = "the scopes are all, tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6";
        refused(&["exhaust", "sctp"], "`sctp` is no scope", scopes);
        refused(&["exhaust", "--leave", "few"], "`few` is no number of ports", "--leave takes 0 to 65535");
        let times = "--for takes times such as 30s, 500ms or 5m";
        refused(&["exhaust", "--for", "soon"], "`soon` is no time", times);
        refused(
            &["release", "--process", "me"],
            "`me` is no process",
            "--process takes a process's number; `portshim ps --verbose` lists those of sessions",
        );
    });
}
