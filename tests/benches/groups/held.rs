//! What a call costs against how full the range is.

use crate::bench::{Bench, Found};
use crate::cases::Case;
use crate::figures::{Curve, Point};
use crate::process::Process;
use crate::report::Row;
use crate::stats::{Pair, Sense, Spread};
use crate::targets::{self, Target};
use portshim_tests::work::task::{Kind, Order, Task};
use std::time::Duration;

/// Time for which portshim may take ports by itself. What is left then is taken by number.
const TAKING: Duration = Duration::from_secs(1);

/// A stage of fullness.
struct Level {
    held: &'static str,
    free: fn(usize) -> usize,
}

/// From full to empty, because that is the order in which sockets are closed.
const LEVELS: [Level; 6] = [
    Level { held: "1 free", free: |_| 1 },
    Level { held: "99.9 %", free: |ports| (ports / 1000).max(1) },
    NEARLY_FULL,
    Level { held: "90 %", free: |ports| ports / 10 },
    HALF,
    Level { held: "0 %", free: |ports| ports },
];
const NEARLY_FULL: Level = Level { held: "99 %", free: |ports| (ports / 100).max(1) };
const HALF: Level = Level { held: "50 %", free: |ports| ports / 2 };

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut found = Found::default();
    for case in &bench.cases {
        for kind in Kind::ALL {
            by_fullness(bench, case, kind, &mut found)?;
        }
    }
    let case = bench.steered();
    let (random, _) = passes(bench, case, Kind::TcpConnect, Order::Random, &[HALF], bench.effort.other_passes)?;
    let what = format!("TCP connect; a random half held to one destination, {}", case.what);
    found.rows.push(Row::of_pairs("held/tcp-connect/random-half", what, targets::only(Sense::Gain), &random[0]));
    for kind in [Kind::TcpBind, Kind::UdpBind] {
        let pairs = strangers(bench, case, kind)?;
        let what = format!("{}; 99 % held by strangers, the first calls, {}", kind.words(), case.what);
        let id = format!("held/{}/strangers", kind.id());
        found.rows.push(Row::of_pairs(id, what, targets::only(Sense::Cost), &pairs));
    }
    Ok(found)
}

fn by_fullness(bench: &Bench, case: &Case, kind: Kind, found: &mut Found) -> Result<(), String> {
    let drawn = case.name == bench.steered().name;
    // A connect's cost is in the half that the kernel passes over; a random half hides it.
    let order = if kind == Kind::TcpConnect { Order::Native } else { Order::Random };
    let (levels, count) =
        if drawn { (&LEVELS[..], bench.effort.passes) } else { (&[NEARLY_FULL, HALF][..], bench.effort.other_passes) };
    let (measured, by_hand) = passes(bench, case, kind, order, levels, count)?;
    let wide = case.ports() > 10_000 || bench.effort.ports.is_some();
    for (level, pairs) in levels.iter().zip(&measured) {
        let target: Target = match (level.held, kind) {
            ("99 %", kind) => targets::nearly_full(kind),
            ("50 %", Kind::TcpConnect) => targets::half_connected(wide),
            _ => continue,
        };
        let to = if kind == Kind::TcpConnect { "to one destination" } else { "by the session" };
        let what = format!("{}; {} held {to}, {}", kind.words(), level.held, case.what);
        let id = format!("held/{}/{}/{}", kind.id(), case.name, level.held.replace([' ', '%'], ""));
        let row = Row::of_pairs(id, what, target, pairs);
        found.rows.push(match by_hand.filter(|_| level.held == NEARLY_FULL.held) {
            Some(by_hand) => row.limited(by_hand),
            None => row,
        });
    }
    if drawn {
        let points = levels.iter().zip(&measured).rev().map(|(level, pairs)| Point {
            held: level.held.to_owned(),
            free: (level.free)(case.ports()),
            kernel: Spread::of(pairs.iter().map(|pair| pair.kernel)),
            portshim: Spread::of(pairs.iter().map(|pair| pair.portshim)),
        });
        let points = points.collect();
        found.curves.push(Curve {
            id: kind.id().to_owned(),
            title: kind.words().to_owned(),
            ports: case.ports(),
            points,
        });
    }
    Ok(())
}

/// Pairs for each level, and what the calls take by hand where the range is nearly full. One side
/// is empty while the other is measured: they share the kernel's tables.
fn passes(
    bench: &Bench,
    case: &Case,
    kind: Kind,
    order: Order,
    levels: &[Level],
    count: usize,
) -> Result<(Vec<Vec<Pair>>, Option<f64>), String> {
    let (mut all, mut by_hand) = (vec![Vec::new(); levels.len()], Vec::new());
    for seed in 0..count as u64 {
        let (mut kernel, mut portshim) = bench.processes(case)?;
        let released = |free| Task::Release { kind, free, order, seed };
        let free = (NEARLY_FULL.free)(case.ports());
        let times = bench.effort.asks;
        let aim = Task::ByHand { kind, way: case.way, whole: false, times, free, order, seed };
        let (kernel, aimed) = pass(bench, case, &mut kernel, (kind, Duration::ZERO), &released, levels, Some(&aim))?;
        let (portshim, _) = pass(bench, case, &mut portshim, (kind, TAKING), &released, levels, None)?;
        by_hand.extend(aimed);
        for (pairs, (kernel, portshim)) in all.iter_mut().zip(kernel.into_iter().zip(portshim)) {
            pairs.push(Pair { kernel, portshim });
        }
    }
    let by_hand = (!by_hand.is_empty()).then(|| Spread::of(by_hand).median);
    Ok((all, by_hand))
}

fn pass(
    bench: &Bench,
    case: &Case,
    process: &mut Process,
    (kind, within): (Kind, Duration),
    released: &dyn Fn(usize) -> Task,
    levels: &[Level],
    aim: Option<&Task>,
) -> Result<(Vec<f64>, Option<f64>), String> {
    process.ask(&Task::Hold { kind, within })?;
    let mut aimed = None;
    let ask = Task::Ask { kind, most: bench.effort.asks, within: bench.effort.asking };
    let mut measured = Vec::new();
    for level in levels {
        process.ask(&released((level.free)(case.ports())))?;
        measured.push(process.each(&ask)?);
        if level.held == NEARLY_FULL.held
            && let Some(aim) = aim
        {
            aimed = Some(process.each(aim)?);
        }
    }
    process.ask(&Task::Drop)?;
    Ok((measured, aimed))
}

/// The first calls of a session that knows nothing yet of the ports that others hold.
fn strangers(bench: &Bench, case: &Case, kind: Kind) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    let free = (NEARLY_FULL.free)(case.ports());
    for _ in 0..bench.effort.passes {
        let cold = |mut process: Process| {
            process.each(&Task::Cycle { kind, times: 16 })?;
            process.ask(&Task::Strangers { kind, free })?;
            process.each(&Task::Ask { kind, most: 16, within: Duration::from_secs(1) })
        };
        let (kernel, portshim) = bench.processes(case)?;
        pairs.push(Pair { kernel: cold(kernel)?, portshim: cold(portshim)? });
    }
    Ok(pairs)
}
