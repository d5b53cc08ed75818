//! What all groups of rows are measured with.

use crate::cases::{Case, cases};
use crate::effort::{Effort, Group};
use crate::figures::{Curve, Machine};
use crate::process::Process;
use crate::report::Row;
use crate::stats::Pair;
use portshim_tests::work::task::Task;
use std::path::PathBuf;
use std::process::Command;

/// What is measured, and how much.
pub(crate) struct Bench {
    pub(crate) portshim: PathBuf,
    pub(crate) effort: Effort,
    pub(crate) cases: Vec<Case>,
    /// Where sessions, and what other tools leave behind, are kept.
    pub(crate) scratch: tempfile::TempDir,
    /// Groups to be measured alone; none means all.
    pub(crate) only: Vec<Group>,
}

/// What a group found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    pub(crate) peers: Vec<Row>,
    pub(crate) instructions: Vec<Row>,
    pub(crate) curves: Vec<Curve>,
    pub(crate) missing: Vec<String>,
}

impl Bench {
    pub(crate) fn new(portshim: PathBuf, effort: Effort, only: Vec<Group>) -> Result<Self, String> {
        // In memory, as a user's runtime folder is.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let scratch = tempfile::tempdir_in(folder).map_err(|e| format!("a folder to work in: {e}"))?;
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PORTSHIM_") || name == "LD_PRELOAD" {
                // SAFETY: no other thread has been started yet.
                unsafe { std::env::remove_var(name) };
            }
        }
        // SAFETY: no other thread has been started yet.
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", scratch.path()) };
        Ok(Self { portshim, cases: cases(effort.ports), effort, scratch, only })
    }

    /// The policies' usual one.
    pub(crate) fn steered(&self) -> &Case {
        &self.cases[0]
    }

    /// `portshim run` with a policy's options, as a prefix.
    pub(crate) fn under(&self, case: &Case) -> Vec<String> {
        let mut words = vec![self.portshim.to_string_lossy().into_owned(), "run".to_owned()];
        words.extend(case.options.iter().cloned());
        words.push("--".to_owned());
        words
    }

    /// Both sides of a case: the kernel, and portshim.
    pub(crate) fn processes(&self, case: &Case) -> Result<(Process, Process), String> {
        let kernel = Process::start(&case.kernel, &[], &case.kernel)?;
        Ok((kernel, Process::start(&case.host, &self.under(case), &case.kernel)?))
    }

    /// The same task on both sides in turns, in several pairs of processes.
    pub(crate) fn pairs(&self, case: &Case, task: &Task) -> Result<Vec<Pair>, String> {
        let mut pairs = Vec::new();
        for _ in 0..self.effort.launches {
            let (mut kernel, mut portshim) = self.processes(case)?;
            // The first round brings code and data into the caches.
            kernel.each(task)?;
            portshim.each(task)?;
            for _ in 0..self.effort.rounds {
                pairs.push(Pair { kernel: kernel.each(task)?, portshim: portshim.each(task)? });
            }
        }
        Ok(pairs)
    }

    pub(crate) fn machine(&self) -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let said = |command: &mut Command| {
            let output = command.output().map(|output| output.stdout).unwrap_or_default();
            String::from_utf8_lossy(&output).trim().to_owned()
        };
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        Machine {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: field(&read("/proc/cpuinfo"), "model name"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024,
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
            portshim: said(Command::new(&self.portshim).arg("--version")),
            commit: said(Command::new("git").args(["describe", "--always", "--dirty"])),
        }
    }
}
