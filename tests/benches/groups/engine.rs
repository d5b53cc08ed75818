//! A program that the supervisor serves from outside, beside the same program alone.

use crate::bench::{Bench, Found};
use crate::peers::{Peer, side_by_side};
use crate::report::Row;
use crate::stats::Sense;
use crate::targets;
use crate::task::{Form, Kind, Task};

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut prefix = bench.under(bench.steered());
    prefix.splice(2..2, ["--engine".to_owned(), "supervise".to_owned()]);
    let supervised = Peer::new("supervised", prefix);
    let times = bench.effort.calls / 4 + 1;
    let tasks = [
        ("tcp-bind", "socket, TCP bind(0), close", Task::Cycle { kind: Kind::TcpBind, times }),
        ("udp-bind", "socket, UDP bind(0), close", Task::Cycle { kind: Kind::UdpBind, times }),
        ("tcp-connect", "socket, TCP connect, close", Task::Cycle { kind: Kind::TcpConnect, times }),
        ("sendto", "UDP sendto, settled", Task::Send { form: Form::SendTo, times }),
        ("sendmsg", "UDP sendmsg, settled", Task::Send { form: Form::SendMsg, times }),
    ];
    let mut found = Found::default();
    for (id, what, task) in &tasks {
        let pairs = side_by_side(bench, &supervised, task)?;
        let what = format!("{what}, supervised");
        found.rows.push(Row::of_pairs(format!("engine/{id}"), what, targets::only(Sense::Cost), &pairs));
    }
    Ok(found)
}
