//! Programs that go on running.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A program that goes on running until this is dropped.
pub struct Service {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Service {
    /// Starts it; its standard output can be read, its standard error is the test's.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// Reads its output up to the first line in which `find` finds something.
    ///
    /// # Panics
    /// Where the output ends before.
    pub fn line<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.lines.read_line(&mut line).expect("a program's output is text");
            assert!(read > 0, "the program ended before it said what was waited for: {:?}", self.child.wait());
            if let Some(found) = find(&line) {
                return found;
            }
        }
    }

    /// Its standard input.
    ///
    /// # Panics
    /// Where it was not started with a pipe for that.
    pub fn input(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("it is piped")
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already, which is not this test's question.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
