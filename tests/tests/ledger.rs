//! The ledger under stress: processes of a session reserve, block, bind and die at random, and what
//! each is told must be true by what the others say that they hold; or one of them writes over it
//! at random.
//!
//! The sources are in `ledger/`, compiled here. `STRESS_SECONDS` says for how long a stress goes on
//! instead, and `STRESS_SEED` repeats one, as far as the scheduler does.

use portshim_tests::programs::{Peer, must, private, scratch, source};
use portshim_tests::{portshim, portshim_path, project, said};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

fn compile(folder: &Path, program: &str, sources: &[&str]) -> PathBuf {
    let built = folder.join(program);
    let mut compiler = Command::new("gcc");
    compiler.args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-I"]).arg(project().join("shim"));
    compiler.args(sources.iter().map(|name| source(&format!("ledger/{name}")))).arg("-o").arg(&built);
    must(&mut compiler);
    built
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|e| panic!("{variable}: {value}: {e}")))
}

fn seed() -> String {
    number("STRESS_SEED").unwrap_or_else(|| fastrand::u64(..)).to_string()
}

/// A stress under a preset, with half of the ports outside the host's range and half inside it.
fn stress(preset: &str, seconds: u64, more: &[&str]) {
    let folder = scratch("ledger");
    let built = compile(&folder, "stress", &["stress.c", "worker.c"]);
    let (seconds, seed) = (number("STRESS_SECONDS").unwrap_or(seconds).to_string(), seed());
    let mut run = portshim(["run", "--preset", preset, "--range", "32000-33499", "--"]);
    run.arg(&built).args([&seconds, &seed, "32000", "33499"]).args(more);
    run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().expect("portshim runs");
    let input = child.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let over = AtomicBool::new(false);
    let (looks, _) = thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let _ = lines.next();
            over.store(true, Relaxed);
        });
        let mut looks = 0;
        while !over.load(Relaxed) {
            looks += u32::from(look_on(&seed));
        }
        (looks, waits.join())
    });
    drop(input);
    let figures: String = lines.collect();
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "STRESS_SEED={seed} {preset}: {}", said(&output));
    println!("seed {seed}, {preset}, looked at {looks} times: {figures}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Looks at the session from outside, and changes its ledger where no process of it does. False
/// where it has not begun yet.
fn look_on(seed: &str) -> bool {
    let command = |arguments: &[&str]| loop {
        let output = portshim(arguments).output().expect("portshim runs");
        let error = String::from_utf8_lossy(&output.stderr);
        // One of the processes that are stopped keeps the ledger to itself.
        if !error.contains("another process has been changing session") {
            let excused = output.status.success() || error.contains("no session of yours is live");
            assert!(excused, "STRESS_SEED={seed} {arguments:?}: {}", said(&output));
            return output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned());
        }
    };
    for (enters, lifts, ports, first) in
        [("reserve", "unreserve", "33600-33609", "33603"), ("block", "unblock", "33700-33709", "33700")]
    {
        let (Some(_), Some(status)) = (command(&[enters, ports]), command(&["status", "--json"])) else {
            return false;
        };
        assert!(status.contains(ports), "STRESS_SEED={seed}: {ports} is missing in {status}");
        if command(&[lifts, first]).is_none() {
            return false;
        }
        // 24 processes with 8 entries each, one more of each that is on its way, one of a child of
        // each; and of those that have just died, some are still there.
        let entries = status.matches(r#""kind": "process""#).count();
        assert!(entries <= 2 * 24 * 10, "STRESS_SEED={seed}: {entries} entries: {status}");
    }
    true
}

#[test]
fn the_ledger_holds_while_processes_come_and_go() {
    private(|| stress("host", 12, &[]));
}

/// Where reservations are kept apart, no two that were granted ever meet.
#[test]
fn the_ledger_holds_where_reservations_are_kept_apart() {
    private(|| stress("windows-vista", 8, &["apart"]));
}

/// What looks at live sessions, and changes them.
const COMMANDS: [&[&str]; 11] = [
    &["ps", "--verbose"],
    &["ps", "--json"],
    &["status"],
    &["status", "--json"],
    &["reserve", "33100-33109,33200-33209"],
    &["unreserve", "33100-33109"],
    &["block", "33300-33309"],
    &["unblock", "33300"],
    &["netsh", "int", "ipv4", "show", "excludedportrange", "tcp"],
    &["netsh", "int", "ipv4", "add", "excludedportrange", "tcp", "33400", "10", "store=active"],
    &["netsh", "int", "ipv4", "set", "dynamicport", "tcp", "32000", "1500", "store=active"],
];

/// Whatever one process writes over what the session shares, no other and no command crashes or
/// hangs.
fn scribbled_over(options: &[&str]) {
    let folder = scratch("ledger");
    let built = compile(&folder, "scribble", &["scribble.c"]);
    let (seconds, seed) = (number("STRESS_SECONDS").unwrap_or(10).to_string(), seed());
    let mut run = portshim(["run", "--range", "32000-33499", "--log"]);
    run.arg(folder.join("log")).arg(format!("--report={}", folder.join("report.json").display())).args(options);
    run.arg("--").arg(&built).args([&seconds, &seed]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().expect("portshim runs");
    let mut looked = 0;
    while child.try_wait().expect("it is our child").is_none() {
        for arguments in COMMANDS {
            let output = Command::new("timeout").arg("60").arg(portshim_path()).args(arguments).output();
            let output = output.expect("timeout(1) runs");
            // What it finds may be no session any more, or a strange one; that is for it to say.
            let calm = matches!(output.status.code(), Some(0 | 1 | 2 | 125));
            assert!(calm, "STRESS_SEED={seed} {options:?}: {arguments:?}: {}", said(&output));
            looked += 1;
        }
    }
    let output = child.wait_with_output().expect("it has ended");
    assert!(output.status.success(), "STRESS_SEED={seed} {options:?}: {}", said(&output));
    println!("seed {seed}, {options:?}, {looked} commands: {}", String::from_utf8_lossy(&output.stdout).trim());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn scribbling_over_the_ledger_harms_nobody_else() {
    private(|| {
        let _peers = (Peer::http(7001), Peer::echo(7001));
        for options in [&[][..], &["--select", "random"], &["--preset", "windows-2003-sp1", "--max-user-port", "6000"]]
        {
            scribbled_over(options);
        }
    });
}
