//! A program that the supervisor serves from outside, or makes the sockets of, beside the same
//! program alone; and one that is served by the library, with the supervisor below it, beside the
//! same without.

use crate::bench::{Bench, Found};
use crate::peers::{Peer, in_turns};
use crate::report::Row;
use crate::stats::Sense;
use crate::targets;
use crate::task::{Form, Kind, Task};

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let under = |options: &[&str]| {
        let mut prefix = bench.under(bench.steered());
        prefix.splice(2..2, options.iter().map(|word| (*word).to_owned()));
        prefix
    };
    let alone = Peer::default();
    let library = Peer::new("library", under(&[]));
    let supervised = Peer::new("supervised", under(&["--engine", "supervise"]));
    let sockets = Peer::new("sockets", under(&["--engine", "sockets"]));
    let both = Peer::new("both", under(&["--cover", "tree"]));
    let times = bench.effort.calls / 4 + 1;
    let tasks = [
        ("tcp-bind", "socket, TCP bind(0), close", Task::Cycle { kind: Kind::TcpBind, times }),
        ("udp-bind", "socket, UDP bind(0), close", Task::Cycle { kind: Kind::UdpBind, times }),
        ("tcp-connect", "socket, TCP connect, close", Task::Cycle { kind: Kind::TcpConnect, times }),
        ("first-send", "socket, first UDP send, close", Task::FirstSend { times }),
        ("sendto", "UDP sendto, settled", Task::Send { form: Form::SendTo, times }),
        ("sendmsg", "UDP sendmsg, settled", Task::Send { form: Form::SendMsg, times }),
    ];
    let mut found = Found::default();
    for (before, after, group, how, target) in [
        (&alone, &supervised, "engine", "supervised", targets::only(Sense::Cost)),
        (&alone, &sockets, "sockets", "sockets made", targets::only(Sense::Cost)),
        (&library, &both, "net", "net below the library", targets::NET),
    ] {
        for (id, what, task) in &tasks {
            let pairs = in_turns(bench, before, after, task)?;
            found.rows.push(Row::of_pairs(format!("{group}/{id}"), format!("{what}, {how}"), target, &pairs));
        }
    }
    let task = Task::Parent { times: times * 4 };
    for (before, after, group, how) in
        [(&alone, &sockets, "sockets", "sockets made"), (&library, &both, "net", "net below the library")]
    {
        let pairs = in_turns(bench, before, after, &task)?;
        found.rows.push(Row::of_pairs(format!("{group}/getppid"), format!("getppid, {how}"), targets::FILTER, &pairs));
    }
    Ok(found)
}
