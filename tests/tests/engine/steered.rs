//! Where the policy has one range, inside the kernel's own, the kernel chooses, and the supervisor
//! looks at what it chose.

use portshim_tests::portshim;
use portshim_tests::programs::{Scratch, must, private, source, text};
use std::collections::HashMap;

#[test]
fn the_kernel_chooses_and_is_looked_at() {
    private(|| {
        must(std::process::Command::new("ip").args(["link", "set", "lo", "up"]));
        let setting = "/proc/sys/net/ipv4/ip_local_port_range";
        let own = std::fs::read_to_string(setting).expect("Linux has it");
        for range in [own.split_whitespace().collect::<Vec<_>>().join("-"), "40000-40999".into()] {
            for first in ["binds", "sends"] {
                std::fs::write(setting, &own).expect("the network is ours");
                look(&range, first);
            }
        }
    });
}

/// Has sockets of every kind bound to any port of `range`, and looks at what they show.
fn look(range: &str, first: &str) {
    let folder = Scratch::new("engine");
    let report = folder.join("report.json");
    let mut command = portshim(["run", "--engine", "supervise", "--range", range]);
    command.arg(format!("--report={}", text(&report))).args(["--", "python3"]);
    let said = must(command.arg(source("engine/steered.py")).arg(first));
    let mut shown: HashMap<&str, Vec<i32>> = HashMap::new();
    for (what, port) in said.lines().filter_map(|line| line.split_once(' ')) {
        shown.entry(what).or_default().push(port.parse().expect("it is a number"));
    }
    let ends: Vec<i32> = range.split('-').map(|port| port.parse().expect("it is a port")).collect();
    for (what, count) in [("here", 14), ("elsewhere", 10), ("changed", 11), ("stale", 1)] {
        let ports = &shown[what];
        assert!(ports.len() == count && ports.iter().all(|port| (ends[0]..=ends[1]).contains(port)), "{range}: {said}");
    }
    for (what, ports) in [
        ("none", vec![0; 4]),
        ("error", vec![0, libc::EFAULT, libc::EFAULT, libc::EFAULT]),
        ("raw", vec![17, 0]),
        ("kept", vec![1; 18]),
        ("foreign", vec![-99]),
        ("again", vec![-22]),
    ] {
        assert_eq!(shown[what], ports, "{range}: {said}");
    }
    let report = std::fs::read_to_string(&report).expect("it was written");
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    let scopes = report["rules"][0]["scopes"].as_array().expect("it has some");
    let served: i64 = scopes.iter().filter_map(|scope| scope["served"].as_i64()).sum();
    assert_eq!(served, 36, "{range}: {report}");
}

/// First sends that find no port fail as on a kernel that has no more ports than the policy, and
/// leave their sockets as they were.
#[test]
fn a_send_that_finds_no_port_changes_nothing() {
    private(|| {
        must(std::process::Command::new("ip").args(["link", "set", "lo", "up"]));
        let script = source("engine/none_for_sends.py");
        let setting = "/proc/sys/net/ipv4/ip_local_port_range";
        let own = std::fs::read_to_string(setting).expect("Linux has it");
        std::fs::write(setting, "40000 40001").expect("the network is ours");
        let native = must(std::process::Command::new("python3").arg(&script));
        std::fs::write(setting, &own).expect("the network is ours");
        // Steered, with a hole, and pinned.
        for ports in ["40000-40001", "40000,40003", "20000-20001"] {
            let mut command = portshim(["run", "--engine", "supervise", "--range", ports, "--", "python3"]);
            assert_eq!(must(command.arg(&script)), native, "{ports}");
        }
    });
}

/// RFC 6056's hashes are of the peer, too.
#[test]
fn a_hash_is_of_the_peer_at_every_send() {
    for order in ["hash", "double-hash"] {
        let ports = |engine: &str| {
            let policy = ["--range", "40000-40999", "--select", order, "--seed", "7"];
            let mut command = portshim(["run", "--engine", engine]);
            must(command.args(policy).args(["--", "python3"]).arg(source("engine/hashed.py")))
        };
        assert_eq!(ports("supervise"), ports("preload"), "{order}");
    }
}
