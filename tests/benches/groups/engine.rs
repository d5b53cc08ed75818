//! A program that the supervisor serves from outside, or makes the sockets of, beside the same
//! program alone, and how near that is to a supervisor made by hand; and one that is served by the
//! library, with the supervisor below it, beside the same without. And a static program that the
//! supervisor brings a guest into, and how near that is to the filter alone.

use crate::bench::{Bench, Found};
use crate::cases::Case;
use crate::peers::{Peer, in_turns};
use crate::process::{Process, own_path};
use crate::report::Row;
use crate::stats::{Pair, Sense};
use crate::targets;
use portshim_tests::work::task::{Form, Kind, Task};

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let under = |options: &[&str]| {
        let mut prefix = bench.under(bench.steered());
        prefix.splice(2..2, options.iter().map(|word| (*word).to_owned()));
        prefix
    };
    let alone = Peer::default();
    let library = Peer::new("library", under(&[]));
    let least = Peer::new("least", vec![own_path()?.display().to_string(), "least".into()]);
    let supervised = Peer::new("supervised", under(&["--engine", "supervise"]));
    let sockets = Peer::new("sockets", under(&["--engine", "sockets"]));
    let both = Peer::new("both", under(&["--cover", "tree"]));
    let times = bench.effort.calls / 4 + 1;
    let tasks = tasks(times);
    let mut found = Found::default();
    for (id, what, task) in &tasks {
        let target = targets::over(targets::SUPERVISED, &in_turns(bench, &alone, &least, task)?);
        let pairs = in_turns(bench, &alone, &supervised, task)?;
        found.rows.push(Row::of_pairs(format!("engine/{id}"), format!("{what}, supervised"), target, &pairs));
    }
    for (before, after, group, how, target) in [
        (&alone, &sockets, "sockets", "sockets made", targets::only(Sense::Cost)),
        (&library, &both, "net", "net below the library", targets::NET),
    ] {
        for (id, what, task) in &tasks {
            let pairs = in_turns(bench, before, after, task)?;
            found.rows.push(Row::of_pairs(format!("{group}/{id}"), format!("{what}, {how}"), target, &pairs));
        }
    }
    let task = parent(times);
    for (before, after, group, how) in
        [(&alone, &sockets, "sockets", "sockets made"), (&library, &both, "net", "net below the library")]
    {
        let pairs = in_turns(bench, before, after, &task)?;
        found.rows.push(Row::of_pairs(format!("{group}/getppid"), format!("getppid, {how}"), targets::FILTER, &pairs));
    }
    in_static_programs(bench, times, &mut found)?;
    Ok(found)
}

type Named = (&'static str, &'static str, Task);

/// Calls that get a port, and then those on a socket that has one.
fn tasks(times: u32) -> [Named; 6] {
    [
        ("tcp-bind", "socket, TCP bind(0), close", Task::Cycle { kind: Kind::TcpBind, times }),
        ("udp-bind", "socket, UDP bind(0), close", Task::Cycle { kind: Kind::UdpBind, times }),
        ("tcp-connect", "socket, TCP connect, accept, close", Task::Connection { times, from: None }),
        ("first-send", "socket, first UDP send, close", Task::FirstSend { times, from: None }),
        ("sendto", "UDP sendto, settled", Task::Send { form: Form::SendTo, times }),
        ("sendmsg", "UDP sendmsg, settled", Task::Send { form: Form::SendMsg, times }),
    ]
}

/// A call that is nobody's business, and takes little.
fn parent(times: u32) -> Task {
    Task::Parent { times: times * 4 }
}

/// The rows of a program that the supervisor brings a guest into; where it does not, none.
fn in_static_programs(bench: &Bench, times: u32, found: &mut Found) -> Result<(), String> {
    let tasks = tasks(times);
    let parent = [("getppid", "getppid", parent(times))];
    // Settled sends are the same wherever ports are.
    let (ports, _) = tasks.split_at(4);
    for (case, by_number, tasks) in
        [(&bench.cases[0], false, tasks.iter().chain(&parent)), (&bench.cases[1], true, ports.iter().chain(&[]))]
    {
        for (id, what, task) in tasks {
            let pairs = match with_guest(bench, case, by_number, task)? {
                Ok(pairs) => pairs,
                Err(why) => {
                    found.missing.push(format!("static programs with a guest: {why}"));
                    return Ok(());
                }
            };
            let target = match task {
                Task::Parent { .. } => targets::FILTER,
                Task::Send { .. } => targets::over(targets::GUEST_SEND, &pairs.least),
                _ => targets::over(targets::GUEST, &pairs.least),
            };
            let what = format!("{what}, static with a guest, {}", case.what);
            found.rows.push(Row::of_pairs(format!("guest/{id}/{}", case.name), what, target, &pairs.guest));
        }
    }
    Ok(())
}

/// What a static program took, beside the same one bare.
#[derive(Default)]
struct Static {
    guest: Vec<Pair>,
    /// Under a filter that tells nobody, with the calls that a guest has to make.
    least: Vec<Pair>,
}

/// The same task in a static program, bare, under a filter and with a guest, in turns; or why there
/// is none in it.
fn with_guest(bench: &Bench, case: &Case, by_number: bool, task: &Task) -> Result<Result<Static, String>, String> {
    let mut pairs = Static::default();
    let filter = [own_path()?.display().to_string(), "filter".into()];
    let by_hand = if by_number { bound_first(task) } else { task.clone() };
    for _ in 0..bench.effort.launches.min(2) {
        let mut bare = match Process::start_static(&case.kernel, &[]) {
            Ok(bare) => bare,
            Err(why) => return Ok(Err(why)),
        };
        let mut under = bench.under(case);
        under.splice(2..2, ["--engine", "inside"].map(str::to_owned));
        let mut guest = Process::start_static(&case.host, &under)?;
        let mut filtered = Process::start_static(&case.kernel, &filter)?;
        bare.each(task)?;
        filtered.each(&by_hand)?;
        guest.each(task)?;
        let engines = guest.engines(&bench.portshim)?;
        if engines != ["guest"] {
            return Ok(Err(format!("it is served by {engines:?}")));
        }
        for _ in 0..bench.effort.rounds.min(8) {
            pairs.guest.push(Pair { kernel: bare.each(task)?, portshim: guest.each(task)? });
            pairs.least.push(Pair { kernel: bare.each(task)?, portshim: filtered.each(&by_hand)? });
        }
    }
    Ok(Ok(pairs))
}

/// A task made by hand where ports are bound by number.
fn bound_first(task: &Task) -> Task {
    /// Any that nobody else has.
    const FROM: Option<u16> = Some(2000);
    match *task {
        Task::Connection { times, .. } => Task::Connection { times, from: FROM },
        Task::FirstSend { times, .. } => Task::FirstSend { times, from: FROM },
        ref task => task.clone(),
    }
}
