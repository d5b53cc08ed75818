//! Sends on a socket that has its port.

use crate::bench::{Bench, Found};
use crate::report::Row;
use crate::targets;
use portshim_tests::work::task::{Form, Task};

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let mut found = Found::default();
    for (form, name) in [(Form::SendTo, "sendto"), (Form::SendMsg, "sendmsg")] {
        let task = Task::Send { form, times: 2 * bench.effort.calls };
        let pairs = bench.pairs(bench.steered(), &task)?;
        found.rows.push(Row::of_pairs(name, format!("{name} on a settled socket"), targets::SEND, &pairs));
    }
    Ok(found)
}
