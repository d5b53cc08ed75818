//! The text of a policy file, and where in it things stand.

use super::Origin;
use core::ops::Range;

/// A file's text with its name.
pub(super) struct Source<'a> {
    text: &'a str,
    name: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, name: &'a str) -> Self {
        Self { text, name }
    }

    /// The place of `span`, in bytes, whose value belongs to `key`.
    pub(super) fn origin(&self, span: &Range<usize>, key: &str) -> Origin {
        let before = self.before(span.start);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
        Origin::File {
            file: self.name.to_owned(),
            key: key.to_owned(),
            line: before.matches('\n').count() + 1,
            // What follows the line is not shown, so it cannot be pointed at either.
            column: before[start..].chars().count().min(line.chars().count()) + 1,
            width: self.text.get(span.clone()).map_or(1, |marked| marked.chars().count().max(1)),
            source: line.to_owned(),
        }
    }

    /// The span inside the quotes, where the text between them is `value` letter by letter; places
    /// inside such a string can be pointed at.
    pub(super) fn literal(&self, span: &Range<usize>, value: &str) -> Option<Range<usize>> {
        let raw = self.text.get(span.clone())?;
        let inside = ['"', '\''].into_iter().find_map(|q| raw.strip_prefix(q)?.strip_suffix(q))?;
        (inside == value && !value.contains('\n')).then(|| span.start + 1..span.end - 1)
    }

    fn before(&self, at: usize) -> &'a str {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        &self.text[..at]
    }
}
