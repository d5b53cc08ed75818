//! Programs that call the API as they are told to, and sessions that hold several of them.

use portshim_tests::programs::{Scratch, Service, must, source, until};
use portshim_tests::{portshim, project};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The compiled program that is scripted, in a folder of one test's own.
pub(crate) struct Fixture {
    pub(crate) folder: Scratch,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: Scratch::new("api") };
        compile(&source("api/scripted.c"), &fixture.program(), &["-pthread"]);
        fixture
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("scripted")
    }

    /// Begins a session under this policy.
    pub(crate) fn session(&self, policy: &[&str]) -> Session<'_> {
        const TELL: &str = r#"printf '%s|%s|%s\n' "$LD_PRELOAD" "$PORTSHIM_POLICY" "$PORTSHIM_SESSION"
            exec sleep infinity"#;
        let mut command = portshim(["run"]);
        command.args(policy).args(["--", "sh", "-c", TELL]);
        let mut keeper = Service::start(command);
        let told = keeper.line(|line| Some(line.trim_end().to_owned()));
        let values: Vec<_> = told.split('|').map(str::to_owned).collect();
        Session { fixture: self, values: values.try_into().expect("three variables"), _keeper: keeper }
    }

    /// A scripted program outside every session.
    pub(crate) fn outsider(&self) -> Scripted {
        Scripted::start(Command::new(self.program()))
    }
}

/// Compiles a program that includes `portshim.h`, with every warning an error.
pub(crate) fn compile(source: &Path, to: &Path, flags: &[&str]) {
    let mut compiler = Command::new("gcc");
    compiler.args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I"]).arg(project().join("shim"));
    must(compiler.arg("-o").arg(to).arg(source).args(flags));
}

/// A session that goes on until this is dropped.
pub(crate) struct Session<'a> {
    fixture: &'a Fixture,
    values: [String; 3],
    _keeper: Service,
}

impl Session<'_> {
    /// The variables that bring a program into the session.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        ["LD_PRELOAD", "PORTSHIM_POLICY", "PORTSHIM_SESSION"].into_iter().zip(self.values.iter().map(String::as_str))
    }

    /// One more process of the session.
    pub(crate) fn scripted(&self) -> Scripted {
        let mut command = Command::new(self.fixture.program());
        command.envs(self.variables());
        Scripted::start(command)
    }
}

/// A program that does what it is told.
pub(crate) struct Scripted {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Scripted {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, input, output }
    }

    /// Tells it to do something that gives no answer.
    pub(crate) fn tell(&mut self, order: &str) {
        writeln!(self.input, "{order}").expect("it listens");
    }

    /// What it says to an order.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("it answers with text");
        assert!(answer.ends_with('\n'), "`{order}`: it ended after {answer:?}");
        answer.trim_end().to_owned()
    }

    /// Gives it orders, each with the answer that it must have.
    #[track_caller]
    pub(crate) fn must(&mut self, orders: &[(&str, &str)]) {
        for (order, answer) in orders {
            assert_eq!(self.ask(order), *answer, "{order}");
        }
    }

    /// The first number of the answer: of a bind, the descriptor.
    #[track_caller]
    pub(crate) fn number(&mut self, order: &str) -> u32 {
        let answer = self.ask(order);
        let first = answer.split(' ').next().and_then(|number| number.parse().ok());
        first.unwrap_or_else(|| panic!("{order}: {answer}"))
    }

    /// The ports that it gets from wildcard binds until there are none left, sorted.
    pub(crate) fn drain(&mut self) -> Vec<u16> {
        let answer = self.ask("drain");
        let (ports, error) = answer.rsplit_once(' ').unwrap_or(("", &answer));
        assert_eq!(error, "EADDRINUSE", "{answer}");
        let mut ports: Vec<u16> = ports.split_whitespace().map(|port| port.parse().expect("a port")).collect();
        ports.sort_unstable();
        ports
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: kill(2) of a child of ours that nobody has waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Waits until it has ended, and leaves it unwaited for: a zombie.
    pub(crate) fn ends(&self) {
        let path = format!("/proc/{}/stat", self.child.id());
        until("it is a zombie", || {
            let stat = std::fs::read_to_string(&path).expect("nobody has waited for it");
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
        });
    }

    /// Waits for its end.
    pub(crate) fn reap(&mut self) {
        self.child.wait().expect("it is our child");
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
