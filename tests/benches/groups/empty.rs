//! Ports out of a range that nobody else uses.

use super::{Bench, Found};
use crate::report::Row;
use crate::stats::Sense;
use crate::targets;
use crate::task::{Kind, Task};
use std::time::Duration;

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut found = Found::default();
    let calls = bench.effort.calls;
    for case in &bench.cases {
        for kind in [Kind::TcpBind, Kind::UdpBind] {
            let pairs = bench.pairs(case, &Task::Cycle { kind, times: calls })?;
            let what = format!("socket, {}, close; empty range, {}", kind.words(), case.what);
            found.rows.push(Row::of_pairs(
                format!("empty/{}/{}", kind.id(), case.name),
                what,
                targets::empty(kind),
                &pairs,
            ));
        }
        let kind = Kind::TcpConnect;
        let ask = Task::Ask { kind, most: calls / 4 + 1, within: Duration::from_secs(1) };
        let what = format!("{}; empty range, {}", kind.words(), case.what);
        let id = format!("empty/{}/{}", kind.id(), case.name);
        found.rows.push(Row::of_pairs(id, what, targets::empty(kind), &bench.pairs(case, &ask)?));
    }
    let kind = Kind::TcpConnect;
    let pairs = bench.pairs(bench.steered(), &Task::Cycle { kind, times: calls / 4 + 1 })?;
    let what = format!("socket, {}, close; empty range, {}", kind.words(), bench.steered().what);
    found.rows.push(Row::of_pairs("empty/tcp-connect-close", what, targets::only(Sense::Cost), &pairs));
    Ok(found)
}
