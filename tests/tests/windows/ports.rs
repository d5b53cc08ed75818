//! Every call that gets a port without naming it gets one of the policy's, as its peer sees it.

use portshim_tests::programs::{Peer, until};
use portshim_tests::wine::{PRESETS, Said, output, probe, program, range, spec, windows};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::ops::RangeInclusive;
use std::process::Output;
use std::time::Duration;

/// What the probe is told to do once with each call that connects or sends; `T` and `U` are the
/// peers' ports.
const CALLS: &[&str] = &[
    "tcp4",
    "connect=127.0.0.1,T",
    "tcp4",
    "wsaconnect=127.0.0.1,T",
    "tcp4",
    "bind=0.0.0.0,0",
    "connectex=127.0.0.1,T",
    "tcp4",
    "bind=127.0.0.1,0",
    "connect=127.0.0.1,T",
    "tcp4",
    "byname=localhost,T",
    "tcp4",
    "bynamew=localhost,T",
    "tcp6",
    "connect=::1,T",
    "tcp6",
    "wsaconnect=::1,T",
    "tcp6",
    "bind=::,0",
    "connectex=::1,T",
    "tcp6",
    "option=v6only,0",
    "connect=::ffff:127.0.0.1,T",
    "udp4",
    "sendto=127.0.0.1,U",
    "udp4",
    "wsasendto=127.0.0.1,U",
    "udp4",
    "wsasendmsg=127.0.0.1,U",
    "udp4",
    "wsasendmsg-exported=127.0.0.1,U",
    "udp4",
    "connect=127.0.0.1,U",
    "send",
    "udp4",
    "wsaconnect=127.0.0.1,U",
    "send",
    "udp4",
    "bind=127.0.0.1,0",
    "sendto=127.0.0.1,U",
    "udp6",
    "sendto=::1,U",
    "udp6",
    "wsasendto=::1,U",
    "udp6",
    "wsasendmsg=::1,U",
    "udp6",
    "option=v6only,0",
    "sendto=::ffff:127.0.0.1,U",
];

