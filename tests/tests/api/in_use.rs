//! A block is refused while a socket of any process is bound inside.

use super::scripted::{Fixture, Scripted};
use portshim_tests::programs::private;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const RANGE: [&str; 2] = ["--range", "20000-20009"];

/// Each row: a socket, and the scopes of 8000 to 8010 that cannot be blocked while it is there. The
/// others can.
const SOCKETS: [(&str, &[&str]); 16] = [
    ("bind tcp 127.0.0.1 8000", &["tcp4"]),
    ("bind tcp 0.0.0.0 8010", &["tcp4"]),
    ("bind tcp ::1 8005", &["tcp6"]),
    ("bind tcp :: 8005", &["tcp4", "tcp6"]),
    ("bind tcp :: 8005 only", &["tcp6"]),
    ("bind tcp ::ffff:127.0.0.1 8005", &["tcp4"]),
    ("bind tcp ::ffff:0.0.0.0 8005", &["tcp4"]),
    ("bind mptcp 127.0.0.1 8005", &["tcp4"]),
    ("bind udp 127.0.0.1 8005", &["udp4"]),
    ("bind udp ::1 8005", &["udp6"]),
    ("bind udp :: 8005", &["udp4", "udp6"]),
    ("bind udp :: 8005 only", &["udp6"]),
    ("bind udp ::ffff:127.0.0.1 8005", &["udp4"]),
    ("bind udplite 127.0.0.1 8005", &["udp4"]),
    ("bind udplite :: 8005", &["udp4", "udp6"]),
    ("bind udplite :: 8005 only", &["udp6"]),
];

fn may_be_blocked(scripted: &mut Scripted, socket: &str, taken: &[&str]) {
    for scope in ["tcp4", "tcp6", "udp4", "udp6"] {
        let answer = scripted.ask(&format!("block 8000 8010 {scope}"));
        let expected = if taken.contains(&scope) { "EADDRINUSE" } else { "8010" };
        assert_eq!(answer, expected, "{socket}, {scope}");
        if answer == "8010" {
            scripted.must(&[(&format!("unblock 8000 {scope}"), "0")]);
        }
    }
    // Of two scopes, each counts; a neighbouring port does not.
    let answer = if taken.is_empty() { "8010" } else { "EADDRINUSE" };
    scripted.must(&[("block 8000 8010 all", answer), ("block 7000 7999 all", "7999"), ("block 8011 9000 all", "9000")]);
    scripted.must(&[("unblock 7000 all", "0"), ("unblock 8011 all", "0")]);
    if taken.is_empty() {
        scripted.must(&[("unblock 8000 all", "0")]);
    }
}

/// A scripted program of another user's; where nobody can become one, of another user namespace's.
fn foreigner(fixture: &Fixture) -> Scripted {
    std::fs::set_permissions(&fixture.folder, PermissionsExt::from_mode(0o755)).expect("the folder is ours");
    let identity = std::fs::read_to_string("/proc/self/uid_map").expect("/proc is mounted");
    let as_another: &[&str] = match identity.split_whitespace().last() {
        Some("4294967295") => &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
        _ => &["unshare", "--user"],
    };
    let mut command = Command::new(as_another[0]);
    command.args(&as_another[1..]).arg(fixture.program());
    Scripted::start(command)
}

#[test]
fn by_a_socket_of_any_kind_and_anyone() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut owner = session.scripted();
        for mut holder in [session.scripted(), fixture.outsider(), foreigner(&fixture)] {
            for (socket, taken) in SOCKETS {
                let fd = holder.number(socket);
                may_be_blocked(&mut owner, socket, taken);
                holder.must(&[(&format!("close {fd}"), "0")]);
                may_be_blocked(&mut owner, "nothing", &[]);
            }
        }
    });
}

#[test]
fn by_a_socket_of_its_owner() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut owner = session.scripted();
        let fd = owner.number("bind tcp 127.0.0.1 8005");
        may_be_blocked(&mut owner, "its own", &["tcp4"]);
        owner.must(&[(&format!("close {fd}"), "0"), ("block 8000 8010 all", "8010")]);
        // Inside its own block it may bind, and that block does not keep it from another.
        owner.number("bind tcp 127.0.0.1 8005");
        owner.must(&[("block 8005 8010 all", "EADDRINUSE"), ("block 8006 8010 all", "8010")]);
    });
}

