//! `portshim reserve`, `unreserve`, `block` and `unblock`: the very next bind of a running program
//! obeys.

use super::server::{Server, json, refused, told};
use portshim_tests::programs::{private, until};
use portshim_tests::{portshim, said};
use std::net::TcpListener;

const SP1: [&str; 2] = ["--preset", "windows-2003-sp1"];
const CABLE_GUY: &str = "The Cable Guy, December 2005";

#[test]
fn the_next_bind_of_a_running_server_obeys() {
    private(|| {
        let mut server = Server::run(&SP1);
        assert_eq!(server.told("udp 0"), "1025");
        assert_eq!(told(&["reserve", "1026-1028"]), "");
        // The wildcard bind skips them, the specific bind does not.
        assert_eq!(server.all_told(&["udp 0", "udp 1027", "tcp 0"]), ["1029", "1027", "1025"]);
        assert_eq!(told(&["block", "6000-6009"]), "6009\n");
        assert_eq!(
            server.all_told(&["tcp 6000", "udp 6009", "tcp6 6005", "tcp 6010"]),
            ["EACCES", "EACCES", "EACCES", "6010"]
        );
        // Unblocking goes by the first port, unreserving by any; both lift the whole.
        assert_eq!(told(&["unblock", "6000"]), "6000-6009\n");
        assert_eq!(told(&["unreserve", "1028"]), "1026-1028\n");
        assert_eq!(server.all_told(&["tcp 6000", "tcp 0"]), ["6000", "1026"]);
    });
}

#[test]
fn a_scope_of_its_own() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        told(&["reserve", "20000-20003/udp", "20000/tcp4"]);
        told(&["block", "20004/udp4"]);
        assert_eq!(server.all_told(&["udp 0", "udp 20004", "tcp 20004"]), ["20005", "EACCES", "20004"]);
        // A dual-stack socket draws from IPv6's ports, and gets none that IPv4 keeps back.
        assert_eq!(server.told("tcp6 0"), "20001");
        let kept = |act| {
            json(&["status", "--json"], &format!("[(e['ports'], e['scope'], e['owner']['kind']) for e in it['{act}']]"))
        };
        assert_eq!(kept("reserved"), "[('20000-20003', 'udp', 'command-line'), ('20000', 'tcp4', 'command-line')]");
        assert_eq!(kept("blocked"), "[('20004', 'udp4', 'command-line')]");
        let allowed = "[scope['allowed'] for scope in it['rules'][0]['scopes']]";
        assert_eq!(json(&["status", "--json"], allowed), "[9, 10, 5, 6]");
        let text = told(&["status"]);
        assert!(
            text.contains("reserved  20000-20003/udp               the command line\n          20000/tcp4  "),
            "{text}"
        );
    });
}

