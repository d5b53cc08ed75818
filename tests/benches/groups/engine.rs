//! A program that the supervisor serves from outside, or makes the sockets of, beside the same
//! program alone, and how near that is to a supervisor made by hand; and one that is served by the
//! library, with the supervisor below it, beside the same without. And a static program that the
//! supervisor brings a guest into.

use crate::bench::{Bench, Found};
use crate::cases::Case;
use crate::peers::{Peer, in_turns};
use crate::process::{Process, own_path};
use crate::report::Row;
use crate::stats::{Pair, Sense, Spread};
use crate::targets::{self, Target};
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
    for ((id, what, task), target) in tasks.iter().zip(targets::SUPERVISED) {
        let by_hand = in_turns(bench, &alone, &least, task)?;
        let limit = Spread::of(by_hand.iter().map(|pair| target.sense.ratio(pair))).median;
        let pairs = in_turns(bench, &alone, &supervised, task)?;
        let target = Target { limit: Some(limit), ..target };
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
        ("tcp-connect", "socket, TCP connect, close", Task::Cycle { kind: Kind::TcpConnect, times }),
        ("first-send", "socket, first UDP send, close", Task::FirstSend { times }),
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
    let [ports @ .., sendto, sendmsg] = tasks(times).map(|task| (task, targets::GUEST));
    let settled = [sendto, sendmsg].map(|(task, _)| (task, targets::GUEST_SEND));
    let parent = (("getppid", "getppid", parent(times)), targets::FILTER);
    let all: Vec<_> = ports.iter().chain(&settled).chain([&parent]).collect();
    for (case, tasks) in [(&bench.cases[0], all), (&bench.cases[1], ports.iter().collect())] {
        for ((id, what, task), target) in tasks {
            match with_guest(bench, case, task)? {
                Ok(pairs) => {
                    let what = format!("{what}, static with a guest, {}", case.what);
                    found.rows.push(Row::of_pairs(format!("guest/{id}/{}", case.name), what, *target, &pairs));
                }
                Err(why) => {
                    found.missing.push(format!("static programs with a guest: {why}"));
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The same task in a static program, bare and with a guest, in turns; or why there is none in it.
fn with_guest(bench: &Bench, case: &Case, task: &Task) -> Result<Result<Vec<Pair>, String>, String> {
    let mut pairs = Vec::new();
    for _ in 0..bench.effort.launches.min(2) {
        let mut bare = match Process::start_static(&case.kernel, &[]) {
            Ok(bare) => bare,
            Err(why) => return Ok(Err(why)),
        };
        let mut under = bench.under(case);
        under.splice(2..2, ["--engine", "inside"].map(str::to_owned));
        let mut guest = Process::start_static(&case.host, &under)?;
        bare.each(task)?;
        guest.each(task)?;
        let engines = guest.engines(&bench.portshim)?;
        if engines != ["guest"] {
            return Ok(Err(format!("it is served by {engines:?}")));
        }
        for _ in 0..bench.effort.rounds.min(8) {
            pairs.push(Pair { kernel: bare.each(task)?, portshim: guest.each(task)? });
        }
    }
    Ok(Ok(pairs))
}
