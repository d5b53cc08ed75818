//! What is reserved and blocked: in the policy, and while a program runs that is served from
//! outside.

use super::built::{Way, ports};
use portshim_tests::portshim;
use portshim_tests::programs::{Scratch, must, private};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

#[test]
fn a_running_program_obeys_at_once() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = ports(Way::Musl, &folder);
        for (first, last) in [(20000, 20002), (40000, 40002)] {
            let range = format!("{first}-{last}");
            let blocked = format!("{last}");
            let mut command = portshim(["run", "--range", &range, "--block", &blocked, "--"]);
            command.arg(&program).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().expect("it runs");
            let mut orders = child.stdin.take().expect("it is piped");
            let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
            let mut bind = |port: u16| {
                writeln!(orders, "{port}").expect("it listens");
                let mut answer = String::new();
                answers.read_line(&mut answer).expect("it speaks");
                answer.trim_end().to_owned()
            };
            let is_one_of = |answer: &str, ports: &[u16]| ports.iter().any(|port| answer == format!("port {port}"));
            assert!(is_one_of(&bind(0), &[first, first + 1]));
            assert_eq!(bind(last), "bind: 13");
            assert_eq!(bind(first), format!("port {first}"));
            must(&mut portshim(["reserve", &first.to_string()]));
            for _ in 0..4 {
                assert_eq!(bind(0), format!("port {}", first + 1));
            }
            assert_eq!(bind(first), format!("port {first}"), "who names a reserved port gets it");
            must(&mut portshim(["block", &(first + 1).to_string()]));
            assert_eq!(bind(0), "bind: 98");
            assert_eq!(bind(first + 1), "bind: 13");
            must(&mut portshim(["unblock", &(first + 1).to_string()]));
            must(&mut portshim(["unreserve", &first.to_string()]));
            assert!(is_one_of(&bind(0), &[first, first + 1]));
            let status = must(&mut portshim(["status", "--json"]));
            for told in ["\"name\": \"Musl\"", "\"engine\": \"supervisor\"", "\"coverage\": \"full\"", "\"peak\": null"]
            {
                assert!(status.contains(told), "{told}: {status}");
            }
            drop(orders);
            assert!(child.wait().expect("it ran").success());
        }
    });
}

/// What is withheld from some process alone is withheld from those that the supervisor serves below
/// it, and from nobody else.
#[test]
fn one_process_alone_runs_out() {
    const SCRIPT: &str = r#"
        sleep 60 &
        "$0" exhaust tcp4 --process $! --leave 2
        "$1" drain bind 1
        "$0" exhaust tcp4 --process $$ --leave 2
        "$1" drain bind 1
        kill $!"#;
    private(|| {
        let folder = Scratch::new("engine");
        let program = ports(Way::Musl, &folder);
        for range in ["20000-20004", "40000-40004"] {
            let mut command = portshim(["run", "--engine", "supervise", "--range", range, "--", "sh", "-c", SCRIPT]);
            let command = command.arg(portshim(["run"]).get_program()).arg(&program).env_remove("PORTSHIM_BIN");
            assert_eq!(must(command), "5 98\n2 98\n", "{range}");
        }
    });
}

#[test]
fn a_report_and_a_log_tell_of_it() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = ports(Way::Glibc, &folder);
        let log = folder.join("log.jsonl");
        let mut command = portshim(["run", "--range", "20000-20001", "--report", "--log"]);
        let output = command.arg(&log).arg("--").arg(&program).args(["drain", "bind", "1"]).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "2 98\n");
        let report = String::from_utf8_lossy(&output.stderr);
        let row = "  tcp4                  2          1          0          -\n";
        assert!(report.contains(row), "{report}");
        let log = std::fs::read_to_string(&log).expect("it was written");
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 3, "{log}");
        assert!(lines[0].contains("\"Glibc\"") && lines[0].contains("pinned"), "{log}");
        assert!(lines[2].contains("exhausted"), "{log}");
    });
}
