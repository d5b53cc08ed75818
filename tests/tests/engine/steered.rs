//! Where the kernel's own range is the policy's, the kernel chooses, and the supervisor looks at
//! what it chose.

use portshim_tests::portshim;
use portshim_tests::programs::{Scratch, must, private, source, text};
use std::collections::HashMap;

#[test]
fn the_kernel_chooses_and_is_looked_at() {
    private(|| {
        let folder = Scratch::new("engine");
        let report = folder.join("report.json");
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("Linux has it");
        let own: Vec<i32> = range.split_whitespace().map(|port| port.parse().expect("it is a port")).collect();
        must(std::process::Command::new("ip").args(["link", "set", "lo", "up"]));
        let mut command = portshim(["run", "--engine", "supervise", "--range", &format!("{}-{}", own[0], own[1])]);
        command.arg(format!("--report={}", text(&report))).args(["--", "python3"]);
        let said = must(command.arg(source("engine/steered.py")));
        let mut shown: HashMap<&str, Vec<i32>> = HashMap::new();
        for (what, port) in said.lines().filter_map(|line| line.split_once(' ')) {
            shown.entry(what).or_default().push(port.parse().expect("it is a number"));
        }
        let counts = [("here", 8), ("elsewhere", 6), ("changed", 6)];
        for (what, count) in counts {
            let ports = &shown[what];
            assert!(ports.len() == count && ports.iter().all(|port| (own[0]..=own[1]).contains(port)), "{said}");
        }
        let none = [("none", vec![0, 0]), ("raw", vec![17]), ("foreign", vec![-99]), ("again", vec![-22])];
        for (what, ports) in none {
            assert_eq!(shown[what], ports, "{said}");
        }
        let report = std::fs::read_to_string(&report).expect("it was written");
        let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
        let scopes = report["rules"][0]["scopes"].as_array().expect("it has some");
        let served: i64 = scopes.iter().filter_map(|scope| scope["served"].as_i64()).sum();
        assert_eq!(served, 20, "{report}");
    });
}
