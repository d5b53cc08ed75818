//! Static programs, Go programs, programs of another C library or with system calls of their own.

use super::built::{Go, Way, ports};
use portshim_tests::programs::{
    Keeper, Peer, Ports, Scratch, Service, Watch, compile, local_ports, must, private, told, until,
};
use portshim_tests::said;
use std::process::Command;

/// The first of the ports of our own peers.
const PEERS: u16 = 7001;

portshim_tests::each_keeper!(busybox, compiled, go);

/// Runs a program that tells of its ports, and visits both peers.
fn judge(ports: &Ports, first: u16, command: impl FnOnce(u16, u16) -> Command) -> String {
    let (http, udp) = (Peer::http(first), Peer::echo(first + 1));
    let watch = Watch::begin(&(PEERS..PEERS + 100).collect::<Vec<_>>());
    let said = must(&mut command(http.port, udp.port));
    assert!(!said.contains(": "), "{said}");
    ports.judge("what it sees itself", &told(&said).into_iter().collect());
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.awaited(1));
    // Some are over before anybody looks.
    let seen = watch.end();
    assert!(seen.iter().all(|port| ports.allow(*port)), "what the kernel lists: {seen:?}");
    said
}

/// Has a program take ports until there are none, and compares the error and the count; so many may
/// be missing, which rest in TIME_WAIT.
fn drain(ports: &Ports, error: i32, missing: usize, mut command: Command) {
    let said = must(&mut command);
    let (count, told) = said.trim_end().split_once(' ').unwrap_or_default();
    assert_eq!(told, error.to_string(), "{command:?}");
    let (count, all) = (count.parse().unwrap_or(0), ports.count());
    assert!((all - missing..=all).contains(&count), "{command:?}: {count} of {all}");
}

fn compiled(all: &Ports) {
    let folder = Scratch::new("engine");
    for (way, first) in Way::ALL.into_iter().zip((PEERS..).step_by(10)) {
        let program = ports(way, &folder);
        let command = |arguments: &[&str]| {
            let mut command = all.command_with(way.options(), &program);
            command.args(arguments);
            command
        };
        let said = judge(all, first, |http, udp| command(&[&http.to_string(), &udp.to_string()]));
        assert_eq!(told(&said).len(), 9, "{way:?}: {said}");
        let peer = first.to_string();
        drain(all, libc::EADDRINUSE, 10, command(&["drain", "bind", &peer]));
        drain(all, libc::EAGAIN, 0, command(&["drain", "send", &peer]));
        // What it leaves behind rests for a minute.
        if way == Way::ALL[Way::ALL.len() - 1] {
            drain(all, libc::EADDRNOTAVAIL, 10, command(&["drain", "connect", &peer]));
        }
    }
}

/// A 32-bit program, whose calls have other numbers, and their arguments in memory partly.
#[cfg(target_arch = "x86_64")]
#[test]
fn of_32_bits() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = compile(
            "engine/narrow.c",
            &folder,
            &["-m32", "-nostdlib", "-static", "-ffreestanding", "-no-pie", "-fno-pic", "-fno-stack-protector"],
        );
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let said = must(&mut ports.command(&program));
            assert_eq!(told(&said).len(), 4, "{said}");
            ports.judge("what it sees itself", &told(&said).into_iter().collect());
        }
    });
}

fn go(ports: &Ports) {
    for (go, first) in Go::ALL.into_iter().zip((PEERS..).step_by(10)) {
        let program = go.ports();
        drain(ports, libc::EADDRINUSE, 10, ports.command(&program));
        judge(ports, first, |http, udp| {
            let mut command = ports.command(&program);
            command.args([http, udp].map(|port| format!("127.0.0.1:{port}")));
            command
        });
    }
}

fn busybox(ports: &Ports) {
    let http = Peer::http(PEERS);
    let watch = Watch::begin(&[PEERS]);
    let page = must(ports.command("busybox").args(["wget", "-qO-", &format!("http://127.0.0.1:{PEERS}/")]));
    assert_eq!(page, "ok\n");
    let request = format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc 127.0.0.1 {PEERS}");
    let answer = must(ports.command("busybox").args(["sh", "-c", &request]));
    assert!(answer.ends_with("ok\n"), "{answer}");
    ports.judge("what the peer saw", &http.visitors());
    // A server that leaves the choice of its port to the system.
    let mut command = ports.command("busybox");
    command.args(["httpd", "-f", "-p", "127.0.0.1:0"]);
    let server = Service::start(command);
    let listens = || std::fs::read_to_string("/proc/net/tcp").is_ok_and(|table| table.contains(" 0A "));
    until("it listens", || listens() && local_ports().iter().any(|port| ports.allow(*port)));
    drop(server);
    ports.judge("what the kernel lists", &watch.end());
    if let Keeper::Portshim = ports.keeper {
        let output = ports.command_with(&["--engine", "preload"], "busybox").arg("true").output().expect("it runs");
        assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    }
}
