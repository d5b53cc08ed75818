//! Starting a program: `true`, bare and under whatever else could do some of portshim's work.

use crate::bench::{Bench, Found};
use crate::peers::{Peer, found, peers};
use crate::report::Row;
use crate::stats::{Pair, Sense};
use crate::targets::{self, Target};
use portshim_tests::work;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

pub(super) fn measure(bench: &Bench) -> Result<Found, String> {
    let program = found("true").ok_or("`true` is not in PATH")?.to_string_lossy().into_owned();
    let (_folder, portshim) = installed(&bench.portshim)?;
    let portshim = portshim.to_string_lossy().into_owned();
    let (tools, missing) = peers();
    let mut ways = vec![
        Peer::new("bare", Vec::new()),
        Peer::new("portshim run", vec![portshim, "run".to_owned(), "--".to_owned()]),
        Peer { name: "the library alone (portshim env)", variables: variables(bench)?, ..Peer::default() },
    ];
    ways.extend(tools);
    let commands: Result<Vec<Command>, String> = ways.iter().map(|way| command(bench, way, &program)).collect();
    let mut commands = commands?;

    // All of them share one processor with this process, which waits meanwhile.
    let before = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).map_err(|e| e.to_string())?;
    work::pin().map_err(|e| e.to_string())?;
    let mut rounds = Vec::new();
    for _ in 0..=bench.effort.starts {
        let round: Result<Vec<f64>, String> = commands.iter_mut().map(start).collect();
        rounds.push(round?);
    }
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &before).map_err(|e| e.to_string())?;
    let rounds = &rounds[1..]; // without the one that brought everything into memory

    let pairs = |way: usize, beside: usize| -> Vec<Pair> {
        rounds.iter().map(|round| Pair { kernel: round[beside], portshim: round[way] }).collect()
    };
    let row = |id: &str, what: &str, target: Target, way, beside| Row::of_pairs(id, what, target, &pairs(way, beside));
    let mut found = Found { missing, ..Found::default() };
    found.rows.push(row("start/run", "`portshim run -- true` beside `true`", targets::RUN_TRUE, 1, 0));
    let alone = "`true` with the library alone (`portshim env`) beside `true`";
    found.rows.push(row("start/library", alone, targets::only(Sense::Cost), 2, 0));
    match ways.iter().position(|way| way.name == "env") {
        Some(env) => {
            let what = "`portshim run -- true` beside `env true`";
            found.rows.push(row("start/run-over-env", what, targets::RUN_OVER_ENV, 1, env));
        }
        None => return Err("`env` is not in PATH".to_owned()),
    }
    for (number, way) in ways.iter().enumerate().skip(1) {
        let what = format!("start of `true`, {}", way.name);
        found.peers.push(row(&format!("start/{}", way.name), &what, targets::only(Sense::Cost), number, 0));
    }
    Ok(found)
}

/// A copy of the command in a folder of its own, made as `make install` makes one: what users start
/// is not the file that the linker has just written, which lies in memory in single pages and takes
/// the kernel longer to map. Beside it, on the same file system; the folder for scratch is in
/// memory.
fn installed(portshim: &Path) -> Result<(TempDir, PathBuf), String> {
    let said = |e: std::io::Error| format!("a copy of {}: {e}", portshim.display());
    let beside = portshim.parent().unwrap_or(Path::new("."));
    let folder = tempfile::tempdir_in(beside).map_err(said)?;
    let copy = folder.path().join("portshim");
    let status = Command::new("install").args(["-m", "755"]).arg(portshim).arg(&copy).status().map_err(said)?;
    if status.success() { Ok((folder, copy)) } else { Err(format!("a copy of {}: {status}", portshim.display())) }
}

fn command(bench: &Bench, way: &Peer, program: &str) -> Result<Command, String> {
    let mut words = way.prefix.iter().map(String::as_str).chain([program]);
    let mut command = Command::new(words.next().unwrap_or(program));
    command.args(words).envs(way.environment(bench)?).stdin(Stdio::null());
    Ok(command)
}

fn start(command: &mut Command) -> Result<f64, String> {
    let since = Instant::now();
    let status = command.status();
    let took = since.elapsed();
    match status {
        Ok(status) if status.success() => Ok(took.as_nanos() as f64),
        Ok(status) => Err(format!("{}: {status}", command.get_program().display())),
        Err(error) => Err(format!("{}: {error}", command.get_program().display())),
    }
}

/// The variables that load the library without the command.
pub(crate) fn variables(bench: &Bench) -> Result<Vec<(String, String)>, String> {
    let mut command = Command::new(&bench.portshim);
    command.arg("env").args(&bench.steered().options).args(["--format", "systemd"]);
    let output = command.output().map_err(|e| format!("portshim env: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // [Service]
    // Environment="NAME=VALUE" "NAME=VALUE"
    let quoted = text.split('"').skip(1).step_by(2).filter_map(|setting| setting.split_once('='));
    let all: Vec<(String, String)> = quoted.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if all.iter().any(|(name, _)| name == "LD_PRELOAD") {
        Ok(all)
    } else {
        Err("portshim env: no LD_PRELOAD".to_owned())
    }
}
