//! The ledger under stress: processes of a session reserve, block, bind and die at random, and what each is
//! told must be true by what the others say that they hold; or one of them writes over it at random.
//!
//! The sources are in `ledger/`, compiled here. `STRESS_SECONDS` says for how long a stress goes on instead,
//! and `STRESS_SEED` repeats one, as far as the scheduler does.

use portshim_tests::programs::{must, private, scratch, source};
use portshim_tests::{portshim, project, said};
use std::path::{Path, PathBuf};
use std::process::Command;

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
    let mut command = portshim(["run", "--preset", preset, "--range", "32000-33499", "--"]);
    let output = command.arg(&built).args([&seconds, &seed, "32000", "33499"]).args(more).output();
    let output = output.expect("portshim runs");
    assert!(output.status.success(), "STRESS_SEED={seed} {preset}: {}", said(&output));
    println!("seed {seed}, {preset}: {}", String::from_utf8_lossy(&output.stdout).trim());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn the_ledger_holds_while_processes_come_and_go() {
    private(|| stress("host", 60, &[]));
}

/// Where reservations are kept apart, no two that were granted ever meet.
#[test]
fn the_ledger_holds_where_reservations_are_kept_apart() {
    private(|| stress("windows-vista", 15, &["apart"]));
}
