//! Which live session a command is about.

use super::ps::listed;
use crate::environment::SESSION;
use crate::failure::Failure;
use crate::platform::{self, LiveSession, Process};
use crate::wording;
use humantime::{format_duration, format_rfc3339_seconds};
use serde::Serialize;
use std::io::stdout;
use std::time::{Duration, SystemTime};
use terminal_size::terminal_size_of;

/// The session that is named by its ID, its file's name or one of its processes; without a name, the only one, or
/// the only one that can be read.
pub(super) fn chosen(name: Option<&str>) -> Result<LiveSession, Failure> {
    let mut sessions = LiveSession::all();
    let Some(name) = name else {
        // Whoever is inside a session means that one.
        let own = std::env::var_os(SESSION);
        if let Some(at) = sessions.iter().position(|session| own.as_deref() == Some(session.path.as_os_str())) {
            return Ok(sessions.swap_remove(at));
        }
        let readable: Vec<_> = (0..sessions.len()).filter(|at| sessions[*at].snapshot().is_ok()).collect();
        return match (readable.as_slice(), sessions.len()) {
            (_, 0) => Err(wording::no_live_session()),
            ([only], _) => Ok(sessions.swap_remove(*only)),
            // That it cannot be read, and why, is said by whoever reads it.
            ([], 1) => Ok(sessions.swap_remove(0)),
            (readable, _) => {
                let such = readable.first().map(|at| sessions[*at].id.as_str());
                Err(wording::several_sessions(sessions.len(), &listed(&sessions, width() - wording::INDENT), such))
            }
        };
    };
    let has = |session: &LiveSession| session.processes.iter().any(|process| process.pid.to_string() == name);
    let found = sessions.iter().position(|session| session.id == name || session.name() == name);
    match found.or_else(|| sessions.iter().position(has)) {
        Some(at) => Ok(sessions.remove(at)),
        None => Err(wording::no_such_session(name, name.parse().ok().and_then(platform::owner))),
    }
}

/// When something was that is so old, as programs read it.
pub(super) fn moment(age: Option<Duration>) -> Option<String> {
    let then = SystemTime::now().checked_sub(age?).filter(|then| *then >= SystemTime::UNIX_EPOCH)?;
    Some(format_rfc3339_seconds(then).to_string())
}

/// How old something is, as people say it: the two largest units.
pub(super) fn ago(age: Option<Duration>) -> String {
    let Some(age) = age else { return "?".into() };
    let exact = format_duration(Duration::from_secs(age.as_secs())).to_string();
    exact.split(' ').take(2).collect::<Vec<_>>().join(" ") + " ago"
}

/// A process, for programs to read.
#[derive(Serialize)]
pub(super) struct ShownProcess {
    pub(super) pid: u32,
    /// The name that the kernel knows it by.
    pub(super) name: String,
    /// Its command line.
    pub(super) command: String,
}

impl From<&Process> for ShownProcess {
    fn from(process: &Process) -> Self {
        Self { pid: process.pid, name: process.name.clone(), command: process.command.clone() }
    }
}

/// What a program calls itself, on one line, with the terminal left alone; at most `width` characters.
pub(super) fn one_line(text: &str, width: usize) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    cut(&text.chars().map(escape).collect::<String>(), width)
}

/// How wide a line may become, in characters: as COLUMNS says, else as the terminal is, else as is usual.
pub(super) fn width() -> usize {
    const USUAL: usize = 100;
    const NARROWEST: usize = 60;
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let terminal = || terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0);
    said.or_else(terminal).unwrap_or(USUAL).max(NARROWEST)
}

/// A list of ports, broken into lines of at most `width` characters after its commas and spaces.
pub(super) fn folded(text: &str, width: usize) -> Vec<String> {
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
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).collect::<String>() + "…"
}

/// A line that tells how many requests of each scope a sandbox kept from being served; none where there are none.
pub(super) fn uncovered(gap: &str, scopes: impl Iterator<Item = (&'static str, u32)>) -> String {
    let told: Vec<_> =
        scopes.filter(|(_, count)| *count > 0).map(|(scope, count)| format!("{scope} {count}")).collect();
    if told.is_empty() { String::new() } else { format!("{gap}not covered since a sandbox: {}\n", told.join("  ")) }
}
