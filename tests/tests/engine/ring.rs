//! io_uring, whose requests neither a library nor a filter sees: refused, or told of.

use portshim_tests::programs::{Peer, Scratch, compile, private, text};
use portshim_tests::{portshim, said};
use serde_json::Value;

#[test]
fn a_ring_is_refused_or_told_of() {
    private(|| {
        let folder = Scratch::new("ring");
        let (program, report) = (compile("engine/ring.c", &folder, &[]), folder.join("report.json"));
        let peer = Peer::http(7001);
        let run = |options: &[&str]| {
            let mut command = portshim(["run", "--range", "20000-20009"]);
            command.args(options).arg(format!("--report={}", text(&report))).arg("--").arg(&program);
            let output = command.arg(peer.port.to_string()).output().expect("it runs");
            assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
            let report = std::fs::read_to_string(&report).expect("it was written");
            let report: Value = serde_json::from_str(&report).expect("it is JSON");
            (String::from_utf8_lossy(&output.stdout).into_owned(), report["processes"].clone())
        };
        for options in [
            &["--cover", "tree"][..],
            &["--engine", "supervise"],
            &["--engine", "supervise", "--io-uring", "refuse"],
            &["--io-uring", "refuse"],
        ] {
            assert_eq!(run(options).0, "no ring: 38\n", "{options:?}");
        }
        // The kernel's port, or there would be nothing to tell of.
        let is_kernels = |told: &str| {
            let port = told.trim_end().strip_prefix("port ").and_then(|port| port.parse().ok());
            port.is_some_and(|port: u16| !(20000..20010).contains(&port))
        };
        for options in [&["--strict", "--io-uring", "allow"][..], &["--engine=supervise", "--io-uring=allow"]] {
            let (told, processes) = run(options);
            assert!(is_kernels(&told), "{options:?}: {told}");
            let process = &processes[0];
            assert_eq!(process["coverage"], "partial");
            assert_eq!(process["not_covered"], "not covered: what it asks of io_uring, which nobody is told of");
        }
        for options in [&[][..], &["--io-uring", "allow"]] {
            let (told, _) = run(options);
            assert!(is_kernels(&told), "{options:?}: {told}");
        }
    });
}
