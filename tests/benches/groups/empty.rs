//! Ports out of a range that nobody else uses.

use crate::bench::{Bench, Found};
use crate::cases::Case;
use crate::process::Process;
use crate::report::Row;
use crate::stats::Sense;
use crate::targets;
use portshim_tests::work::task::{Kind, Order, Task};
use std::time::Duration;

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut found = Found::default();
    let calls = bench.effort.calls;
    for case in &bench.cases {
        for kind in [Kind::TcpBind, Kind::UdpBind] {
            let pairs = bench.pairs(case, &Task::Cycle { kind, times: calls })?;
            let what = format!("socket, {}, close; empty range, {}", kind.words(), case.what);
            let id = format!("empty/{}/{}", kind.id(), case.name);
            let row = Row::of_pairs(id, what, targets::empty(kind), &pairs);
            found.rows.push(limited(bench, case, kind, calls, row)?);
        }
        let kind = Kind::TcpConnect;
        let ask = Task::Ask { kind, most: calls / 4 + 1, within: Duration::from_secs(1) };
        let what = format!("{}; empty range, {}", kind.words(), case.what);
        let id = format!("empty/{}/{}", kind.id(), case.name);
        let row = Row::of_pairs(id, what, targets::empty(kind), &bench.pairs(case, &ask)?);
        found.rows.push(limited(bench, case, kind, calls / 4 + 1, row)?);
    }
    let kind = Kind::TcpConnect;
    let pairs = bench.pairs(bench.steered(), &Task::Cycle { kind, times: calls / 4 + 1 })?;
    let what = format!("socket, {}, close; empty range, {}", kind.words(), bench.steered().what);
    found.rows.push(Row::of_pairs("empty/tcp-connect-close", what, targets::only(Sense::Cost), &pairs));
    Ok(found)
}

/// What it takes by hand, where it is not the program's own call alone.
fn limited(bench: &Bench, case: &Case, kind: Kind, times: u32, row: Row) -> Result<Row, String> {
    if case.name == bench.steered().name {
        return Ok(row);
    }
    let (whole, free) = (kind != Kind::TcpConnect, case.ports());
    let task = Task::ByHand { kind, way: case.way, whole, times, free, order: Order::Random, seed: 0 };
    let mut process = Process::start(&case.kernel, &[], &case.kernel)?;
    process.each(&task)?;
    Ok(row.limited(process.each(&task)?))
}
