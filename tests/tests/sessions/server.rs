//! A program that lives as long as a test needs it, and does as it is told.

use portshim_tests::programs::{must, source};
use portshim_tests::{portshim, said};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// `server.py`, under a policy.
pub(super) struct Server {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Begins a session with these options.
    pub(super) fn run(options: &[&str]) -> Self {
        let mut command = portshim(["run"]);
        command.args(options).args(["--", "python3"]).arg(source("sessions/server.py"));
        Self::start(command)
    }

    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let orders = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut server = Self { child, orders, answers };
        assert_eq!(server.told("close"), "closed");
        server
    }

    /// Outcome of an order.
    pub(super) fn told(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").expect("it listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it speaks");
        answer.trim_end().to_owned()
    }

    /// Outcome of several.
    pub(super) fn all_told(&mut self, orders: &[&str]) -> Vec<String> {
        orders.iter().map(|order| self.told(order)).collect()
    }

    /// Its process, which is its session's ID.
    pub(super) fn id(&self) -> String {
        self.child.id().to_string()
    }

    pub(super) fn end(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ran");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What portshim says on standard output, having succeeded in silence.
#[track_caller]
pub(super) fn told(args: &[&str]) -> String {
    must(&mut portshim(args))
}

/// Demands that portshim fails, and says so to the letter.
#[track_caller]
pub(super) fn refused(args: &[&str], problem: &str, help: &str) {
    let output = portshim(args).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr, format!("error: {problem}\nhelp:  {help}\n"), "{args:?}: {}", said(&output));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(125), 0), "{args:?}: {}", said(&output));
}

/// What an expression of Python says of the JSON that portshim prints, there called `it`.
#[track_caller]
pub(super) fn json(args: &[&str], expression: &str) -> String {
    let program = "import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))";
    let mut command = Command::new("python3");
    command.args(["-c", program, expression]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python3 runs");
    child.stdin.take().expect("it is piped").write_all(told(args).as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("it ran");
    assert!(output.status.success(), "{args:?} {expression}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
