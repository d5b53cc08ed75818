//! A measured process in a network of its own, and the line to it: the kernel's part of a
//! comparison, or portshim's.

use crate::netns::Netns;
use portshim_tests::work::task::{Answer, Task};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A measured process, which ends with this.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// The path of this program.
pub(crate) fn own_path() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|e| format!("own path: {e}"))
}

/// The path of the measured process that loads no library.
pub(crate) fn static_path() -> Result<PathBuf, String> {
    let path = own_path()?.with_file_name("portshim-static-worker");
    if path.is_file() { Ok(path) } else { Err(format!("{} is missing: run `cargo build`", path.display())) }
}

/// The command line of a measured process: on `host`, below `wrapper`, with these ports to care
/// for.
pub(crate) fn command(host: &Netns, wrapper: &[String], ports: &Netns) -> Result<Command, String> {
    let me = own_path()?;
    let mut command = Command::new(&me);
    command.args(["netns", &host.to_string()]).args(wrapper).arg(&me).args(["work", &ports.to_string()]);
    Ok(command)
}

impl Process {
    /// Starts a measured process.
    pub(crate) fn start(host: &Netns, wrapper: &[String], ports: &Netns) -> Result<Self, String> {
        Self::spawn(command(host, wrapper, ports)?)
    }

    /// Starts a measured process that loads no library, on `host`, below `wrapper`.
    pub(crate) fn start_static(host: &Netns, wrapper: &[String]) -> Result<Self, String> {
        let mut command = Command::new(own_path()?);
        command.args(["netns", &host.to_string()]).args(wrapper).arg(static_path()?);
        Self::spawn(command)
    }

    /// Who serves it, as `portshim ps` of this command says; the process is `portshim run`.
    pub(crate) fn engines(&self, portshim: &Path) -> Result<Vec<String>, String> {
        let output = Command::new(portshim).args(["ps", "--json"]).output().map_err(|e| format!("portshim ps: {e}"))?;
        let sessions: serde_json::Value =
            serde_json::from_slice(&output.stdout).map_err(|e| format!("portshim ps: {e}"))?;
        let id = self.child.id().to_string();
        let own = sessions.as_array().and_then(|sessions| sessions.iter().find(|session| session["id"] == id));
        let processes =
            own.and_then(|session| session["processes"].as_array()).ok_or("portshim ps: no such session")?;
        Ok(processes.iter().filter_map(|process| process["engine"].as_str()).map(str::to_owned).collect())
    }

    /// A process in the caller's network that no policy reaches.
    pub(crate) fn strangers(ports: &Netns) -> Result<Self, String> {
        let mut command = Command::new(own_path()?);
        command.args(["work", &ports.to_string()]).env_remove("LD_PRELOAD").env("PORTSHIM_DISABLE", "1");
        Self::spawn(command)
    }

    /// A process beside the caller that is under the same policy.
    pub(crate) fn mate(ports: &Netns) -> Result<Self, String> {
        let mut command = Command::new(own_path()?);
        command.args(["work", "--mate", &ports.to_string()]);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self, String> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("{}: {e}", command.get_program().display()))?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or("a measured process has no output")?;
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    /// Lets the process do something.
    pub(crate) fn ask(&mut self, task: &Task) -> Result<Answer, String> {
        let line = serde_json::to_string(task).map_err(|e| e.to_string())?;
        let mut answer = String::new();
        self.to
            .as_mut()
            .map_or(Ok(()), |to| writeln!(to, "{line}"))
            .and_then(|()| self.from.read_line(&mut answer))
            .map_err(|e| format!("a measured process: {e}"))?;
        match serde_json::from_str(&answer) {
            Ok(Answer::Failed(why)) => Err(why),
            Ok(answer) => Ok(answer),
            Err(_) => Err(format!("a measured process ended during {line}")),
        }
    }

    /// Nanoseconds for each call.
    pub(crate) fn each(&mut self, task: &Task) -> Result<f64, String> {
        match self.ask(task)? {
            Answer::Took { calls, nanos } if calls > 0 => Ok(nanos as f64 / calls as f64),
            other => Err(format!("{task:?} was answered by {other:?}")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.to = None; // the end of its input is the end of it
        let _ = self.child.wait();
    }
}
