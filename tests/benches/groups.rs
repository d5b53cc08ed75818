//! The groups of rows, one after the other.

mod empty;
mod engine;
mod fill;
mod held;
mod scale;
mod sends;
mod start;

use crate::bench::{Bench, Found};
use crate::effort::{Group, Name};
use crate::report::Report;
use crate::{counts, peers};
use clap::ValueEnum;
use std::time::{Instant, SystemTime};

/// Measures every group that is asked for.
pub(crate) fn run(bench: &Bench) -> Result<Report, String> {
    let since = Instant::now();
    let machine = bench.machine();
    if machine.load > 0.5 * machine.processors as f64 {
        eprintln!(
            "warning: this machine is busy (load {}): ratios hold better than times, but neither well",
            machine.load
        );
    }
    let groups: Vec<Group> =
        Group::value_variants().iter().copied().filter(|g| bench.only.is_empty() || bench.only.contains(g)).collect();
    let mut all = Found::default();
    for (number, group) in groups.iter().enumerate() {
        eprintln!("[{}/{}] {:>4} s  {group:?}", number + 1, groups.len(), since.elapsed().as_secs());
        let found = measure(bench, *group)?;
        all.rows.extend(found.rows);
        all.peers.extend(found.peers);
        all.instructions.extend(found.instructions);
        all.curves.extend(found.curves);
        all.missing.extend(found.missing);
    }
    all.missing.dedup();
    Ok(Report {
        effort: bench.effort.name,
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        seconds: since.elapsed().as_secs(),
        machine,
        rows: all.rows,
        peers: all.peers,
        instructions: all.instructions,
        curves: all.curves,
        missing: all.missing,
    })
}

fn measure(bench: &Bench, group: Group) -> Result<Found, String> {
    match group {
        Group::Sends => sends::measure(bench),
        Group::Empty => empty::measure(bench),
        Group::Held => held::measure(bench),
        Group::Fill => fill::measure(bench),
        Group::Start => start::measure(bench),
        Group::Engine => engine::measure(bench),
        Group::Peers => peers::measure(bench),
        Group::Memory => scale::memory(bench),
        Group::Scale => scale::measure(bench),
        // Each count starts a virtual machine: too slow to see only whether it works.
        Group::Counts if bench.effort.name == Name::Smoke => Ok(Found::default()),
        Group::Counts => counts::measure(bench),
    }
}
