//! Programs that confine themselves: what their sandbox forbids, we do not do either. Each behaves
//! as it does bare, and gets the policy's ports wherever it leaves a way to serve it; where it does
//! not, the session is told.
//!
//! `sandbox/confined.c` takes the steps that its arguments name, after a filter or before it, and
//! tells what each came to.
#![cfg(target_os = "linux")]

use portshim_tests::programs::{Keeper, Peer, Ports, Scratch, Service, compile, must, private, told};
use portshim_tests::{portshim, said};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where `confined.c` connects to, by TCP and UDP, and where it does so bare.
const PEER: u16 = 7001;
const BARE: u16 = 7002;
/// The port that it asks for by number.
const NAMED: u16 = 7777;

portshim_tests::each_keeper!(
    a_filter_by_one_thread,
    a_filter_that_is_refused_changes_nothing,
    a_filter_then_another_program,
    a_fork_under_a_filter,
    a_list_of_what_is_used,
    any_one_call_forbidden,
    calls_forbidden_by_their_arguments,
    confined_by_landlock,
    no_descriptor_left,
    no_proc,
    sockets_that_were_inherited,
    strictly_confined,
);

/// What asks for a port, in the steps of `confined.c`, and the calls that it takes.
const REQUESTS: [(&str, &str); 12] = [
    ("tcp4 bind", "socket,bind"),
    ("tcp4 connect", "socket,connect"),
    ("tcp4 listen", "socket,listen"),
    ("tcp4 bind listen", "socket,bind,listen"),
    ("tcp4 by-number", "socket,connect"),
    ("tcp6 bind", "socket,bind"),
    ("tcp6 connect", "socket,connect"),
    ("udp4 bind", "socket,bind"),
    ("udp4 sendto", "socket,sendto"),
    ("udp4 connect send", "socket,connect,sendto"),
    ("udp6 bind sendto", "socket,bind,sendto"),
    ("udp6 connect", "socket,connect"),
];

/// The program, compiled, and its peers.
struct Confined {
    folder: Scratch,
    built: PathBuf,
    tcp: Peer,
    udp: Peer,
    _bare: [Peer; 2],
    /// Number of requests the session was told of as not covered, in all runs: a peer may tell of a
    /// visitor late.
    uncovered: Cell<u64>,
}

/// What a run came to.
struct Ran {
    /// Every step with its outcome, the same bare.
    steps: String,
    /// Requests that got a port of the policy, and those that a sandbox kept from it, as the report
    /// has them; none where the kernel keeps the ports.
    served: u64,
    uncovered: u64,
    /// The ports that the program's sockets have in the end.
    ports: Vec<u16>,
}

impl Confined {
    fn new() -> Self {
        let folder = Scratch::new("sandbox");
        let built = compile("sandbox/confined.c", &folder, &[]);
        let bare = [Peer::http(BARE), Peer::echo(BARE)];
        Self { folder, built, tcp: Peer::http(PEER), udp: Peer::echo(PEER), _bare: bare, uncovered: Cell::new(0) }
    }

