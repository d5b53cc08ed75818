//! Settings that people already have, read as policies: sysctl.conf and `sysctl -a`, exports of the
//! Windows registry, what netsh prints and is told, `rpccfg`.

mod console;
mod decode;
mod draft;
mod format;
mod listing;
mod messages;
mod registry;
mod sysctl;

use crate::config::{Layer, Problem, file};
use decode::Encoding;
use draft::Draft;
use format::Format;

impl Layer {
    /// Reads a policy file, or settings of a system in any form that is understood. `file_name` is
    /// what problems call it. What was understood but is no part of a policy is told of in notes,
    /// which end up among the warnings of the resolved policy.
    ///
    /// # Errors
    /// Every [`Problem`] found, in the order of the text.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> Result<Self, Vec<Problem>> {
        read(bytes, file_name, Some(Format::Policy))
    }

    /// As [`Layer::from_bytes`], for a file that need not be a policy.
    ///
    /// # Errors
    /// As [`Layer::from_bytes`], and a [`Problem`] where the file is in none of the forms.
    pub fn imported(bytes: &[u8], file_name: &str) -> Result<Self, Vec<Problem>> {
        read(bytes, file_name, None)
    }
}

/// The name of a file that may hold nothing but comments: a policy whose lines all wait to be
/// wanted.
const POLICY_EXTENSION: &str = ".toml";

/// Words said of a file that sets nothing at all: most likely the command that should have written
/// it has failed.
fn nothing(text: &str, file_name: &str) -> Option<Problem> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    if lines.peek().is_none() {
        return Some(messages::empty(file_name));
    }
    let comments = !file_name.ends_with(POLICY_EXTENSION) && lines.all(|line| line.starts_with(['#', ';']));
    comments.then(|| messages::comments_alone(file_name))
}

/// `otherwise` is what text in no particular form is taken for.
fn read(bytes: &[u8], file_name: &str, otherwise: Option<Format>) -> Result<Layer, Vec<Problem>> {
    let (text, encoding) = decode::text(bytes, file_name).map_err(|problem| vec![problem])?;
    if let Some(problem) = nothing(&text, file_name) {
        return Err(vec![problem]);
    }
    let mut draft = Draft::new(&text, file_name);
    let format = format::of(&text);
    if let Some((place, sign)) = format.and_then(|format| format::foreign(&text, format)) {
        let origin = draft.origin(&place, "");
        return Err(vec![messages::foreign(&origin, sign)]);
    }
    match format.or(otherwise) {
        None => {
            let origin = draft.origin(&(0..0), "");
            return Err(vec![messages::NO_KNOWN_FORM.at(&origin)]);
        }
        Some(Format::Policy) => {
            if encoding == Encoding::Ansi {
                let at = text.find(|c: char| !c.is_ascii()).unwrap_or_default();
                let origin = draft.origin(&(at..at), "");
                return Err(vec![messages::NOT_UTF8.at(&origin)]);
            }
            return file::read(&text, file_name);
        }
        Some(Format::Sysctl) => sysctl::read(&mut draft),
        Some(Format::Registry) => registry::read(&mut draft),
        Some(Format::Console) => console::read(&mut draft),
    }
    draft.finish()
}
