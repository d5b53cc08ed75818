//! Outside the host's range, one port serves a connection to each peer: every port is found for
//! every peer, whatever is believed, and without asking the kernel about those that the peer has
//! already.
#![cfg(target_os = "linux")]

use portshim_tests::oracle::believing;
use portshim_tests::programs::{must, private, scratch, source};
use portshim_tests::{portshim, portshim_path, said};
use std::process::{Command, Stdio};

const POLICIES: [&[&str]; 4] = [
    &["--range", "20000-20099"],
    &["--range", "20000-20099", "--select", "random"],
    &["--range", "20000-20099", "--seed", "7"],
    &["--preset", "windows-xp", "--sharing", "tuple", "--range", "2000-2099"],
];

#[test]
fn every_port_is_found_for_every_peer_whatever_is_believed() {
    private(|| {
        // What comes of every belief under every policy, the test of the hint tries.
        let wrong = (POLICIES[0], believing("random"));
        for (policy, belief) in POLICIES.map(|policy| (policy, Vec::new())).into_iter().chain([wrong]) {
            let mut run = portshim(["run"]);
            run.args(policy).arg("--").args(&belief).args(["sh", "-c"]);
            // The second one finds what the first one left behind when it was killed.
            run.arg(r#"python3 "$0" fill 100; python3 "$0" fill 100; true"#).arg(source("shared/fill.py"));
            let once = "100 EADDRNOTAVAIL\n".repeat(3) + &"True EADDRNOTAVAIL\n".repeat(3);
            assert_eq!(must(&mut run), once.repeat(2), "{policy:?} {belief:?}");
        }
    });
}

/// Number of times that the kernel is asked about a 4-tuple while 100 ports serve three peers, and
/// then connections are `churned`, one for another; all of it so many `times`, in processes that
/// follow each other.
fn questions(policy: &[&str], churned: usize, times: usize) -> usize {
    let folder = scratch("shared");
    let trace = folder.join("trace");
    let output = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-e", "trace=sendto", "-o"])
        .arg(&trace)
        .arg(portshim_path())
        .arg("run")
        .args(policy)
        .args(["--", "sh", "-c", r#"for n in $2; do python3 "$0" churn 100 "$1"; done"#])
        .arg(source("shared/fill.py"))
        .args([churned.to_string(), "n ".repeat(times)])
        .stdin(Stdio::null())
        .output()
        .expect("strace(1) runs; `make setup` installs it");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[100, 100, 100]\n".repeat(times));
    let trace = std::fs::read_to_string(trace).expect("strace has written it");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
    // The length of a request of linux/inet_diag.h for one socket: strace does not know its number
    // on every socket. A list is asked for with further flags.
    let asks = |line: &&str| line.contains("nlmsg_len=72") && line.contains("nlmsg_flags=NLM_F_REQUEST,");
    trace.lines().filter(|line| line.contains("sendto(")).filter(asks).count()
}

#[test]
fn the_kernel_is_asked_once_for_each_connection() {
    private(|| {
        for policy in POLICIES.into_iter().filter(|policy| !policy.contains(&"--seed")) {
            // The first peer's connections have the ports to themselves, and nothing is asked.
            assert_eq!(questions(policy, 0, 1), 2 * 100, "{policy:?}");
            // A port that one peer gives back may be taken towards the other two, of which nothing
            // is known then.
            let asked = questions(policy, 300, 1) - 2 * 100;
            assert!((1..=3 * 300).contains(&asked), "{policy:?}: {asked} questions for 300 connections");
            // All ports are believed taken then, though the one who had them has ended: for each
            // peer it is asked.
            assert_eq!(questions(policy, 0, 2), 2 * 100 + 3 * 100, "{policy:?}");
        }
    });
}