    /// Takes the steps bare and under the ports: they come to the same, and no port is outside the
    /// policy unless the session was told of it.
    fn run(&self, ports: &Ports, steps: &str) -> Ran {
        let steps: Vec<_> = steps.split(' ').collect();
        let without_ports = |said: &str| -> String {
            said.lines().filter(|line| !line.starts_with("port ")).map(|line| format!("{line}\n")).collect()
        };
        let bare = must(Command::new(&self.built).args(&steps).env("PEER", BARE.to_string()).stdin(Stdio::null()));
        let counts = self.folder.join("counts.json");
        let report = format!("--report={}", counts.display());
        let output = ports
            .command_with(&[&report], &self.built)
            .args(&steps)
            .env("PEER", PEER.to_string())
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{steps:?} {ports:?}: {}", said(&output));
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(without_ports(&out), without_ports(&bare), "{steps:?} {ports:?}: {}", said(&output));
        let sum = |name: &str| match ports.keeper {
            Keeper::Kernel => 0,
            Keeper::Portshim => {
                let report = std::fs::read(&counts).expect("it was written");
                let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
                let scopes = report["rules"][0]["scopes"].as_array().expect("four scopes");
                scopes.iter().map(|scope| scope[name].as_u64().expect("a number")).sum()
            }
        };
        let (served, uncovered) = (sum("served"), sum("uncovered"));
        let got = told(&out);
        assert_eq!(got.len(), told(&bare).len(), "{steps:?} {ports:?}: {}", said(&output));
        let is_stray = |port: &u16| !ports.allow(*port) && *port != NAMED;
        let strays: Vec<_> = got.iter().filter(|port| is_stray(port)).collect();
        assert!(
            strays.len() as u64 <= uncovered,
            "{steps:?} {ports:?}: {strays:?}, {uncovered} told: {}",
            said(&output)
        );
        self.uncovered.update(|before| before + uncovered);
        let seen: Vec<BTreeSet<_>> = [&self.tcp, &self.udp].map(Peer::visitors).into();
        let strays: Vec<_> = seen.iter().flatten().filter(|port| is_stray(port)).collect();
        assert!(strays.len() as u64 <= self.uncovered.get(), "{steps:?} {ports:?}: a peer saw {strays:?}");
        Ran { steps: without_ports(&out), served, uncovered, ports: got }
    }

    /// As [`Confined::run`], where every request can be served.
    fn covered(&self, ports: &Ports, steps: &str) -> Ran {
        let ran = self.run(ports, steps);
        assert_eq!(ran.uncovered, 0, "{steps} {ports:?}");
        assert!(
            ran.ports.iter().all(|port| ports.allow(*port) || *port == NAMED),
            "{steps} {ports:?}: {:?}",
            ran.ports
        );
        assert!(ports.is_native() || ran.served > 0, "{steps} {ports:?}: nothing was served");
        ran
    }
}

trait IsNative {
    fn is_native(&self) -> bool;
}

impl IsNative for Ports {
    fn is_native(&self) -> bool {
        matches!(self.keeper, Keeper::Kernel)
    }
}

/// A program that allows itself exactly what it uses. Outside the host's range a connection's port
/// has to be bound.
fn a_list_of_what_is_used(ports: &Ports) {
    let confined = Confined::new();
    let outside = !ports.is_native() && ports.range == Ports::OUTSIDE.range;
    for action in ["kill", "thread", "errno", "nosys", "trap", "trace", "notify"] {
        for (request, calls) in REQUESTS {
            let only = format!("only={action}:{calls},exit_group,rt_sigreturn");
            let ran = confined.run(ports, &format!("{only} {request}"));
            assert!(!ran.steps.contains("not reached"), "{}", ran.steps);
            if outside && !calls.contains("bind") {
                assert_eq!((ran.served, ran.uncovered), (0, 1), "{only} {request}");
            }
            confined.covered(ports, &format!("{only},bind {request}"));
        }
    }
    for way in ["prctl", "number", "seccomp", "tsync", "listener"] {
        confined.covered(ports, &format!("way={way} only=kill:socket,bind,connect,exit_group tcp4 connect"));
    }
}

