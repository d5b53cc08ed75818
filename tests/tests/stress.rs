//! Everything that programs do with sockets, at random and all at once: threads, processes of every
//! kind, signals that jump, threads that are cancelled, processes that are killed, several
//! networks, numbers that become other things. Every port, every errno, every option and every byte
//! of it is checked.
//!
//! The program is in `stress/`, compiled here. It passes under the kernel's own settings as well,
//! which shows that its checks ask for no more than the kernel gives. `STRESS_SECONDS` says for how
//! long each goes on instead, and `STRESS_SEED` repeats one, as far as the scheduler does. `make
//! stress` does them all.

use portshim_tests::programs::{must, private, scratch, set_sysctl, source};
use portshim_tests::{portshim, said};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A policy: a range with a hole in it, and what else `portshim run` is told.
struct Policy {
    range: (u16, u16),
    hole: (u16, u16),
    more: &'static [&'static str],
}

/// Inside the host's own range, where portshim steers.
const INSIDE: Policy = Policy { range: (41000, 42999), hole: (41200, 41599), more: &[] };
/// Outside of it, where portshim pins.
const OUTSIDE: Policy = Policy { range: (20000, 21999), hole: (20200, 20599), more: &[] };
/// Across its end.
const ACROSS: Policy = Policy { range: (60200, 61999), hole: (60900, 61099), more: &[] };
/// Outside of it, each port once, and in another order.
const WINDOWS_XP: Policy =
    Policy { range: (1025, 5000), hole: (1025, 3400), more: &["--preset", "windows-xp", "--select", "random"] };

/// A C compiler, and its options besides.
type Compiler = &'static [&'static str];
const GLIBC: Compiler = &["gcc"];
/// musl comes without the kernel's headers.
const MUSL: Compiler = &["musl-gcc", "-idirafter/usr/include", "-idirafter/usr/include/x86_64-linux-gnu"];

fn compile(folder: &Path, compiler: Compiler) -> PathBuf {
    let built = folder.join("stress");
    let (name, options) = compiler.split_first().expect("a compiler has a name");
    let mut compiler = Command::new(name);
    compiler.args(options);
    compiler.args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]).arg(&built);
    let parts = ["calls", "jumps", "main", "odd", "processes", "servers", "sockets", "worker"];
    must(compiler.args(parts.map(|part| source(&format!("stress/{part}.c")))));
    built
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|e| panic!("{variable}: {value}: {e}")))
}

/// Runs the stress under a policy, which portshim keeps or the kernel itself.
fn stress(policy: &Policy, by_portshim: bool, compiler: Compiler) {
    let folder = scratch("stress");
    let built = compile(&folder, compiler);
    let seconds = number("STRESS_SECONDS").unwrap_or(4).to_string();
    let seed = number("STRESS_SEED").unwrap_or_else(|| fastrand::u64(..)).to_string();
    // The ports of what has come to an end are soon to be had again, or the policy's would not do.
    set_sysctl("tcp_max_tw_buckets", "20");
    set_sysctl("tcp_fastopen", "3");
    let ends = [policy.range.0, policy.range.1, policy.hole.0, policy.hole.1].map(|port| port.to_string());
    let spec = |pair: (u16, u16)| format!("{}-{}", pair.0, pair.1);
    let mut run = if by_portshim {
        let (range, hole) = (spec(policy.range), spec(policy.hole));
        let mut run = portshim(["run"]);
        // The range of this preset is told in its own way.
        run.args(policy.more);
        if policy.more.is_empty() {
            run.args(["--range", &range]);
        }
        run.args(["--reserve", &hole, "--block", "6003", "--"]).arg(&built);
        run.args([&seconds, &seed, "portshim"]).args(&ends).arg("blocks");
        run
    } else {
        set_sysctl("ip_local_port_range", &format!("{} {}", policy.range.0, policy.range.1));
        set_sysctl("ip_local_reserved_ports", &spec(policy.hole));
        let mut run = Command::new(&built);
        run.args([&seconds, &seed, "kernel"]).args(&ends);
        run
    };
    let output = run.output().expect("it can be started");
    assert!(output.status.success() && output.stderr.is_empty(), "STRESS_SEED={seed}: {}", said(&output));
    println!("seed {seed}: {}", String::from_utf8_lossy(&output.stdout).trim());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn under_the_kernels_own_settings() {
    private(|| stress(&INSIDE, false, GLIBC));
}

#[test]
fn inside_the_hosts_range() {
    private(|| stress(&INSIDE, true, GLIBC));
}

#[test]
fn outside_of_it() {
    private(|| stress(&OUTSIDE, true, GLIBC));
}

#[test]
fn across_its_end() {
    private(|| stress(&ACROSS, true, GLIBC));
}

#[test]
fn with_the_model_of_windows_xp() {
    private(|| stress(&WINDOWS_XP, true, GLIBC));
}

#[test]
fn in_a_program_of_musl() {
    private(|| stress(&OUTSIDE, true, MUSL));
}
