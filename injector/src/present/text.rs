//! Text that fits: on one line, in a column, in the terminal.

use std::io::stdout;
use terminal_size::terminal_size_of;

/// Name that a program has for itself, on one line, with the terminal left alone; at most `width`
/// characters.
pub(crate) fn one_line(text: &str, width: usize) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    cut(&text.chars().map(escape).collect::<String>(), width)
}

/// Greatest width of a line, in characters: as COLUMNS says, else as the terminal is, else as is
/// usual.
pub(crate) fn width() -> usize {
    const USUAL: usize = 100;
    const NARROWEST: usize = 60;
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let terminal = || terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0);
    said.or_else(terminal).unwrap_or(USUAL).max(NARROWEST)
}

/// A list of ports, broken into lines of at most `width` characters after its commas and spaces.
pub(crate) fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive([',', ' ']) {
        let room = lines.last().is_some_and(|line| line.is_empty() || line.len() + part.trim_end().len() <= width);
        if !room {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(part);
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// At most `width` characters of a text.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).collect::<String>() + "…"
}
