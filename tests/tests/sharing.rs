//! To share a port outside the host's range, the kernel is asked first: without a port, whatever
//! the process may not do and has run out of, and whoever is killed or jumps away in the midst of
//! it. No socket is gambled away.
#![cfg(target_os = "linux")]

use portshim_tests::programs::{compile, must, private, scratch, set_sysctl, source};
use portshim_tests::{portshim, portshim_path, said};
use std::process::{Command, Stdio};

/// Runs a script of `sharing/` under a policy.
fn script(range: &str, name: &str, args: &[&str]) -> String {
    let mut run = portshim(["run", "--range", range, "--", "python3"]);
    must(run.arg(source(&format!("sharing/{name}.py"))).args(args))
}

/// Compiles a program of `sharing/` and runs it under a policy.
fn program(range: &str, name: &str) -> String {
    let folder = scratch("sharing");
    let built = compile(&format!("sharing/{name}.c"), &folder, &[]);
    let said = must(portshim(["run", "--range", range, "--"]).arg(&built));
    std::fs::remove_dir_all(folder).expect("the folder is ours");
    said
}

/// As systemd's `RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6` has it.
fn without_netlink(range: &str, name: &str) -> String {
    let mut run = portshim(["run", "--range", range, "--", "python3"]);
    run.arg(source("sharing/without_netlink.py")).arg("python3").arg(source(&format!("sharing/{name}.py")));
    must(&mut run)
}

#[test]
fn a_port_in_time_wait_comes_last_and_only_where_the_kernel_would_take_it() {
    private(|| {
        set_sysctl("tcp_timestamps", "1");
        set_sysctl("tcp_tw_reuse", "2");
        assert_eq!(script("20000-20009", "time_wait", &[]), "20009\nfrom TIME_WAIT\n");
    });
}

#[test]
fn without_timestamps_a_port_in_time_wait_is_taken() {
    private(|| {
        set_sysctl("tcp_timestamps", "0");
        assert_eq!(script("20000-20009", "time_wait", &[]), "20009\nEADDRNOTAVAIL\n");
    });
}

#[test]
fn a_port_in_time_wait_is_taken_where_the_host_says_so() {
    private(|| {
        set_sysctl("tcp_tw_reuse", "0");
        assert_eq!(script("20000-20009", "time_wait", &[]), "20009\nEADDRNOTAVAIL\n");
    });
}

#[test]
fn no_port_is_needed_to_ask_for_the_route() {
    private(|| {
        set_sysctl("ip_local_port_range", "40000 40009");
        assert_eq!(script("20000-20000", "exhausted", &["udp"]), "20000 True\n");
    });
}

#[test]
fn no_descriptor_is_needed_but_the_sockets_own() {
    private(|| assert_eq!(script("20000-20000", "exhausted", &["descriptors"]), "20000 True\n"));
}

#[test]
fn no_socket_of_ours_is_bound() {
    private(|| {
        let mut traced = Command::new("strace");
        traced.args(["-f", "--seccomp-bpf", "-e", "trace=socket"]).arg(portshim_path());
        traced.args(["run", "--range", "20000-20009", "--", "python3"]).arg(source("sharing/fill.py"));
        let output = traced.stdin(Stdio::null()).output().expect("strace(1) runs; `make setup` installs it");
        let trace = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && trace.contains("AF_NETLINK"), "{}", said(&output));
        assert!(!trace.lines().any(|line| line.contains("SOCK_DGRAM") && !line.contains("AF_NETLINK")), "{trace}");
    });
}

#[test]
fn without_netlink_every_port_is_found() {
    private(|| {
        let all = "10 EADDRNOTAVAIL\n".repeat(2);
        assert_eq!(script("20000-20009", "fill", &[]), all);
        assert_eq!(without_netlink("20000-20009", "fill"), all);
    });
}

/// What `routes.py` says in a new network that it has equipped, started by a line of shell.
fn routes(line: &str) -> String {
    let mut inside = Command::new("unshare");
    let whole = format!(r#"ip link set lo up && python3 "$0" equip && {line} python3 "$0""#);
    inside.args(["--net", "sh", "-c", &whole]).arg(source("sharing/routes.py")).arg(portshim_path());
    must(inside.arg(source("sharing/without_netlink.py")))
}

#[test]
fn routes_and_their_errors_are_the_kernels() {
    private(|| {
        let bare = routes("echo 20000 20000 >/proc/sys/net/ipv4/ip_local_port_range &&");
        assert!(bare.contains(" 20000 | EADDRNOTAVAIL") && bare.contains("EHOSTUNREACH"), "{bare}");
        for way in ["", r#"python3 "$2""#] {
            let ours = routes(&format!(r#""$1" run --range 20000-20000 -- {way}"#));
            let differences: Vec<_> = bare.lines().zip(ours.lines()).filter(|(bare, ours)| bare != ours).collect();
            assert!(differences.is_empty() && bare.len() == ours.len(), "{way} {differences:#?}");
        }
    });
}

#[test]
fn nobodys_socket_is_gambled_away() {
    private(|| assert_eq!(script("20000-20019", "gamble", &["20"]), "some connections, 0 lost\n"));
}

#[test]
fn a_fast_open_that_waits_keeps_the_port_from_nobody() {
    private(|| {
        let said = program("20000-20000", "fast_open");
        assert_eq!(said, "0 while it waits: Success, after it was cancelled: Success\n");
    });
}

#[test]
fn a_jump_leaves_nothing_behind() {
    private(|| {
        let said = program("20000-20009", "jump");
        assert_eq!(said, "jumped, 0 non-blocking, 0 with signals kept, 0 descriptors, 20 of 20 connections\n");
    });
}
