//! Descriptors that get another meaning, in a program whose guest remembers what they are.

use super::built::{Go, Way, program};
use portshim_tests::portshim;
use portshim_tests::programs::{Scratch, private};
use std::path::Path;
use std::process::Command;

/// Runs it inside the host's range, which is steered, and outside of it.
fn finds_its_ports(built: &Path, options: &[&str], asks: &str) {
    for (first, last) in [("20000", "20999"), ("40000", "40999")] {
        let mut command = portshim(["run", "--range", &format!("{first}-{last}")]);
        command.args(options).arg("--").arg(built).args([first, last, asks]);
        assert_eq!(said(&mut command), "known\n", "{options:?}, {first}");
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn whatever_a_descriptor_becomes_it_is_known_anew() {
    private(|| {
        let folder = Scratch::new("engine");
        let built = |way| program(way, "engine/reused.c", &["-pthread"], &folder.join(format!("reused-{way:?}")));
        let glibc = built(Way::Glibc);
        // It asks for no more than the kernel gives.
        assert_eq!(said(Command::new(&glibc).args(["32768", "60999", "asks"])), "known\n");
        finds_its_ports(&glibc, &["--engine", "inside"], "remembers");
        // Here, cancelled threads compare addresses of calls, so that some stay as they are.
        finds_its_ports(&built(Way::Musl), &["--engine", "inside"], "asks");
    });
}

#[test]
fn go_closes_quickly() {
    private(|| {
        finds_its_ports(&Go::Newer.churn(), &["--engine", "inside"], "closes");
    });
}
