//! How much is measured: everything, a minute's worth, or just enough to see that the benchmark
//! works.

use clap::ValueEnum;
use serde::Serialize;
use std::time::Duration;

/// What `--effort` may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    /// A few minutes; the kernel fills whole ranges by itself.
    Full,
    /// A minute; what the kernel needs to fill a range is summed up from samples.
    Quick,
    /// Seconds, in tiny ranges: the figures mean nothing.
    Smoke,
}

/// Rows that are measured in one go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Group {
    /// Sends on a settled socket.
    Sends,
    /// Ports out of an empty range.
    Empty,
    /// Ports out of a range that is partly held.
    Held,
    /// Whole ranges, port by port.
    Fill,
    /// Starting a program.
    Start,
    /// Programs that are served from outside.
    Engine,
    /// What other tools cost for each call.
    Peers,
    /// Private memory.
    Memory,
    /// Many threads, processes and sockets.
    Scale,
    /// Instructions.
    Counts,
}

/// The numbers behind a [`Name`].
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    pub(crate) name: Name,
    /// Pairs of processes for each row of small costs: each has a layout in memory of its own.
    pub(crate) launches: usize,
    /// Pairs of measurements for each pair of processes.
    pub(crate) rounds: usize,
    /// Calls for each measurement of a small cost.
    pub(crate) calls: u32,
    /// Number of times that a range is filled and released again, step by step.
    pub(crate) passes: usize,
    /// The same, for the policies that have no picture.
    pub(crate) other_passes: usize,
    /// Number of calls that are made at each step, at most…
    pub(crate) asks: u32,
    /// …and for how long, at most.
    pub(crate) asking: Duration,
    /// Set if the kernel fills ranges by itself.
    pub(crate) kernel_fills: bool,
    /// Number of times that portshim fills a range.
    pub(crate) fills: usize,
    /// Time for which portshim may take for that.
    pub(crate) filling: Duration,
    /// Number of times that each program is started.
    pub(crate) starts: usize,
    /// Calls of each of many threads and processes.
    pub(crate) crowd_calls: u32,
    /// Number of threads and processes that are a crowd.
    pub(crate) crowd: u32,
    /// Number of sockets that are many.
    pub(crate) sockets: u32,
    /// Ports in a range, where it is not the real number.
    pub(crate) ports: Option<u16>,
    /// Number of descriptors a process should have.
    pub(crate) descriptors: u64,
}

impl Effort {
    pub(crate) fn of(name: Name) -> Self {
        match name {
            Name::Full => Self {
                name,
                launches: 8,
                rounds: 24,
                calls: 2000,
                passes: 7,
                other_passes: 3,
                asks: 1000,
                asking: Duration::from_millis(40),
                kernel_fills: true,
                fills: 5,
                filling: Duration::from_secs(60),
                starts: 300,
                crowd_calls: 2000,
                crowd: 64,
                sockets: 100_000,
                ports: None,
                descriptors: 101_000,
            },
            Name::Quick => Self {
                name,
                launches: 4,
                rounds: 10,
                calls: 1000,
                passes: 3,
                other_passes: 1,
                asks: 300,
                asking: Duration::from_millis(15),
                kernel_fills: false,
                fills: 3,
                filling: Duration::from_secs(2),
                starts: 60,
                crowd_calls: 500,
                crowd: 64,
                sockets: 100_000,
                ports: None,
                descriptors: 101_000,
            },
            Name::Smoke => Self {
                name,
                launches: 1,
                rounds: 2,
                calls: 5,
                passes: 1,
                other_passes: 1,
                asks: 2,
                asking: Duration::from_millis(5),
                kernel_fills: false,
                fills: 1,
                filling: Duration::from_secs(1),
                starts: 1,
                crowd_calls: 2,
                crowd: 4,
                sockets: 100,
                ports: Some(100),
                // Few enough that a measured process needs mates.
                descriptors: 160,
            },
        }
    }
}
