//! All ports of a range, one after the other.

use crate::bench::{Bench, Found};
use crate::cases::{self, Case};
use crate::figures::{duration, grouped};
use crate::process::Process;
use crate::report::Row;
use crate::stats::{Pair, Sense};
use crate::targets;
use portshim_tests::work::task::{Answer, Kind, Order, Task};
use std::time::Duration;

/// Shares of the range at which the kernel is asked what a port costs. Half of them are close to
/// the half of the range, from which on it searches in vain through the other half.
const HELD: [f64; 14] = [0.0, 0.25, 0.4, 0.45, 0.49, 0.499, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 0.999, 1.0];

/// One way to fill a range: its duration, and how many ports that gave.
struct Filled {
    nanos: f64,
    ports: u64,
}

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut found = Found::default();
    for case in &bench.cases {
        for kind in Kind::ALL {
            eprintln!("      {} ports, {}, {}", grouped(case.ports()), kind.words(), case.what);
            found.rows.push(row(bench, case, kind)?);
        }
    }
    found.rows.push(second(bench, &cases::small(bench.effort.ports))?);
    Ok(found)
}

/// Where every port has a connection already, to another destination.
fn second(bench: &Bench, case: &Case) -> Result<Row, String> {
    let what = format!("filling {} ports, TCP connect to a second destination, {}", grouped(case.ports()), case.what);
    eprintln!("      {}", what.trim_start_matches("filling "));
    let task = Task::FillSecond { within: bench.effort.filling };
    let (mut pairs, mut least) = (Vec::new(), case.ports() as u64);
    for _ in 0..bench.effort.fills {
        // One side is empty while the other one is measured: they share the kernel's tables.
        let kernel = took(Process::start(&case.kernel, &[], &case.kernel)?, &task)?;
        let portshim = took(Process::start(&case.host, &bench.under(case), &case.kernel)?, &task)?;
        least = least.min(portshim.ports);
        pairs.push(Pair { kernel: kernel.nanos, portshim: portshim.nanos });
    }
    let row = Row::of_pairs("fill/tcp-connect/second", what, targets::only(Sense::Gain), &pairs);
    Ok(if least < case.ports() as u64 {
        let note = format!("not full after {}: {} ports", duration(row.portshim), grouped(least as usize));
        row.at_best().noted(note)
    } else {
        row
    })
}

fn row(bench: &Bench, case: &Case, kind: Kind) -> Result<Row, String> {
    let all = case.ports() as u64;
    // The kernel is slow enough to need no second time, and the same under all wide policies.
    let really = bench.effort.kernel_fills && (case.name == bench.steered().name || all < 10_000);
    let own = if really { Some(filled(kernel_process(case)?, kind, Duration::from_secs(300))?.nanos) } else { None };
    let (mut pairs, mut least, mut spent) = (Vec::new(), all, Duration::ZERO);
    while pairs.is_empty() || (pairs.len() < bench.effort.fills && spent < bench.effort.filling) {
        let kernel = own.map_or_else(|| summed_up(bench, case, kind), Ok)?;
        let portshim = Process::start(&case.host, &bench.under(case), &case.kernel)?;
        let portshim = filled(portshim, kind, bench.effort.filling)?;
        (least, spent) = (least.min(portshim.ports), spent + Duration::from_nanos(portshim.nanos as u64));
        pairs.push(Pair { kernel, portshim: portshim.nanos });
    }
    let what = format!("filling {} ports, {}, {}", grouped(case.ports()), kind.words(), case.what);
    let id = format!("fill/{}/{}", kind.id(), case.name);
    let mut row = Row::of_pairs(id, what, targets::fill(kind, all > 10_000 || bench.effort.ports.is_some()), &pairs);
    let mut notes = Vec::new();
    if least < all {
        notes.push(format!("not full after {}: {} ports", duration(row.portshim), grouped(least as usize)));
        row = row.at_best();
    }
    if !really {
        notes.push("kernel: summed up from samples".to_owned());
    }
    Ok(if notes.is_empty() { row } else { row.noted(notes.join("; ")) })
}

fn kernel_process(case: &Case) -> Result<Process, String> {
    Process::start(&case.kernel, &[], &case.kernel)
}

fn filled(process: Process, kind: Kind, within: Duration) -> Result<Filled, String> {
    took(process, &Task::Fill { kind, within })
}

fn took(mut process: Process, task: &Task) -> Result<Filled, String> {
    match process.ask(task)? {
        Answer::Took { calls, nanos } => Ok(Filled { nanos: nanos as f64, ports: calls }),
        other => Err(format!("filling was answered by {other:?}")),
    }
}

/// What the kernel would need: what one port costs at each of several stages, in the order in which
/// the kernel fills a range, and between two stages in proportion.
fn summed_up(bench: &Bench, case: &Case, kind: Kind) -> Result<f64, String> {
    let mut process = kernel_process(case)?;
    let mut sum = 0.0;
    process.ask(&Task::Hold { kind, within: Duration::ZERO })?;
    let mut after: Option<(f64, f64)> = None;
    for share in HELD.iter().rev() {
        let held = (share * case.ports() as f64).floor().min(case.ports() as f64 - 1.0);
        process.ask(&Task::Release { kind, free: case.ports() - held as usize, order: Order::Native, seed: 0 })?;
        let ask = Task::Ask { kind, most: bench.effort.asks.min(12), within: bench.effort.asking };
        let cost = process.each(&ask)?;
        if let Some((more, dearer)) = after {
            sum += (more - held) * (cost + dearer) / 2.0;
        }
        after = Some((held, cost));
    }
    Ok(sum)
}