/// As the help says.
#[test]
fn what_is_lifted_is_lifted_whole_in_every_scope() {
    private(|| {
        let mut server = Server::run(&SP1);
        told(&["reserve", "1025-1099"]);
        told(&["block", "9000-9010"]);
        assert_eq!(server.all_told(&["tcp 0", "tcp 9001"]), ["1100", "EACCES"]);
        assert_eq!(told(&["unreserve", "1030/udp"]), "1025-1099\n");
        assert_eq!(told(&["unblock", "9000/udp"]), "9000-9010\n");
        assert_eq!(json(&["status", "--json"], "it['reserved'] + it['blocked']"), "[]");
        assert_eq!(server.told("tcp 9001"), "9001");
        for (command, example) in [("unreserve", "5310/udp"), ("unblock", "9000/udp")] {
            let help = told(&[command, "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(help.contains(&format!("lifts it whole: {example} one of")), "{help}");
        }
    });
}

/// The owner is a process, by the C interface; what is killed here is not the server that obeys.
#[test]
fn the_death_of_an_owner_lifts_what_it_entered() {
    private(|| {
        let mut server = Server::run(&SP1);
        let reserver = server.told("own reserve 1025 1099");
        let blocker = server.told("own block 6000 6009");
        assert_eq!(server.all_told(&["udp 0", "udp 6009"]), ["1100", "EACCES"]);
        let owners =
            "[(e['ports'], str(e['owner']['pid']), e['owner']['name']) for e in it['reserved'] + it['blocked']]";
        assert_eq!(
            json(&["status", "--json"], owners),
            format!("[('1025-1099', '{reserver}', 'python3'), ('6000-6009', '{blocker}', 'python3')]")
        );
        let text = told(&["status"]);
        assert!(text.contains(&format!("6000-6009                     process {blocker} python3\n")), "{text}");
        // Two owners, the same range: one leaves, and it is still reserved.
        told(&["reserve", "1025-1099"]);
        kill(&reserver);
        kill(&blocker);
        assert_eq!(server.all_told(&["udp 0", "udp 6009"]), ["1101", "6009"]);
        assert_eq!(
            json(&["status", "--json"], "[e['owner']['kind'] for e in it['reserved'] + it['blocked']]"),
            "['command-line']"
        );
        assert_eq!(told(&["unreserve", "1025-1099"]), "1025-1099\n");
        assert_eq!(server.told("tcp 0"), "1025");
    });
}

/// proc(5) shows it as a zombie without memory, descriptors and namespaces.
#[test]
fn a_process_whose_first_thread_has_ended_lives() {
    private(|| {
        let mut server = Server::run(&SP1);
        assert_eq!(server.all_told(&["tcp 7000", "mine reserve 1025 1029", "go on"]), ["7000", "0", "gone"]);
        assert_eq!(told(&["reserve", "1030"]), "");
        let id = server.id();
        assert_eq!(
            json(&["status", "--json"], "[(e['ports'], e['owner'].get('pid')) for e in it['reserved']]"),
            format!("[('1025-1029', {id}), ('1030', None)]")
        );
        assert_eq!(
            json(
                &["status", "--json"],
                "[(p['pid'], p['ports'], 'server.py' in p['command']) for p in it['processes']]"
            ),
            format!("[({id}, {{'tcp4': '7000'}}, True)]")
        );
        refused(
            &["block", "6990-7010"],
            &format!("6990-7010 cannot be blocked: port 7000 is in use by process {id} (python3)"),
            "end that process, or block other ports",
        );
        assert_eq!(server.all_told(&["udp 0", "udp 1027"]), ["1031", "1027"]);
    });
}

/// The user's word counts more than a program's, and its own entries come first.
#[test]
fn what_a_program_entered_can_be_lifted_too() {
    private(|| {
        let mut server = Server::run(&SP1);
        server.told("own reserve 1025 1099");
        told(&["reserve", "1025-1030"]);
        assert_eq!(told(&["unreserve", "1026"]), "1025-1030\n");
        assert_eq!(told(&["unreserve", "1026"]), "1025-1099\n");
        assert_eq!(server.told("udp 0"), "1025");
    });
}

fn kill(process: &str) {
    let pid = process.parse().expect("a process number");
    // SAFETY: kill(2) of a process that our server started, and that waits for it.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    // Its parent never asks how it ended.
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it has a parent");
    until("it is dead", || stat().contains(") Z "));
}

#[test]
fn all_of_it_or_none() {
    private(|| {
        let server = Server::run(&SP1);
        let rule = format!("windows-2003-sp1 blocks only ports above MaxUserPort (5000), up to 65535 ({CABLE_GUY})");
        refused(
            &["block", "6000-6009", "7000", "5000-5001"],
            &format!("5000-5001 cannot be blocked: {rule}"),
            "block ports inside 5001-65535",
        );
        told(&["reserve", "2000-2009", "3000-3009"]);
        refused(
            &["unreserve", "2000", "2001", "3000"],
            "no reservation holds all of 2001",
            "reserved are:\n       2000-2009 by the command line\n       3000-3009 by the command line",
        );
        // A SPEC that is none is noticed before anything is done.
        refused(
            &["unreserve", "2000", "0"],
            "`0`: port 0 asks for any port, so no policy can speak of it",
            "write a number from 1 to 65535",
        );
        let kept = json(&["status", "--json"], "[e['ports'] for e in it['reserved'] + it['blocked']]");
        assert_eq!(kept, "['2000-2009', '3000-3009']");
        assert_eq!(told(&["unreserve", "--session", &server.id(), "2000,3000-3001"]), "2000-2009\n3000-3009\n");
        assert_eq!(told(&["block", "6000-6009,7000", "8000/tcp"]), "6009\n7000\n8000\n");
    });
}

#[test]
fn a_port_in_use_is_not_blocked() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        let blocked = |spec: &str, problem: &str, help: &str| {
            refused(
                &["block", spec],
                &format!("{spec} cannot be blocked: {problem}"),
                &format!("{help}, or block other ports"),
            );
        };
        // Of the session, in whichever state.
        for (order, port, spec) in [
            ("tcp 0", "20000", "20000-20009"),
            ("bound 0", "20001", "20001/tcp"),
            ("udp 0", "20000", "20000/udp"),
            ("mptcp 0", "20002", "20002"),
            ("udplite 20009", "20009", "20009/udp4"),
            ("tcp6 0", "20003", "20003/tcp4"),
        ] {
            assert_eq!(server.told(order), port);
            blocked(spec, &format!("port {port} is in use by process {} (python3)", server.id()), "end that process");
        }
        // Of any other program.
        let _other = TcpListener::bind("127.0.0.1:30000").expect("it is free");
        let me = std::fs::read_to_string("/proc/self/comm").expect("it has a name");
        blocked(
            "30000",
            &format!("port 30000 is in use by process {} ({})", std::process::id(), me.trim_end()),
            "end that process",
        );
        assert_eq!(told(&["block", "30000/udp"]), "30000\n");
        // Of nobody any more.
        server.told("tcp 0");
        let port = server.told("wait");
        server.told("close");
        blocked(&port, &format!("port {port} is held by a connection in TIME_WAIT"), "wait a minute");
        assert_eq!(json(&["status", "--json"], "[e['ports'] for e in it['blocked']]"), "['30000']");
    });
}

