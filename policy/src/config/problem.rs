//! Problems with a policy, and their display.

use super::origin::Origin;
use core::fmt;
use serde::Serialize;
use strum::Display;

/// Severity: whether a policy can be run all the same.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Severity {
    /// It can, and as it was written; this is worth knowing.
    Note,
    /// It can, but not as it was written.
    Warning,
    /// It cannot.
    Error,
}

/// Lines that are much longer than this, in characters, are not shown whole.
const WIDE: usize = 160;

/// Something wrong with a policy: the place, what is wrong there, and what to do about it.
///
/// Displayed in lines, the last of which has no line end:
/// ```text
/// error: policy.toml:7:13: `70000`: a port is at most 65535
///   |
/// 7 | tcp = "4000-70000"
///   |             ^^^^^
/// help:  write a number from 1 to 65535
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Severity: whether a policy can be run all the same.
    pub severity: Severity,
    /// The place, where it has one.
    pub origin: Option<Box<Origin>>,
    /// Problem, in one sentence.
    pub message: String,
    /// Remedy; empty where there is nothing to do.
    pub help: String,
}

impl Problem {
    pub(crate) fn error(origin: &Origin, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            origin: Some(Box::new(origin.clone())),
            message: message.into(),
            help: help.into(),
        }
    }

    pub(crate) fn warning(origin: &Origin, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(origin, message, help) }
    }

    pub(crate) fn note(origin: &Origin, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(origin, message, help) }
    }

    /// Its line and column, for those of one file to be put in order.
    pub(crate) fn place(&self) -> (usize, usize) {
        match self.origin.as_deref() {
            Some(Origin::File { line, column, .. }) => (*line, *column),
            _ => (0, 0),
        }
    }

    /// Tells whether it keeps the policy from being run.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity)?;
        match self.origin.as_deref() {
            Some(Origin::File { file, line, column, .. }) => write!(f, "{file}:{line}:{column}: ")?,
            Some(origin) => write!(f, "{origin}: ")?,
            None => {}
        }
        f.write_str(&self.message)?;
        if let Some(Origin::File { line, column, width, source, .. }) = self.origin.as_deref() {
            let number = line.to_string();
            let gutter = " ".repeat(number.len());
            let (shown, mark) = excerpt(source, *column, *width);
            write!(f, "\n{gutter} |\n{number} | {shown}\n{gutter} | {mark}")?;
        }
        if self.help.is_empty() {
            return Ok(());
        }
        let width = self.severity.to_string().len() + 2;
        write!(f, "\n{:<width$}{}", "help:", self.help)
    }
}

/// The line, or of a long one what is around the place; and what stands below it to mark the place.
fn excerpt(line: &str, column: usize, width: usize) -> (String, String) {
    let before = column - 1;
    let skipped = if before > WIDE { before - WIDE / 2 } else { 0 };
    let mut rest = line.chars().skip(skipped);
    let lead = if skipped > 0 { "…" } else { "" };
    let inside: String = rest.by_ref().take(2 * WIDE).collect();
    let trail = if rest.next().is_some() { "…" } else { "" };
    // Tabs stay tabs, so that the mark stands under what it marks.
    let blank = |c| if c == '\t' { '\t' } else { ' ' };
    let indent: String = lead.chars().chain(inside.chars().take(before - skipped)).map(blank).collect();
    let room = inside.chars().count().saturating_sub(before - skipped);
    (format!("{lead}{inside}{trail}"), format!("{indent}{}", "^".repeat(width.min(room).max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_shown_around_the_place() {
        let line: String = (0..100_000).map(|n| if n == 50_000 { 'x' } else { '-' }).collect();
        let (shown, mark) = excerpt(&line, 50_001, 1);
        assert_eq!(shown.chars().count(), 2 * WIDE + 2);
        assert_eq!(mark.chars().position(|c| c == '^'), shown.chars().position(|c| c == 'x'));
        assert!(shown.starts_with('…') && shown.ends_with('…'));
        let (shown, mark) = excerpt(&line, 100_001, 5);
        assert!(shown.starts_with('…') && shown.ends_with('-') && mark.ends_with(" ^"), "{mark}");
        assert_eq!(excerpt("\tab", 3, 9), ("\tab".into(), "\t ^".into()));
    }
}
