//! Many threads, processes and sockets, and the memory of one process.

use crate::bench::{Bench, Found};
use crate::figures::grouped;
use crate::process::Process;
use crate::report::{Row, Unit};
use crate::stats::{Pair, Sense, Spread};
use crate::targets::{self, Target};
use portshim_tests::work::task::{Answer, Crowd, Kind, Task};

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut found = Found::default();
    for (crowd, name) in [(Crowd::Threads, "threads"), (Crowd::Processes, "processes")] {
        for kind in [Kind::TcpBind, Kind::UdpBind] {
            found.rows.push(two(bench, crowd, name, kind)?);
            found.rows.push(many(bench, crowd, name, kind)?);
        }
    }
    found.rows.push(sockets(bench)?);
    Ok(found)
}

/// Two at once beside one alone, for each call; both under portshim. The kernel's own sockets share
/// locks, too: what two cost it more than one is the best that can be had, and stands in for the
/// limit.
fn two(bench: &Bench, crowd: Crowd, name: &str, kind: Kind) -> Result<Row, String> {
    let task = |size| Task::Crowd { crowd, size, kind, times: bench.effort.crowd_calls * 4 };
    let (mut kernel, mut portshim) = bench.processes(bench.steered())?;
    let (mut pairs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..bench.effort.rounds {
        own.push(1.0 / (kernel.each(&task(1))? / kernel.each(&task(2))?));
        pairs.push(Pair { kernel: portshim.each(&task(1))?, portshim: portshim.each(&task(2))? });
    }
    let own = Spread::of(own).median;
    let target = Target { sense: Sense::Cost, target: Some(own.max(1.0) * 1.05), limit: Some(own) };
    let what = format!("socket, {}, close; two {name} at once beside one, both under portshim", kind.words());
    Ok(Row::of_pairs(format!("scale/two-{name}/{}", kind.id()), what, target, &pairs))
}

fn many(bench: &Bench, crowd: Crowd, name: &str, kind: Kind) -> Result<Row, String> {
    let size = bench.effort.crowd;
    let task = Task::Crowd { crowd, size, kind, times: bench.effort.crowd_calls / 4 + 1 };
    let (mut kernel, mut portshim) = bench.processes(bench.steered())?;
    let mut pairs = Vec::new();
    for _ in 0..bench.effort.rounds.min(8) {
        pairs.push(Pair { kernel: kernel.each(&task)?, portshim: portshim.each(&task)? });
    }
    let what = format!("socket, {}, close; {size} {name} at once", kind.words());
    Ok(Row::of_pairs(format!("scale/many-{name}/{}", kind.id()), what, targets::only(Sense::Cost), &pairs))
}

fn sockets(bench: &Bench) -> Result<Row, String> {
    let sockets = bench.effort.sockets;
    let task = Task::Many { sockets };
    let mut pairs = Vec::new();
    for _ in 0..bench.effort.other_passes {
        let (mut kernel, mut portshim) = bench.processes(bench.steered())?;
        pairs.push(Pair { kernel: kernel.each(&task)?, portshim: portshim.each(&task)? });
    }
    let what = format!("{} sockets open at once, UDP bind(0) on four addresses; each", grouped(sockets as usize));
    Ok(Row::of_pairs("scale/sockets", what, targets::only(Sense::Cost), &pairs))
}

/// What a process has more of its own under portshim: the first of a session, and one beside
/// another.
pub(super) fn memory(bench: &Bench) -> Result<Found, String> {
    let (mut first, mut further) = (Vec::new(), Vec::new());
    for _ in 0..bench.effort.launches {
        let case = bench.steered();
        let (mut kernel, mut portshim) = bench.processes(case)?;
        let kernel = private(&mut kernel)?;
        first.push(Pair { kernel, portshim: private(&mut portshim)? });
        let mut beside = Process::start(&case.host, &bench.under(case), &case.kernel)?;
        private(&mut beside)?;
        further.push(Pair { kernel, portshim: private(&mut portshim)? });
    }
    let row = |id, what, target: Target, pairs: &[Pair]| {
        let mut row = Row::of_pairs(id, what, target, pairs);
        row.unit = Unit::Kib;
        row.ratio = Spread::of(pairs.iter().map(|pair| pair.portshim - pair.kernel));
        row.met = row.target.map(|target| row.ratio.median <= target);
        row
    };
    let rows = vec![
        row("memory", "private memory of a process, and what portshim adds", targets::MEMORY, &further),
        row("memory/first", "the same, of the only process under portshim", targets::only(Sense::Cost), &first),
    ];
    Ok(Found { rows, ..Found::default() })
}

/// In KiB, after some work.
fn private(process: &mut Process) -> Result<f64, String> {
    for kind in Kind::ALL {
        process.each(&Task::Cycle { kind, times: 5 })?;
    }
    match process.ask(&Task::Memory)? {
        Answer::Kib(kib) => Ok(kib as f64),
        other => Err(format!("memory was answered by {other:?}")),
    }
}
