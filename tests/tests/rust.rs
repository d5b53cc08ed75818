//! The Rust package, tested by `cargo test` with `portshim run` as the runner, and without.

use portshim_tests::programs::private;
use portshim_tests::{portshim_path, project, said};
use std::process::Command;

/// Runs the package's tests, its doc tests among them, with this runner.
#[track_caller]
fn tested(runner: &str, under_portshim: bool) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--locked", "--offline", "--package", "portshim-client"]).current_dir(project());
    let target = std::env::consts::ARCH.to_uppercase();
    cargo.env(format!("CARGO_TARGET_{target}_UNKNOWN_LINUX_GNU_RUNNER"), runner);
    if under_portshim {
        cargo.env("UNDER_PORTSHIM", "1");
    }
    let output = cargo.output().expect("cargo runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let passed = stdout.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next());
    // No unit tests, the guards, and a doc test for each item.
    assert_eq!(passed.collect::<Vec<_>>(), ["0", "1", "8"], "{}", said(&output));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn guards_hold_under_the_runner_and_say_why_not_without() {
    private(|| {
        let portshim = portshim_path().canonicalize().expect("it is built");
        let portshim = portshim.to_str().expect("its path is text");
        tested(&format!("{portshim} run --quiet --range 20000-20009 --"), true);
        tested("env", false);
    });
}
