//! A measured process in a network of its own, and the line to it: the kernel's part of a
//! comparison, or portshim's.

use crate::netns::Netns;
use crate::task::{Answer, Task};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
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
