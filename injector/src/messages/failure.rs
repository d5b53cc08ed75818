//! What the user is told when something cannot be done: the problem, the remedy, and the exit status.

use super::render;
use portshim_policy::config::Problem;
use std::fmt;

/// portshim itself failed, and nothing was launched.
pub(crate) const FAILED: u32 = 125;
/// The program was found but cannot be executed.
pub(crate) const CANNOT_EXECUTE: u32 = 126;
/// The program was not found.
pub(crate) const NOT_FOUND: u32 = 127;

/// An error as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) status: u32,
    text: String,
}

impl Failure {
    /// portshim cannot do what was asked.
    pub(crate) fn new(problem: impl AsRef<str>, help: impl AsRef<str>) -> Self {
        Self { status: FAILED, text: message("error", problem.as_ref(), help.as_ref()) }
    }

    /// The same with another exit status.
    pub(crate) fn with_status(self, status: u32) -> Self {
        Self { status, ..self }
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self { status: FAILED, text: render(&problems) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `error: problem`, and below it `help:  help`, if there is any; further lines are set under the first.
pub(crate) fn message(kind: &str, problem: &str, help: &str) -> String {
    let width = kind.len() + 2;
    let mut text = String::new();
    for (word, lines) in [(kind, problem), ("help", help)] {
        for (n, line) in lines.lines().enumerate() {
            let lead = if n == 0 { format!("{word}:") } else { String::new() };
            let end = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{end}{lead:width$}{line}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn problems_and_remedies_stand_under_each_other() {
        assert_eq!(message("error", "it is\nbroken", "mend it"), "error: it is\n       broken\nhelp:  mend it");
        assert_eq!(message("warning", "hot", "cool it"), "warning: hot\nhelp:    cool it");
        assert_eq!(message("error", "no", ""), "error: no");
    }
}
