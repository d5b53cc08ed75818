//! Failures that the user is told of when something cannot be done: the problem, the remedy, and
//! the exit status.

use portshim_policy::config::Problem;
use portshim_policy::ports::spec::SpecError;
use std::{fmt, io};

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

impl From<SpecError> for Failure {
    fn from(e: SpecError) -> Self {
        Self::new(e.to_string(), &e.remedy)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `error: problem`, and below it `help: help`, if there is any; further lines are set under the
/// first.
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

/// An error of the system, without the capital and the number.
pub(crate) fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    // Windows ends its own with a full stop.
    let text = text.split(" (os error").next().unwrap_or_default().trim_end_matches(['.', '\r', '\n']);
    let mut chars = text.chars();
    // An abbreviation stays one.
    let second = chars.clone().nth(1);
    match chars.next() {
        Some(first) if !second.is_some_and(char::is_uppercase) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// Number of problems that are told of at once. A file may hold as many as it has bytes.
const MOST: usize = 100;

/// Renders problems: the first of them in full, and how many others there are.
pub(crate) fn render<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> String {
    let mut problems = problems.into_iter();
    let mut texts: Vec<_> = problems.by_ref().take(MOST).map(ToString::to_string).collect();
    match problems.count() {
        0 => {}
        1 => texts.push("note: there is one more of these".to_owned()),
        more => texts.push(format!("note: there are {more} more of these")),
    }
    texts.join("\n")
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