/// Every call that is made on behalf of a request, or might be, forbidden by itself. The rest is
/// allowed.
fn any_one_call_forbidden(ports: &Ports) {
    // So many connections leave many ports in TIME_WAIT.
    let (first, hole) = (ports.range.0, (ports.range.0 + 100, ports.range.0 + 199));
    let ports = &Ports { range: (first, first + 8999), hole, ..*ports };
    const CALLS: [&str; 27] = [
        "capget",
        "clock_gettime",
        "close",
        "fcntl",
        "fstat",
        "futex",
        "geteuid",
        "getpeername",
        "getpid",
        "getsockname",
        "getsockopt",
        "gettid",
        "kill",
        "madvise",
        "mmap",
        "munmap",
        "nanosleep",
        "newfstatat",
        "openat",
        "poll",
        "read",
        "readlinkat",
        "recvfrom",
        "rt_sigprocmask",
        "sched_yield",
        "setsockopt",
        "write",
    ];
    const SEVERAL: &str = "tcp4 bind listen tcp4 connect tcp6 listen tcp6 connect udp4 sendto send udp6 bind udp4 connect \
                           send tcp4 named=7777 tcp4 by-number";
    let confined = Confined::new();
    for call in CALLS {
        for action in ["kill", "errno"] {
            confined.covered(ports, &format!("deny={action}:{call} {SEVERAL}"));
        }
        // An address that is nobody's frame, and a socket that is no new one.
        let more = "tcp4 heap-connect tcp4 heap-bind tcp4 reuse connect tcp6 reuse connect udp4 reuse sendto";
        confined.run(ports, &format!("deny=kill:{call} {more}"));
        // A filter upon another: without memory to keep a copy in, nothing is known to be allowed.
        let ran = confined.run(ports, &format!("deny=kill:{call} deny=kill:getpid {SEVERAL}"));
        assert!(ran.uncovered == 0 || call == "mmap", "{call}: {} {} {:?}", ran.uncovered, ran.steps, ran.ports);
    }
    let bind = confined.run(ports, "deny=kill:bind tcp4 connect tcp4 listen udp4 sendto");
    assert!(ports.is_native() || bind.served + bind.uncovered == 3, "{} {}", bind.served, bind.uncovered);
    confined.run(ports, "deny=errno:bind tcp4 bind named=7777 connect");
}

fn calls_forbidden_by_their_arguments(ports: &Ports) {
    let confined = Confined::new();
    for action in ["kill", "errno", "trap"] {
        confined.covered(ports, &format!("level={action} tcp4 reuse connect tcp4 bind udp4 reuse bind tcp6 listen"));
    }
}

fn a_filter_by_one_thread(ports: &Ports) {
    Confined::new().covered(ports, "thread=kill:getpid,setsockopt tcp4 connect udp4 bind");
}

/// Its sockets are gone with it, so the report and the peers tell.
fn a_fork_under_a_filter(ports: &Ports) {
    let confined = Confined::new();
    for call in ["getsockopt,getsockname,setsockopt", "getpid,gettid", "rt_sigprocmask", "openat,close"] {
        let ran = confined.run(ports, &format!("deny=kill:{call} fork tcp4 connect udp4 sendto"));
        assert!(ports.is_native() || (ran.served, ran.uncovered) == (2, 0), "{call}: {} {}", ran.served, ran.uncovered);
    }
}

/// The new program finds a filter that nobody knows. Where it only fails calls, all goes on.
fn a_filter_then_another_program(ports: &Ports) {
    let confined = Confined::new();
    for call in ["getpid", "getsockname", "setsockopt", "geteuid,madvise", "rt_sigprocmask", "getsockopt", "bind"] {
        for action in ["errno", "nosys"] {
            confined.run(ports, &format!("deny={action}:{call} exec tcp4 connect udp4 sendto tcp4 listen"));
        }
    }
}

/// Before it, and after it, everything is as it was without.
fn a_filter_that_is_refused_changes_nothing(ports: &Ports) {
    let confined = Confined::new();
    for way in ["prctl", "number", "seccomp", "tsync"] {
        confined.covered(
            ports,
            &format!("way={way} no-filter no-code no-length is-there-an-action tcp4 connect udp4 bind"),
        );
    }
    confined.covered(ports, "deny=kill:setsockopt no-code no-length tcp4 connect");
}

