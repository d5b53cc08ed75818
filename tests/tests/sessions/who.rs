//! `portshim who`: the sockets that have a port, and the processes that have them.

use super::server::{Server, json, refused, told};
use portshim_tests::programs::{must, private, source};
use portshim_tests::{portshim, portshim_path, said};
use std::process::Command;

/// The server, outside any session.
fn stranger() -> Server {
    let mut command = Command::new("python3");
    command.arg(source("sessions/server.py"));
    Server::start(command)
}

/// What `who` says of the sockets of some ports: the port, scopes, state, whether there is a peer,
/// and the processes.
fn who(args: &[&str]) -> String {
    let of = "[(s['port'], '+'.join(s['scopes']), s['state'], s['peer'] is not None, \
              [p['pid'] for p in s['processes']]) for s in it]";
    json(&[&["who", "--json"], args].concat(), of)
}

#[test]
fn every_kind_of_holder_is_named() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        let id = server.id();
        let did = server.all_told(&["tcp 0", "wait", "bound 0", "udp 0", "tcp6 8080"]);
        assert_eq!(did, ["20000", "20001", "20002", "20000", "8080"]);
        assert_eq!(who(&["20000/tcp"]), format!("[(20000, 'tcp4', 'listen', False, [{id}])]"));
        assert_eq!(who(&["20000/udp"]), format!("[(20000, 'udp4', 'bound', False, [{id}])]"));
        assert_eq!(who(&["20001"]), "[(20001, 'tcp4', 'time-wait', True, [])]");
        assert_eq!(who(&["20002"]), format!("[(20002, 'tcp4', 'bound', False, [{id}])]"));
        assert_eq!(who(&["8080/6"]), format!("[(8080, 'tcp4+tcp6', 'listen', False, [{id}])]"));
        // The end of TIME_WAIT is a minute away at most, and said so.
        let now = "(lambda d: d.datetime.now(d.timezone.utc))(__import__('datetime'))";
        let left =
            format!("[0 < (type({now}).fromisoformat(s['until'][:-1] + '+00:00') - {now}).seconds < 61 for s in it]");
        assert_eq!(json(&["who", "--json", "20001"], &left), "[True]");
        // Several processes, and ports as numbers that can be searched.
        let child = server.told("fork");
        let both = "sorted(p['pid'] for s in it if s['port'] == 8080 for p in s['processes'])";
        assert_eq!(json(&["who", "--json", "1-65535"], both), format!("[{id}, {child}]"));
        let text = told(&["who", "20000/tcp"]);
        let (first, rest) = text.split_once('\n').expect("lines");
        assert_eq!(first, "tcp4 127.0.0.1:20000 listening");
        let begins = format!("  process {id} of root, session {id}, started ");
        assert!(rest.starts_with(&begins) && rest.contains("python3"), "{text}");
        let text = told(&["who", "20001"]);
        let begins = text.starts_with("tcp4 127.0.0.1:20001 in TIME_WAIT for ");
        assert!(begins && text.ends_with(" more, once connected to 127.0.0.1:20000\n  no process has it any more\n"));
    });
}

#[test]
fn strangers_are_named_and_told_apart() {
    private(|| {
        let (mut server, mut other) = (Server::run(&["--range", "20000-20009", "--select", "sequential"]), stranger());
        let (id, others) = (server.id(), other.id());
        assert_eq!(other.all_told(&["tcp 20000", "udp 20005", "tcp 7000"]), ["20000", "20005", "7000"]);
        assert_eq!(server.all_told(&["tcp 0", "tcp 0"]), ["20001", "20002"]);
        let sessions = "[[p['session'] for p in s['processes']] for s in it]";
        let range = "20000-20002/tcp";
        assert_eq!(json(&["who", "--json", range], sessions), format!("[[None], ['{id}'], ['{id}']]"));
        assert_eq!(json(&["who", "--json", "--session", &id, range], sessions), format!("[['{id}'], ['{id}']]"));
        // `status` names them, for people and for programs.
        let status = told(&["status"]);
        let named = format!(
            "\nheld by programs outside the session\n  process {others} python3 of root: tcp4 20000  udp4 20005\n"
        );
        assert!(status.ends_with(&named), "{status}");
        let held = "[(o['pid'], o['user'], o['numbers'], o['ports']) for o in it['others']]";
        assert_eq!(
            json(&["status", "--json"], held),
            format!("[({others}, 'root', {{'tcp4': [20000], 'udp4': [20005]}}, {{'tcp4': '20000', 'udp4': '20005'}})]")
        );
        assert_eq!(json(&["status", "--json"], "it['processes'][0]['numbers']['tcp4']"), "[20001, 20002]");
        // Whoever may not look into a process is told whose it is, and that.
        let mut command = Command::new("setpriv");
        let text = must(command.args(["--bounding-set=-all"]).arg(portshim_path()).args(["who", "7000"]));
        assert_eq!(
            text,
            "tcp4 127.0.0.1:7000 listening\n  a process of root, which that user and root alone may look into\n"
        );
    });
}

#[test]
fn a_log_tells_when_a_port_was_handed_out() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential", "--log", "/dev/null"]);
        assert_eq!(server.all_told(&["tcp 0", "wait"]), ["20000", "20001"]);
        let out = "[(s['port'], s['handed_out']['call'], s['handed_out']['how'] in ('pinned', 'steered')) for s in it]";
        assert_eq!(json(&["who", "--json", "20000-20009"], out), "[(20000, 'bind', True), (20001, 'connect', True)]");
        assert!(told(&["who", "20001"]).contains("\n  handed out 20"));
        // What nobody has any more is the session's, for its log says so.
        let session = json(&["ps", "--json"], "it[0]['id']");
        assert_eq!(who(&["--session", &session, "20001"]), "[(20001, 'tcp4', 'time-wait', True, [])]");
    });
}

#[test]
fn nobody_and_nonsense() {
    private(|| {
        let output = portshim(["who", "20000/udp"]).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "20000/udp: no socket has it\n");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0), "{}", said(&output));
        let output = portshim(["who", "--json", "20000"]).output().expect("it runs");
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b"[]\n"[..]));
        refused(&["who", "http"], "`http`: this is not a port number", "write a number from 1 to 65535");
        refused(
            &["who", "--session", "none", "80"],
            "there is no session `none`: it has ended, or never was",
            "`portshim ps` lists those that live",
        );
    });
}

#[test]
fn many_sockets_are_cut_short_unless_all_are_asked_for() {
    private(|| {
        let mut other = stranger();
        for port in 30000..30030 {
            other.told(&format!("udp {port}"));
        }
        let text = told(&["who", "30000-30099"]);
        assert!(text.lines().count() == 41 && text.ends_with("and 10 more; -v lists all\n"), "{text}");
        assert_eq!(told(&["who", "-v", "30000-30099"]).lines().count(), 60);
    });
}
