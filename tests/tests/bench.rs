//! The benchmark runs, and says in all its forms what it should. Whether the figures are good is
//! not asked.
#![cfg(target_os = "linux")]

use portshim_tests::programs::scratch;
use portshim_tests::{portshim_path, said};
use serde_json::Value;
use std::process::{Command, Stdio};

/// A row of each target, and of each group that has none.
const ROWS: [&str; 16] = [
    "sendto",
    "sendmsg",
    "empty/tcp-bind/steered",
    "empty/udp-bind/pinned",
    "empty/tcp-connect/holes",
    "held/tcp-bind/steered/99",
    "held/udp-bind/steered/99",
    "held/tcp-connect/steered/50",
    "fill/tcp-bind/steered",
    "fill/tcp-connect/second",
    "start/run",
    "start/run-over-env",
    "memory",
    "scale/two-threads/tcp-bind",
    "scale/two-processes/udp-bind",
    "scale/sockets",
];

/// What is there only where there is a guest to bring into programs.
const ROWS_OF_GUESTS: &[&str] = if cfg!(target_arch = "x86_64") {
    &["guest/tcp-bind/steered", "guest/sendmsg/steered", "guest/getppid/steered", "guest/first-send/pinned"]
} else {
    &[]
};

#[test]
fn a_tiny_benchmark_has_a_table_json_and_pictures() {
    let out = scratch("bench");
    let output = Command::new(env!("CARGO_BIN_EXE_portshim-bench"))
        .args(["--effort", "smoke", "--out"])
        .arg(&out)
        .env("PORTSHIM_BIN", portshim_path())
        .stdin(Stdio::null())
        .output()
        .expect("the benchmark starts");
    assert!(output.status.success(), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout);

    let json = std::fs::read_to_string(out.join("smoke.json")).expect("there is JSON");
    let report: Value = serde_json::from_str(&json).expect("it is valid");
    assert!(report["machine"]["processors"].as_u64().is_some_and(|n| n > 0), "{json}");
    let rows = report["rows"].as_array().expect("there are rows");
    for id in ROWS.iter().chain(ROWS_OF_GUESTS) {
        let row = rows.iter().find(|row| row["id"] == *id).unwrap_or_else(|| panic!("no row {id} in {json}"));
        let ratio = &row["ratio"];
        let figures = [&row["kernel"], &row["portshim"], &ratio["p10"], &ratio["median"], &ratio["p90"]];
        assert!(figures.iter().all(|figure| figure.as_f64().is_some_and(f64::is_finite)), "{row}");
        let what = row["what"].as_str().expect("it says what it is");
        assert!(table.contains(what), "`{what}` is not in the table:\n{table}");
    }
    assert!(report["peers"].as_array().is_some_and(|peers| !peers.is_empty()), "{json}");

    for (id, first) in [("tcp-bind", "TCP bind(0)"), ("udp-bind", "UDP bind(0)"), ("tcp-connect", "TCP connect")] {
        let path = out.join(format!("{id}.svg"));
        let svg = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(svg.contains(first) && svg.contains("1 free"), "{svg}");
        let parsed = Command::new("python3")
            .args(["-c", "import sys, xml.dom.minidom as x; x.parse(sys.argv[1])"])
            .arg(&path)
            .output()
            .expect("python3 runs");
        assert!(parsed.status.success(), "{svg}\n{}", said(&parsed));
    }
    std::fs::remove_dir_all(out).expect("the folder is ours");
}
