//! Lines that show a text to be no file of settings after all: a document that quotes some, or speaks of them.

use super::draft;
use super::format::Format;
use super::{console, registry, sysctl};
use core::ops::Range;

/// The first line that cannot be one of a file in this form, and the number of the line that the file was taken to be
/// in this form for.
pub(super) fn find(text: &str, format: Format) -> Option<(Range<usize>, usize)> {
    let at = match format {
        Format::Policy => None,
        Format::Sysctl => in_sysctl(text),
        Format::Registry => in_registry(text),
        Format::Console => in_console(text),
    }?;
    let line = text[at..].split('\n').next().unwrap_or_default();
    let sign = text.lines().map(str::trim).position(|line| match format {
        Format::Policy => false,
        Format::Sysctl => sysctl::setting(line).is_some(),
        Format::Registry => registry::is_begin(line),
        Format::Console => console::is_sign(line),
    })?;
    Some((draft::span(at, line, line.trim()), sign + 1))
}

/// sysctl(8) wants a setting on each line, of which it prints some warnings of its own. FreeBSD's prints values of
/// several lines.
fn in_sysctl(text: &str) -> Option<usize> {
    let mut of_freebsd = false;
    let mut lines = draft::lines(text, |_| false).filter(|(_, line)| !line.trim().is_empty());
    let found = lines.find(|(_, line)| {
        let line = line.trim();
        of_freebsd |= sysctl::setting(line).is_some() && !line.contains('=');
        let belongs = line.contains(['=', ':']) || line.starts_with(['#', ';', '-', '[']);
        !belongs && !of_freebsd
    });
    found.map(|(at, _)| at)
}

/// Before the heading of an export, or its first key, at most comments stand.
fn in_registry(text: &str) -> Option<usize> {
    let mut lines = draft::lines(text, |_| false).map(|(at, line)| (at, line.trim()));
    let first = lines.find(|(_, line)| !line.is_empty() && !line.starts_with(';'));
    first.filter(|(_, line)| !registry::is_begin(line) && !line.starts_with(['[', '"'])).map(|(at, _)| at)
}

/// Scripts call programs of any name, and listings are in any language, but neither is written in sentences.
fn in_console(text: &str) -> Option<usize> {
    let mut in_comment = false;
    for (at, line) in draft::lines(text, |_| false) {
        let line = line.trim();
        // What is printed from here on may say anything.
        if console::is_prompt(line) || console::shows(line) {
            return None;
        }
        in_comment |= line.starts_with("<#");
        if !in_comment && !console::is_talk(line) && (is_markup(line) || is_sentence(line)) {
            return Some(at);
        }
        in_comment &= !line.ends_with("#>");
    }
    None
}

/// How a line of Markdown or HTML begins, and none of a script or listing.
fn is_markup(line: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    ["```", "**", "|", "![", "- ", "</", "<!"].iter().any(|mark| line.starts_with(mark))
        || numbered.len() < line.len() && numbered.starts_with(". ")
}

/// Whether this is a line out of running text: some words, with commas or stops between them or at the end.
fn is_sentence(line: &str) -> bool {
    const WORDS: usize = 4;
    // What is quoted or set may say anything, and so may the system before its first prompt.
    if line.contains(['"', '\'', '=']) || line.contains("Microsoft") {
        return false;
    }
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(char::is_alphabetic);
    let is_paused =
        |word: &str| word.strip_suffix([',', '.', ';', '!', '?', ':', '。', '、', '，']).is_some_and(|w| is_word(&w));
    line.split_whitespace().any(is_paused) && line.split_whitespace().filter(is_word).count() >= WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        for (line, expected) in [
            ("Two commands in a checkout, on Linux", true),
            ("To widen the range, run netsh as an administrator.", true),
            ("Öffnen Sie die Konsole, und geben Sie ein:", true),
            ("Протокол tcp, затем снова запустите программу службы.", true),
            ("Protocol tcp Dynamic Port Range", false),
            ("Start Port    End Port", false),
            ("* - Administered port exclusions.", false),
            ("(c) 2018 Microsoft Corporation. All rights reserved.", false),
            ("robocopy source target . /mir", false),
            ("cd ..", false),
            ("if errorlevel 1 goto :failed", false),
            ("$ports = 'tcp', 'udp' then do it, or not", false),
            ("", false),
        ] {
            assert_eq!(is_sentence(line), expected, "{line}");
        }
    }
}