fn strictly_confined(ports: &Ports) {
    let confined = Confined::new();
    for way in ["prctl", "seccomp"] {
        let ran = confined.run(ports, &format!("udp4 way={way} strict write"));
        assert!(ran.steps.ends_with("strict: ok\nwrite: ok\n"), "{}", ran.steps);
    }
}

/// Such as a browser hands to those that draw its pages.
fn sockets_that_were_inherited(ports: &Ports) {
    let confined = Confined::new();
    for action in ["kill", "errno", "trap"] {
        let calls = "getsockopt,getpid,getsockname";
        let ran =
            confined.run(ports, &format!("deny={action}:{calls} unix-send unix-sendmsg write unix-close tcp4 bind"));
        assert!(ran.steps.lines().all(|line| line.ends_with(": ok")), "{}", ran.steps);
    }
}

/// It may connect to its peer, and bind no port, or one, or have the kernel choose.
fn confined_by_landlock(ports: &Ports) {
    let confined = Confined::new();
    let outside = !ports.is_native() && ports.range == Ports::OUTSIDE.range;
    let told = |steps: &str, uncovered: u64| {
        let ran = confined.run(ports, steps);
        assert_eq!(ran.uncovered, if outside { uncovered } else { 0 }, "{steps}: {}", ran.steps);
    };
    told("landlock= tcp4 connect tcp6 connect tcp4 listen", 3);
    told("landlock= tcp4 connect udp4 sendto udp6 bind", 1);
    told("landlock= tcp4 bind", 0);
    told("landlock=0 tcp4 bind tcp4 connect", 2);
    told("landlock=7777 tcp4 named=7777 tcp4 connect", 1);
}

fn no_descriptor_left(ports: &Ports) {
    let confined = Confined::new();
    confined.covered(ports, "tcp4 nofile connect");
    confined.covered(ports, "udp4 nofile sendto");
    confined.covered(ports, "tcp6 nofile bind");
    confined.covered(ports, "tcp4 reuse nofile listen tcp4");
}

fn no_proc(ports: &Ports) {
    let confined = Confined::new();
    let folder = confined.folder.display();
    confined.covered(ports, &format!("chroot={folder} tcp4 connect udp4 bind deny=kill:getpid tcp4 listen"));
}

/// The log, the table and the report say so while it runs, and afterwards.
#[test]
fn what_is_not_covered_is_told() {
    private(|| {
        let confined = Confined::new();
        let log = confined.folder.join("log");
        let steps = ["only=kill:socket,connect,exit_group", "tcp4", "connect"];
        let mut run = portshim(["run", "--range", "20000-20009", "--report", "--log"]);
        let output = run
            .arg(&log)
            .arg("--")
            .arg(&confined.built)
            .args(steps)
            .env("PEER", PEER.to_string())
            .output()
            .expect("it starts");
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(report.contains("\n  not covered since a sandbox: tcp4 1\n"), "{report}");
        let of_process = " confined: not covered: 1 request, which its sandbox left no way to serve\n";
        assert!(report.ends_with(of_process), "{report}");
        let log = std::fs::read_to_string(log).expect("it was written");
        assert!(log.lines().count() == 1 && log.contains(" connect tcp4 - uncovered confined\n"), "{log}");

        let stays = "\"$0\" \"$@\" && echo ready && exec sleep 600";
        let mut run = portshim(["run", "--range", "20000-20009", "--", "sh", "-c", stays]);
        let mut service = Service::start({
            run.arg(&confined.built).args(steps).env("PEER", PEER.to_string());
            run
        });
        service.line(|line| (line.trim() == "ready").then_some(()));
        let status = must(&mut portshim(["status"]));
        assert!(status.contains("\n  not covered since a sandbox: tcp4 1\n"), "{status}");
        let json: serde_json::Value = serde_json::from_str(&must(&mut portshim(["status", "--json"]))).expect("JSON");
        assert_eq!(json["rules"][0]["scopes"][0]["uncovered"], 1);
    });
}