#[test]
fn what_a_model_forbids() {
    private(|| {
        let server = Server::run(&["--preset", "windows-xp", "--max-user-port", "49151"]);
        refused(
            &["block", "60000"],
            &format!(
                "60000 cannot be blocked: with MaxUserPort 49151, windows-xp can block no port at all ({CABLE_GUY})"
            ),
            "start the program with a lower --max-user-port, or under --preset windows-2003-sp1",
        );
        server.end();
        let server = Server::run(&SP1);
        refused(
            &["reserve", "6000/udp"],
            &format!(
                "6000/udp cannot be reserved: windows-2003-sp1 reserves only ports of 1025-5000 and 49152-65535, with MaxUserPort 5000 ({CABLE_GUY})"
            ),
            "reserve ports inside 1025-5000 or 49152-65535",
        );
        server.end();
        // Vista keeps entries apart from each other.
        let _server = Server::run(&["--preset", "windows-vista"]);
        told(&["reserve", "50000-50099"]);
        refused(
            &["reserve", "50099-50100/tcp"],
            "50099-50100/tcp cannot be reserved: 50000-50099 is reserved already, by the command line",
            "under this model entries keep apart (CreatePersistentTcpPortReservation): name other ports, or lift that one",
        );
    });
}

#[test]
fn nothing_to_lift() {
    private(|| {
        let server = Server::run(&["--range", "20000-20009", "--reserve", "20003-20005", "--block", "9000"]);
        refused(
            &["unreserve", "20000"],
            "no reservation holds all of 20000",
            "nothing is reserved, unless by the policy itself",
        );
        refused(
            &["unreserve", "20004"],
            "20004 is reserved by the policy itself, which holds as long as the session",
            "start the program anew under another policy",
        );
        refused(
            &["unblock", "9000/tcp"],
            "9000/tcp is blocked by the policy itself, which holds as long as the session",
            "start the program anew under another policy",
        );
        told(&["block", "9100-9109/tcp"]);
        refused(
            &["unblock", "9101"],
            "no block begins with 9101",
            "blocked are:\n       9100-9109/tcp by the command line",
        );
        refused(
            &["unblock", "9100/udp"],
            "no block begins with 9100/udp",
            "blocked are:\n       9100-9109/tcp by the command line",
        );
        let many: Vec<_> = (30000..30010).map(|port| format!("{port}")).collect();
        told(&[&["reserve"][..], &many.iter().map(String::as_str).collect::<Vec<_>>()].concat());
        let lines: String = (30000..30008).map(|port| format!("\n       {port} by the command line")).collect();
        refused(
            &["unreserve", "30000-30001"],
            "no reservation holds all of 30000-30001",
            &format!("reserved are:{lines}\n       and 2 more, which `portshim status` shows"),
        );
        let gone = server.id();
        server.end();
        for command in ["reserve", "unreserve", "block", "unblock"] {
            refused(
                &[command, "--session", &gone, "4000"],
                &format!("there is no session `{gone}`: it has ended, or never was"),
                "`portshim ps` lists those that live",
            );
        }
    });
}

#[test]
fn a_full_ledger() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-29999", "--select", "sequential"]);
        let even: Vec<_> = (0..1024).map(|n| (20000 + 2 * n).to_string()).collect();
        let (last, others) = even.split_last().expect("there are some");
        told(&["reserve", &others.join(",")]);
        let help = "lift some with `portshim unreserve`, or name ranges";
        // One too many: none of the two.
        refused(
            &["reserve", last, "25001"],
            "25001 cannot be reserved: the ledger is full, it holds 1024 entries",
            help,
        );
        told(&["reserve", last]);
        refused(&["reserve", "25001"], "25001 cannot be reserved: the ledger is full, it holds 1024 entries", help);
        assert_eq!(server.all_told(&["udp 0", "udp 0"]), ["20001", "20003"]);
        assert_eq!(
            json(&["status", "--json"], "len(it['reserved']), it['rules'][0]['scopes'][0]['allowed']"),
            "(1024, 8976)"
        );
        assert_eq!(told(&["unreserve", &even.join(",")]).lines().count(), 1024);
        assert_eq!(server.told("tcp 0"), "20000");
    });
}

/// Of several who want the same at once, one gets it.
#[test]
fn a_race() {
    private(|| {
        let _server = Server::run(&["--preset", "windows-vista"]);
        let racers: Vec<_> = (0..8)
            .map(|_| {
                portshim(["reserve", "50000-50099"]).stderr(std::process::Stdio::piped()).spawn().expect("it runs")
            })
            .collect();
        let outputs: Vec<_> = racers.into_iter().map(|racer| racer.wait_with_output().expect("it ran")).collect();
        let winners = outputs.iter().filter(|output| output.status.success()).count();
        let told: Vec<_> = outputs.iter().map(said).collect();
        assert_eq!(winners, 1, "{told:#?}");
        let met =
            |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).contains("is reserved already");
        assert!(outputs.iter().all(|output| output.status.success() || met(output)), "{told:#?}");
        assert_eq!(json(&["status", "--json"], "len(it['reserved'])"), "1");
    });
}
