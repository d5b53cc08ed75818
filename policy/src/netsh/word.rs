//! The words of a command line.

use crate::ports::spec::SpecError;

/// A word, without quotes around it, and where it begins.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
}

impl Word<'_> {
    pub(super) fn error(self, problem: impl Into<String>, remedy: impl Into<String>) -> SpecError {
        SpecError { part: self.text.into(), at: self.at, problem: problem.into(), remedy: remedy.into() }
    }

    /// Tells whether it is `word`, or two letters of it or more.
    pub(super) fn abbreviates(self, word: &str) -> bool {
        self.text.len() >= 2 && begins(word, self.text)
    }
}

/// Tells whether `word` begins with `start`, whatever the case.
pub(super) fn begins(word: &str, start: &str) -> bool {
    word.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// White space separates words, and quotes keep it inside one. What joins a line to the next one in
/// a batch file (`^`) and in PowerShell (`` ` ``) counts as white space.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quoted = false;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        quoted ^= c == '"';
        let joins = matches!(c, '^' | '`') && text[at + 1..].starts_with(['\n', '\r']);
        if at < text.len() && (quoted || !(c.is_whitespace() || joins)) {
            start.get_or_insert(at);
        } else if let Some(at_word) = start.take() {
            let word = &text[at_word..at];
            let inside = word.strip_prefix('"').map_or(word, |word| word.strip_suffix('"').unwrap_or(word));
            words.push(Word { at: at_word + usize::from(inside.len() < word.len()), text: inside });
        }
    }
    words
}
