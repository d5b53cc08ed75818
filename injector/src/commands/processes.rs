//! A session's processes, as commands show them.

use crate::platform::Process;
use serde::Serialize;

/// A process, for programs to read.
#[derive(Serialize)]
pub(super) struct ShownProcess {
    pub(super) pid: u32,
    /// The name that the kernel knows it by.
    pub(super) name: String,
    /// Its command line.
    pub(super) command: String,
}

impl From<&Process> for ShownProcess {
    fn from(process: &Process) -> Self {
        Self { pid: process.pid, name: process.name.clone(), command: process.command.clone() }
    }
}
