//! A layer in the making, with what is to be said about its source.

use super::messages::{self, Words};
use crate::config::{Layer, Origin, Problem, Severity, Source, Sourced};
use crate::model::Preset;
use crate::ports::spec::SpecError;
use core::ops::Range;

/// A layer in the making.
pub(super) struct Draft<'a> {
    pub(super) text: &'a str,
    pub(super) layer: Layer,
    source: Source<'a>,
    problems: Vec<Problem>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(text: &'a str, name: &'a str) -> Self {
        Self { text, layer: Layer::new(), source: Source::new(text, name), problems: Vec::new() }
    }

    /// The place of `span`, in bytes, which `key` names.
    pub(super) fn origin(&mut self, span: &Range<usize>, key: &str) -> Origin {
        self.source.origin(span, key)
    }

    /// Says something about the source.
    pub(super) fn say(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Says `words` of the place of `span`, which `key` names.
    pub(super) fn tell(&mut self, span: &Range<usize>, key: &str, words: &Words) {
        let origin = self.origin(span, key);
        self.say(words.at(&origin));
    }

    /// Says that nothing was found, unless what is wrong with the source tells why.
    pub(super) fn nothing_found(&mut self, place: &Range<usize>, understood: &str) {
        if !self.problems.iter().any(Problem::is_error) {
            let origin = self.origin(place, "");
            self.say(messages::no_port_setting(&origin, understood));
        }
    }

    /// Value that was read at `span`, with its place, or nothing and a word about what is wrong
    /// there.
    pub(super) fn keep<T>(
        &mut self,
        span: &Range<usize>,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, SpecError>,
    ) -> Option<Sourced<T>> {
        let origin = self.origin(span, key);
        let text = self.text.get(span.clone()).unwrap_or_default();
        match read(text) {
            Ok(value) => Some(Sourced::new(value, origin)),
            Err(e) => {
                // Not counted from the value's own place: it may stand on a line further down.
                let at = span.start + e.at;
                let origin = self.origin(&(at..at + e.part.len()), key);
                self.say(Problem::error(&origin, e.to_string(), e.remedy));
                None
            }
        }
    }

    /// Starts from the model that such a source is about; a second name is not heard.
    pub(super) fn preset(&mut self, name: &str, span: &Range<usize>, key: &str) {
        if self.layer.preset.is_none()
            && let Some(preset) = Preset::named(name)
        {
            self.layer.preset = Some(Sourced::new(preset, self.source.origin(span, key)));
        }
    }

    pub(super) fn finish(mut self) -> Result<Layer, Vec<Problem>> {
        self.problems.sort_by_key(Problem::place);
        if self.problems.iter().any(Problem::is_error) {
            self.problems.retain(|problem| problem.severity > Severity::Note);
            return Err(self.problems);
        }
        self.layer.notes = self.problems;
        Ok(self.layer)
    }
}

/// The lines of a text without their ends, and where each begins. A mark for which `joins` answers
/// yes, at the end of a line, adds the next line to it.
pub(super) fn lines(text: &str, joins: fn(&str) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        if at >= text.len() {
            return None;
        }
        let start = at;
        loop {
            let rest = &text[at..];
            let (line, length) = match rest.find('\n') {
                Some(end) => (&rest[..end], end + 1),
                None => (rest, rest.len()),
            };
            at += length;
            if at >= text.len() || !joins(line.trim_end()) {
                return Some((start, text[start..at].trim_end_matches(['\n', '\r'])));
            }
        }
    })
}

/// Place where `part`, which was cut out of `line`, stands in the text in which `line` begins at
/// `start`.
pub(super) fn span(start: usize, line: &str, part: &str) -> Range<usize> {
    let at = start + (part.as_ptr() as usize).wrapping_sub(line.as_ptr() as usize).min(line.len());
    at..at + part.len()
}
