//! Colour, where it is welcome.

use std::env::var_os;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What the user said of colours: nothing, or whether to use them.
static SAID: AtomicU8 = AtomicU8::new(UNSAID);
const UNSAID: u8 = 2;

/// Takes in whether the user wants colours; `None` leaves that to [`has_colour`].
pub(crate) fn set_colour(wanted: Option<bool>) {
    SAID.store(wanted.map_or(UNSAID, u8::from), Relaxed);
}

/// Tells whether colours may be written to `place`. Unless the user said so, they may where it is a
/// terminal that has some: <https://no-color.org>, <https://bixense.com/clicolors>.
pub(crate) fn has_colour(place: &impl IsTerminal) -> bool {
    let is_set = |name| var_os(name).is_some_and(|value| !value.is_empty());
    match SAID.load(Relaxed) {
        0 => false,
        1 => true,
        _ if is_set("NO_COLOR") => false,
        _ if is_set("CLICOLOR_FORCE") && var_os("CLICOLOR_FORCE").is_none_or(|value| value != "0") => true,
        _ => {
            let dull = var_os("TERM").is_some_and(|term| term == "dumb")
                || var_os("CLICOLOR").is_some_and(|value| value == "0");
            !dull && place.is_terminal() && obeys()
        }
    }
}

/// Tells whether terminals of this system obey what colours are made of.
fn obeys() -> bool {
    #[cfg(windows)]
    return ratatui::crossterm::ansi_support::supports_ansi();
    #[cfg(not(windows))]
    true
}

/// The words that begin messages, and their colours: as compilers have them.
const HEADS: [(&str, &str); 4] =
    [("error:", "\u{1b}[1;31m"), ("warning:", "\u{1b}[1;33m"), ("note:", "\u{1b}[1;36m"), ("help:", "\u{1b}[1;36m")];
const END: &str = "\u{1b}[0m";

/// A message whose first words are coloured.
pub(super) fn coloured(message: &str) -> String {
    let line = |line: &str| match HEADS.iter().find(|(head, _)| line.starts_with(head)) {
        Some((head, colour)) => format!("{colour}{head}{END}{}", &line[head.len()..]),
        None => line.to_owned(),
    };
    message.split_inclusive('\n').map(line).collect()
}
