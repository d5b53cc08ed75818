//! Lines that show a text to be no file of settings after all: the marks of a document that quotes
//! some.

use super::format::Format;
use super::{console, draft, registry, sysctl};
use core::ops::Range;

/// Beginnings of lines of Markdown or HTML, and none of a script, listing or export. What else
/// documents are made of is found in files of settings, too: whatever a program prints, in any
/// language, may stand between two settings.
const MARKS: [&str; 5] = ["```", "~~~", "</", "<html", "<!doctype"];

/// The first line that marks a document, and the number of the line that it was taken to be in this
/// form for.
pub(super) fn find(text: &str, format: Format) -> Option<(Range<usize>, usize)> {
    let is_sign: fn(&str) -> bool = match format {
        Format::Policy => return None,
        Format::Sysctl => |line| sysctl::setting(line).is_some(),
        Format::Registry => registry::is_begin,
        Format::Console => console::is_sign,
    };
    let (at, line) = draft::lines(text, |_| false).find(|(_, line)| is_mark(line.trim()))?;
    let sign = text.lines().map(str::trim).position(is_sign)?;
    Some((draft::span(at, line, line.trim()), sign + 1))
}

fn is_mark(line: &str) -> bool {
    MARKS.iter().any(|mark| line.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark)))
}
