//! Instructions, counted by callgrind: no clock, and nearly the same each time.

use crate::bench::{Bench, Found};
use crate::peers::found;
use crate::process;
use crate::report::{Row, Unit};
use crate::stats::{Pair, Sense};
use crate::targets;
use portshim_tests::work::task::{Form, Kind, Task};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a task costs is the difference between doing it so many and twice as many times.
const TIMES: u32 = 2000;

pub(crate) fn measure(bench: &Bench) -> Result<Found, String> {
    if found("valgrind").is_none() {
        let missing = "instructions: `valgrind` is not installed; tools/setup benchmark does it".to_owned();
        return Ok(Found { missing: vec![missing], ..Found::default() });
    }
    type Counted = (&'static str, &'static str, fn(u32) -> Task);
    let tasks: [Counted; 5] = [
        ("sendto", "sendto on a settled socket", |times| Task::Send { form: Form::SendTo, times }),
        ("sendmsg", "sendmsg on a settled socket", |times| Task::Send { form: Form::SendMsg, times }),
        ("tcp-bind", "socket, TCP bind(0), close", |times| Task::Cycle { kind: Kind::TcpBind, times }),
        ("udp-bind", "socket, UDP bind(0), close", |times| Task::Cycle { kind: Kind::UdpBind, times }),
        ("tcp-connect", "socket, TCP connect, close", |times| Task::Cycle { kind: Kind::TcpConnect, times }),
    ];
    let mut rows = Vec::new();
    let mut add = |id: &str, what: &str, pair: Pair| {
        let row = Row::of_pairs(format!("instructions/{id}"), what, targets::only(Sense::Cost), &[pair]);
        rows.push(Row { unit: Unit::Instructions, ..row });
    };
    for (id, what, task) in tasks {
        let each = |under: bool| {
            let (few, more) = (total(bench, under, Some(&task(TIMES)))?, total(bench, under, Some(&task(2 * TIMES)))?);
            Ok::<_, String>((more as f64 - few as f64) / f64::from(TIMES))
        };
        add(id, what, Pair { kernel: each(false)?, portshim: each(true)? });
    }
    let start = Pair { kernel: total(bench, false, None)? as f64, portshim: total(bench, true, None)? as f64 };
    add("start", "start and end of `true`, with the library", start);
    Ok(Found { instructions: rows, ..Found::default() })
}

/// The instructions of a process that does the task once, or of `true`.
fn total(bench: &Bench, under: bool, task: Option<&Task>) -> Result<u64, String> {
    let case = bench.steered();
    let counts = bench.scratch.path().join("callgrind.out");
    let mut wrapper = if under { bench.under(case) } else { Vec::new() };
    wrapper.extend(["valgrind", "--quiet", "--tool=callgrind"].map(str::to_owned));
    wrapper.push(format!("--callgrind-out-file={}", counts.display()));
    let mut command = match task {
        Some(task) => {
            let mut command = process::command(&case.host, &wrapper, &case.kernel)?;
            command.arg(serde_json::to_string(task).map_err(|e| e.to_string())?);
            command
        }
        None => {
            let program = found("true").ok_or("`true` is not in PATH")?;
            let mut command = Command::new(process::own_path()?);
            command.args(["netns", &case.host.to_string()]).args(&wrapper).arg(program);
            command
        }
    };
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("valgrind: {e}"))?;
    if !output.status.success() {
        return Err(format!("valgrind: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    read(&counts)
}

/// The sum in a file that callgrind wrote.
fn read(counts: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(counts).map_err(|e| format!("{}: {e}", counts.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    total.and_then(|total| total.trim().parse().ok()).ok_or_else(|| "callgrind counted nothing".to_owned())
}
