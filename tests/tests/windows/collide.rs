//! `portshim.exe collide`: a port that a stranger holds, and lets go.

use super::launched::{probe_path, terminal, without_escapes};
use portshim_tests::programs::until;
use portshim_tests::said;
use portshim_tests::wine::{Said, Talk, output, portshim, range, spec};
use std::net::{TcpListener, TcpStream, UdpSocket};

/// What Windows tells of a port that another socket has for itself alone: one or the other.
const TAKEN: [u32; 2] = [10_048, 10_013];

/// What the probe says of a port while it is held like this.
fn meanwhile(how: &[&str], verbs: &[&str]) -> Said {
    let mut command = portshim(["collide"]);
    Said::of(command.args(how).args(["--", &probe_path()]).args(verbs))
}

/// At every address, in the scopes that are named; and it is free again at once.
pub(crate) fn a_program_finds_its_port_taken() {
    let port = range(1).0;
    let bind = |host: &str| format!("bind={host},{port}");
    let (any, here, six) = (bind("0.0.0.0"), bind("127.0.0.1"), bind("::1"));
    let verbs = ["tcp4", &any, "tcp4", &here, "tcp6", &six, "udp4", &here, "udp6", &six];
    for (how, expected) in
        [(format!("{port}"), 5), (format!("{port}/tcp"), 3), (format!("{port}/tcp4"), 2), (format!("{port}/udp"), 2)]
    {
        let said = meanwhile(&[&how], &verbs);
        let errors = said.errors();
        assert!(errors.len() == expected && errors.iter().all(|error| TAKEN.contains(error)), "{how}: {said:?}");
        assert!(TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok(), "{how}");
    }
    // One that would share the port does not get it either.
    let (share, connect) = ("option=reuse,1", format!("connect=127.0.0.1,{port}"));
    let said = meanwhile(&[&format!("{port}/tcp4")], &["tcp4", share, &here, "tcp4", &connect]);
    assert_eq!(said.errors(), [10_013, 10_061], "{said:?}");
    let status = output(&mut portshim(["collide", &port.to_string(), "--", &probe_path(), "exit=42"])).status;
    assert_eq!(status.code(), Some(42));
}

/// A listener takes connections, and answers nobody.
pub(crate) fn until_the_time_is_over() {
    let port = range(1).0;
    let held = format!("{port}/tcp4");
    let mut stranger = Talk::with(portshim(["collide", &held, "--state", "listening", "--for", "3s"]));
    assert_eq!(stranger.line(), format!("{held} is held"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert_eq!(stranger.end(), (Some(0), Said(Vec::new())));

    // The program, which runs on, has not inherited it.
    let port = range(1).0;
    let verbs = [&probe_path(), "say=begun", "wait"];
    let mut program =
        Talk::with(portshim([&["collide", &format!("{port}/udp4"), "--for", "1s", "--"][..], &verbs].concat()));
    assert_eq!(program.line(), "say begun");
    until("the port is let go", || UdpSocket::bind(("127.0.0.1", port)).is_ok());
    program.say("");
    assert_eq!(program.end().0, Some(0));
}

/// Ctrl-C ends it.
pub(crate) fn until_interrupted() {
    let port = range(1).0;
    let mut stranger = terminal(&format!("collide {port}/udp4"));
    while !without_escapes(&stranger.line()).contains("held") {}
    assert!(UdpSocket::bind(("127.0.0.1", port)).is_err());
    stranger.send("\x03");
    assert_eq!(stranger.end().0, Some(0));
    assert!(UdpSocket::bind(("127.0.0.1", port)).is_ok());
}

/// The program of a session is in it still.
pub(crate) fn inside_a_session() {
    let (port, own) = (range(1).0, range(1));
    let mut command = portshim(["run", "--range", &spec(own), "--"]);
    command.arg(portshim_tests::wine::theirs(&portshim_tests::wine::built("portshim.exe")));
    command.args(["collide", &port.to_string(), "--", &probe_path(), "tcp4", "bind=0.0.0.0,0"]);
    assert_eq!(Said::of(&mut command).ports(), [own.0]);
}

/// What cannot be held is told of.
pub(crate) fn refused() {
    let port = range(1).0;
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is this test's own");
    let taken = format!("error: {port}/tcp4 cannot be held");
    for (args, status, words) in [
        (&[&port.to_string()[..]][..], 125, &taken[..]),
        (&["8080", "--state", "time-wait"], 125, "write one of bound, listening"),
        (&["8080-8081"], 125, "error: "),
    ] {
        let output = output(portshim(["collide"]).args(args));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(status) && complaint.contains(words), "{args:?}: {}", said(&output));
    }
    drop(listener);
}