/// Has the probe make every call, and gives the ports that the peers saw.
fn seen(command: impl FnOnce(&[&str]) -> std::process::Command) -> BTreeSet<u16> {
    let (http, udp) = (Peer::http(0), Peer::echo(0));
    let verbs: Vec<String> = CALLS.iter().map(|verb| filled(verb, http.port, udp.port)).collect();
    let said = Said::of(&mut command(&verbs.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(said.errors().is_empty(), "{said:#?}");
    // TCP and UDP, IPv4 and IPv6 may be given the same numbers.
    let told: BTreeSet<u16> = said.ports().into_iter().collect();
    let seen = || -> BTreeSet<u16> { http.visitors().union(&udp.visitors()).copied().collect() };
    until(&format!("the peers have seen {told:?}"), || seen().is_superset(&told));
    let seen = seen();
    assert_eq!(told, seen, "what it sees itself, and what its peers see");
    seen
}

fn filled(verb: &str, tcp: u16, udp: u16) -> String {
    match verb.rsplit_once(',') {
        Some((before, "T")) => format!("{before},{tcp}"),
        Some((before, "U")) => format!("{before},{udp}"),
        _ => verb.to_owned(),
    }
}

fn every_call(preset: &str, range: &RangeInclusive<u16>) {
    let _shared = PRESETS.read();
    let seen = seen(|verbs| probe(&["--preset", preset], verbs));
    assert!(seen.iter().all(|port| range.contains(port)), "{preset}: {seen:?}");
}

pub(crate) fn every_call_under_windows_xp() {
    every_call("windows-xp", &(1025..=5000));
}

pub(crate) fn every_call_under_windows_2003() {
    every_call("windows-2003-sp1", &(1025..=5000));
}

pub(crate) fn every_call_under_windows_vista() {
    every_call("windows-vista", &(49152..=65535));
}

/// What the others would see if portshim did nothing: the system's own ports.
pub(crate) fn without_portshim() {
    let seen = seen(|verbs| {
        let mut command = windows(program("probe.exe"));
        command.args(verbs);
        command
    });
    assert!(seen.iter().all(|port| (30_000..40_000).contains(port)), "{seen:?}");
}

/// A server on any port listens on one of the policy's, where clients reach it.
pub(crate) fn servers_are_reached() {
    for (family, address) in [("4", "127.0.0.1"), ("4", "0.0.0.0"), ("6", "::1"), ("6", "::")] {
        let range = range(4);
        let client = if family == "4" { "127.0.0.1" } else { "::1" };
        let (bind, tcp, udp) = (format!("bind={address},0"), format!("tcp{family}"), format!("udp{family}"));
        let mut server = portshim_tests::wine::Talk::with(probe(
            &["--range", &spec(range)],
            &[&udp, &bind, "echo", &tcp, &bind, "listen", "echo"],
        ));
        let port = server.port();
        assert!((range.0..=range.1).contains(&port), "{address}: UDP on {port}");
        assert_eq!(udp_answer(client, port), "hallo");
        assert!(server.line().starts_with("echo port"));
        let port = server.port();
        assert!((range.0..=range.1).contains(&port), "{address}: TCP on {port}");
        assert_eq!(server.port(), port, "`listen` keeps it");
        assert_eq!(tcp_answer(client, port), "hallo");
        assert_eq!(server.end().0, Some(0));
    }
}

pub(crate) fn tcp_answer(host: &str, port: u16) -> String {
    let mut stream = TcpStream::connect((host, port)).unwrap_or_else(|e| panic!("{host}, port {port}: {e}"));
    stream.write_all(b"hallo").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn udp_answer(host: &str, port: u16) -> String {
    let from: SocketAddr = if host.contains(':') { "[::1]:0" } else { "127.0.0.1:0" }.parse().expect("an address");
    let socket = UdpSocket::bind(from).expect("any port");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
    let mut answer = [0; 64];
    socket.send_to(b"hallo", (host, port)).expect("it is sent");
    let length = socket.recv(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// A dual-stack server has the port in both families.
pub(crate) fn dual_stack() {
    let range = range(2);
    let verbs = ["tcp6", "option=v6only,0", "bind=::,0", "listen", "echo", "echo"];
    let mut server = portshim_tests::wine::Talk::with(probe(&["--range", &spec(range)], &verbs));
    server.line();
    let port = server.port();
    assert!((range.0..=range.1).contains(&port), "{port}");
    server.line();
    assert_eq!(tcp_answer("127.0.0.1", port), "hallo");
    assert_eq!(tcp_answer("::1", port), "hallo");
    assert_eq!(server.end().0, Some(0));
}

/// Runs verbs bare and under a policy, and demands that only the numbers of ports differ.
fn same(verbs: &[&str]) {
    // Wine itself may fail to start a program while many others start: then it says nothing. Of
    // some verbs it says nothing each time, for it crashes.
    let bare = || output(windows(program("probe.exe")).args(verbs));
    let again = |first: Output| (0..2).map(|_| bare()).find(|again| !again.stdout.is_empty()).unwrap_or(first);
    let bare = Some(bare()).filter(|bare| !bare.stdout.is_empty()).unwrap_or_else(|| again(bare()));
    let ours = output(&mut probe(&["--range", &spec(range(20))], verbs));
    let masked = |said: &[u8]| -> Vec<String> {
        let mask = |line: &String| match line.split_once(" port ") {
            Some((call, port)) => format!("{call} port {}", if port == "0" { "none" } else { "some" }),
            None => line.clone(),
        };
        Said::from(said).0.iter().map(mask).collect()
    };
    assert_eq!(masked(&bare.stdout), masked(&ours.stdout), "{verbs:?}: bare, and under portshim");
    assert_eq!(bare.status, ours.status, "{verbs:?}: {}", portshim_tests::said(&ours));
}

/// A socket that has the handle of one that is gone is a new one.
pub(crate) fn handles_come_again() {
    let (range, peer) = (range(8), Peer::echo(0));
    let send = format!("sendto=127.0.0.1,{}", peer.port);
    let connect = format!("connect=127.0.0.1,{}", peer.port);
    let once = ["udp4", &send, &send, "close", "udp4", &connect, "send", "close", "tcp4", "bind=127.0.0.1,0", "close"];
    let said = Said::of(&mut probe(&["--range", &spec(range)], &once.repeat(20)));
    let ports = said.ports();
    assert_eq!(ports.len(), 5 * 20, "{said:?}");
    assert!(ports.iter().all(|port| (range.0..=range.1).contains(port)), "{said:?}");
}

/// Calls that are not about a port of the system's choice give what they give without portshim.
pub(crate) fn as_bare() {
    let peer = Peer::http(0);
    let connect = format!("connect=127.0.0.1,{}", peer.port);
    let taken = format!("bind=0.0.0.0,{}", peer.port);
    let (free, nobody) = (format!("bind=127.0.0.1,{}", range(1).0), format!("connect=127.0.0.1,{}", range(1).0));
    // Already bound, connected twice, taken by somebody on this side, no address of this machine.
    same(&["tcp4", "bind=127.0.0.1,0", "bind=127.0.0.1,0", &connect, &connect, "name"]);
    same(&["tcp4", &taken, "udp4", "bind=127.0.0.1,0", "bind=127.0.0.1,0", "tcp4", "bind=10.1.2.3,0"]);
    // Bound by number, and a second bind with each option.
    same(&["tcp4", &free, "tcp4", &free, "tcp4", "option=reuse,1", &free, "tcp4", "option=exclusive,1", &free]);
    // What wants a bound socket and has none; what nobody listens to; one that does not wait.
    same(&["tcp4", "listen", "name", "tcp4", "connectex=127.0.0.1,1", "udp4", "send", "name"]);
    same(&["tcp4", &nobody, "tcp4", "nonblocking", &connect]);
    same(&["udp4", "connect=127.0.0.1,9", "send", "connect=127.0.0.1,19", "name", "close", "name"]);
    // Options of sharing, seen and set once there is a port.
    let options = ["value=exclusive", "value=reuse", "option=reuse,1", "value=reuse", "option=exclusive,1"];
    let back = ["option=reuse,0", "value=reuse", "option=exclusive,1", "value=exclusive", "option=reuse,1"];
    for call in [["udp4", "bind=0.0.0.0,0"], ["udp4", "sendto=127.0.0.1,9"], ["udp6", "bind=::,0"], ["tcp4", &connect]]
    {
        same(&[&call[..], &options, &back].concat());
    }
    // The wrong family, and none at all.
    same(&["tcp4", "connect=::1,9", "bind=::1,0", "name", "tcp6", "bind=127.0.0.1,0", "name"]);
}

pub(crate) fn bad_calls_as_bare() {
    let bad = ["bind-null", "bind-short", "bind-no-socket", "connect-null", "connect-short", "connect-no-socket"];
    for what in bad.iter().chain(&["connect-any", "sendto-null", "sendto-short"]) {
        let bad = format!("bad={what}");
        same(&["tcp4", &bad, "name", "udp4", &bad, "name", "tcp6", &bad, "name"]);
    }
}

/// A success leaves the last error as it does without portshim.
pub(crate) fn last_errors_as_bare() {
    let (http, udp) = (Peer::http(0), Peer::echo(0));
    let tcp = format!("connect=127.0.0.1,{}", http.port);
    let (connect, sendto) = (format!("connect=127.0.0.1,{}", udp.port), format!("sendto=127.0.0.1,{}", udp.port));
    // What goes first is what loads and sets up Winsock's inner parts, which leave errors of their
    // own.
    same(&["tcp4", &tcp, "udp4", &connect, "leaving", "tcp4", &tcp, "udp4", &connect, "udp4", &sendto]);
    same(&["tcp4", "bind=127.0.0.1,0", "leaving", "tcp4", "bind=127.0.0.1,0", "listen", "udp4", "bind=0.0.0.0,0"]);
}