/// In each state of a connection, at both ends of it, TIME_WAIT included.
#[test]
fn by_a_connection_in_any_state() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut owner, mut peer) = (session.scripted(), fixture.outsider());
        let listener = peer.number("bind tcp :: 8005");
        peer.must(&[(&format!("listen {listener}"), "0")]);
        may_be_blocked(&mut owner, "a listener", &["tcp4", "tcp6"]);
        for (ip, scope) in [("127.0.0.1", "tcp4"), ("::1", "tcp6")] {
            let client = peer.number(&format!("bind tcp {ip} 9005"));
            peer.must(&[(&format!("connect {client} {ip} 8005"), "0")]);
            let block = format!("block 9000 9010 {scope}");
            owner.must(&[(&block, "EADDRINUSE")]);
            let server = peer.number(&format!("accept {listener}"));
            peer.must(&[(&format!("close {client}"), "0")]);
            owner.must(&[(&block, "EADDRINUSE")]); // FIN_WAIT2
            peer.must(&[(&format!("close {server}"), "0")]);
            owner.must(&[(&block, "EADDRINUSE"), ("block 9000 9010 udp", "9010"), ("unblock 9000 udp", "0")]);
        }
        peer.must(&[(&format!("close {listener}"), "0")]);
        may_be_blocked(&mut owner, "a listener's connections have ended", &[]);
        // The server's end in TIME_WAIT: there the dual-stack listener's own address is the one of
        // the connection.
        let listener = peer.number("bind tcp :: 8005");
        let client = peer.number("bind tcp 127.0.0.1 0");
        peer.must(&[(&format!("listen {listener}"), "0"), (&format!("connect {client} 127.0.0.1 8005"), "0")]);
        let server = peer.number(&format!("accept {listener}"));
        for fd in [server, client, listener] {
            peer.must(&[(&format!("close {fd}"), "0")]);
        }
        may_be_blocked(&mut owner, "the server closed first", &["tcp4"]);
        let udp = peer.number("bind udp :: 8005");
        peer.must(&[(&format!("connect {udp} ::1 9"), "0")]);
        may_be_blocked(&mut owner, "and a datagram socket that is connected", &["tcp4", "udp6"]);
    });
}

/// Vista's reservations ask as blocks do; those of the others do not ask.
#[test]
fn reserving_asks_under_vista_alone() {
    private(|| {
        let fixture = Fixture::new();
        for (preset, answer) in [("windows-vista", "EADDRINUSE"), ("windows-2003", "0"), ("linux", "0")] {
            let session = fixture.session(&["--preset", preset]);
            let mut outsider = fixture.outsider();
            let fd = outsider.number("bind udp 0.0.0.0 49200");
            let mut owner = session.scripted();
            owner.must(&[("reserve 49152 49300 udp", answer), ("reserve 49152 49300 udp6", "0")]);
            outsider.must(&[(&format!("close {fd}"), "0")]);
            owner.must(&[("reserve 49152 49300 udp4", "0")]);
        }
    });
}

/// A dump that takes several messages: the last of very many sockets is found, and that there is
/// none.
#[test]
fn among_thousands() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut owner, mut outsider) = (session.scripted(), fixture.outsider());
        outsider.must(&[("descriptors 4096", "0")]);
        for port in 30000..32000 {
            outsider.number(&format!("bind tcp ::1 {port}"));
        }
        owner.must(&[("block 30000 32000 tcp4", "32000"), ("block 30000 32000 tcp6", "EADDRINUSE")]);
        let last = outsider.number("bind tcp :: 32000");
        owner.must(&[("block 30000 32000 tcp4", "EADDRINUSE")]);
        outsider.must(&[(&format!("close {last}"), "0")]);
        owner.must(&[("block 30000 32000 tcp4", "32000")]);
    });
}
