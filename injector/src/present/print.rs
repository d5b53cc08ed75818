//! Writing to the user: to standard output what was asked for, to standard error everything else.

use super::colour::{coloured, has_colour};
use crate::messages::{self, Failure};
use portshim_policy::config::Problem;
use std::borrow::Cow;
use std::io::{ErrorKind, Write};

/// Writes to standard output. A reader that has gone away is not an error: it has seen enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(messages::output_unwritable(&e)),
        _ => Ok(()),
    }
}

/// Writes a line to standard error, if anybody is there to read it.
pub(crate) fn eprint(line: &str) {
    // Nobody is left to tell that nobody listens.
    let _ = std::io::stderr().write_all(error_line(line).as_bytes());
}

/// A line as it is written to standard error.
pub(crate) fn error_line(text: &str) -> String {
    let text = harmless(text);
    let text = if has_colour(&std::io::stderr()) { coloured(&text) } else { text.into_owned() };
    text + "\n"
}

/// The text without what a terminal would obey: it may quote a file or an argument.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_obeyed = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = |letter: char| if is_obeyed(letter) { letter.escape_default().to_string() } else { letter.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Writes problems to standard error.
pub(crate) fn eprint_problems<'a>(problems: impl IntoIterator<Item = &'a Problem>) {
    let text = messages::render(problems);
    if !text.is_empty() {
        eprint(&text);
    }
}

/// Amount of messages while a program is started.
#[derive(Clone, Copy)]
pub(crate) struct Verbosity {
    /// Say what is done.
    pub(crate) verbose: bool,
    /// Keep warnings back.
    pub(crate) quiet: bool,
}

impl Verbosity {
    /// Says what is done, with `-v`.
    pub(crate) fn note(self, text: impl FnOnce() -> String) {
        if self.verbose {
            eprint(&format!("portshim: {}", text()));
        }
    }

    /// Warns, but not with `-q`.
    pub(crate) fn warn(self, warning: impl FnOnce() -> String) {
        if !self.quiet {
            eprint(&warning());
        }
    }
}

/// A value as JSON for people and programs alike, with a line end.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(harmless("error: `ü`\n\thelp"), "error: `ü`\n\thelp");
        assert_eq!(harmless("\u{1b}[31mred\r\0"), r"\u{1b}[31mred\r\u{0}");
    }
}
