//! The text of a policy file, and where in it things stand.

use super::origin::Origin;
use core::ops::Range;
use std::sync::Arc;

/// A file's text with its name.
pub(crate) struct Source<'a> {
    text: &'a str,
    name: &'a str,
    /// Place where each line begins.
    starts: Vec<usize>,
    /// The line that was asked for last. A line may be as long as a file and hold thousands of
    /// values.
    last: Option<Line>,
}

/// One line, without its end.
struct Line {
    /// Counted from 1.
    number: usize,
    text: Arc<str>,
    /// Number of characters it has.
    width: usize,
    /// A place in it that was asked for, in bytes, and how many characters stand before it.
    seen: (usize, usize),
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str, name: &'a str) -> Self {
        let starts = core::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, name, starts, last: None }
    }

    /// The place of `span`, in bytes, whose value belongs to `key`.
    pub(crate) fn origin(&mut self, span: &Range<usize>, key: &str) -> Origin {
        let at = self.boundary(span.start);
        let number = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[number - 1];
        let mut line = match self.last.take() {
            Some(line) if line.number == number => line,
            _ => self.line(number, start),
        };
        // Values are asked for from left to right, so what was counted before need not be counted
        // again.
        let (seen, before) = if line.seen.0 <= at { line.seen } else { (start, 0) };
        let before = before + self.text[seen..at].chars().count();
        line.seen = (at, before);
        let origin = Origin::File {
            file: self.name.to_owned(),
            key: key.to_owned(),
            line: number,
            // What follows the line is not shown, so it cannot be pointed at either.
            column: before.min(line.width) + 1,
            width: self.text.get(span.clone()).map_or(1, |marked| marked.chars().count().max(1)),
            source: Arc::clone(&line.text),
        };
        self.last = Some(line);
        origin
    }

    /// The span inside the quotes, where the text between them is `value` letter by letter; places
    /// inside such a string can be pointed at.
    pub(crate) fn literal(&self, span: &Range<usize>, value: &str) -> Option<Range<usize>> {
        let raw = self.text.get(span.clone())?;
        let inside = ['"', '\''].into_iter().find_map(|q| raw.strip_prefix(q)?.strip_suffix(q))?;
        (inside == value && !value.contains('\n')).then(|| span.start + 1..span.end - 1)
    }

    fn line(&self, number: usize, start: usize) -> Line {
        let text = self.text[start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
        Line { number, text: text.into(), width: text.chars().count(), seen: (start, 0) }
    }

    /// The last boundary between characters that is not behind `at`.
    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}
