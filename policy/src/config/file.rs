//! The policy file: TOML in, a [`Layer`] or every problem out.

mod reader;
mod sections;

use super::keys::{self, example};
use super::layer::{self, Layer, Process, Wishes};
use super::messages;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use super::source::Source;
use crate::ports::ScopeSet;
use crate::region::MAX_GLOB;
use reader::{Reader, Value, in_order};
use toml::de::{DeTable, DeValue};

impl Layer {
    /// Reads a policy file. `file_name` is what problems call it. A byte order mark and CRLF line
    /// ends are accepted.
    ///
    /// # Errors
    /// Every [`Problem`] found, in the order of the text.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, Vec<Problem>> {
        read(text, file_name)
    }
}

/// Reads a whole file.
pub(crate) fn read(text: &str, file_name: &str) -> Result<Layer, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(text, file_name);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { source, problems: Vec::new() };
    let layer = reader.layer(table.get_ref());

    let mut problems = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let origin = reader.source.origin(&span, "");
        problems.push(messages::syntax(&origin, error.message(), text.get(span).unwrap_or_default()));
    }
    // What was made of a line that is not TOML is not worth a second problem.
    let broken: Vec<_> = problems.iter().map(place).map(|(line, _)| line).collect();
    problems.extend(reader.problems.into_iter().filter(|p| !broken.contains(&place(p).0)));
    problems.sort_by_key(place);
    if problems.is_empty() { Ok(layer) } else { Err(problems) }
}

fn place(problem: &Problem) -> (usize, usize) {
    match problem.origin.as_deref() {
        Some(Origin::File { line, column, .. }) => (*line, *column),
        _ => (0, 0),
    }
}

impl Reader<'_> {
    fn layer(&mut self, table: &DeTable<'_>) -> Layer {
        let mut layer = Layer::new();
        for (key, value) in in_order(table) {
            match &**key.get_ref() {
                "preset" => layer.preset = self.string(value, "preset", layer::preset),
                "windows" => self.section(value, "windows", |r, t| r.windows(t, &mut layer)),
                "linux" => self.section(value, "linux", |r, t| r.linux(t, &mut layer)),
                "freebsd" => self.section(value, "freebsd", |r, t| r.freebsd(t, &mut layer)),
                "process" => self.processes(value, &mut layer),
                name => {
                    if !self.wish(name, value, "", &mut layer.wishes) {
                        self.unknown(key.span(), name, "", &keys::TOP.names());
                    }
                }
            }
        }
        layer
    }

    fn processes(&mut self, value: &Value<'_>, layer: &mut Layer) {
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong(value, "process", "an array of tables", "[[process]]");
        };
        for item in items.iter() {
            let DeValue::Table(table) = item.get_ref() else {
                self.wrong(item, "process", "an array of tables", "[[process]]");
                continue;
            };
            let mut glob = None;
            let mut wishes = Wishes::default();
            for (key, value) in in_order(table) {
                match &**key.get_ref() {
                    "match" => glob = self.string(value, "process.match", self::glob),
                    name => {
                        if !self.wish(name, value, "process.", &mut wishes) {
                            self.unknown(key.span(), name, messages::PROCESS, &keys::PROCESS.names());
                        }
                    }
                }
            }
            match glob {
                Some(glob) => layer.processes.push(Process { glob, wishes }),
                None if table.contains_key("match") => {}
                None => self.missing(item, "match", "[[process]]", example("match")),
            }
        }
    }

    /// Reads a key that may stand at the top and under `[[process]]`; `false` where it is none.
    fn wish(&mut self, key: &str, value: &Value<'_>, home: &str, wishes: &mut Wishes) -> bool {
        let path = format!("{home}{key}");
        match key {
            "select" => wishes.select = self.string(value, &path, layer::order),
            "sharing" => wishes.sharing = self.string(value, &path, layer::sharing),
            "seed" => wishes.seed = self.number(value, &path, messages::seed),
            "dynamic" => self.dynamic(value, &path, wishes),
            "reserve" => self.specs(value, &path, &mut wishes.reserve),
            "block" => self.specs(value, &path, &mut wishes.block),
            _ => return false,
        }
        true
    }

    fn dynamic(&mut self, value: &Value<'_>, path: &str, wishes: &mut Wishes) {
        let names = ScopeSet::NAMES.map(|(name, _)| name);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(value, path, "a table", &format!("{path}.all = \"4000-4999\""));
        };
        for (key, value) in in_order(table) {
            let name = &**key.get_ref();
            match ScopeSet::named(name) {
                Some(scopes) => {
                    let ports = self.ports(value, &format!("{path}.{name}"), scopes, |origin, ports, scope| {
                        messages::scope_is_the_key(origin, ports, scope)
                    });
                    wishes.dynamic.extend(ports);
                }
                None => self.unknown(key.span(), name, &format!("[{path}]"), &names),
            }
        }
    }
}

/// A program's name with `*` and `?`. The session's memory and the environment form have no place
/// for more bytes, nor for the characters that are refused.
fn glob(text: &str, origin: &Origin) -> Result<Sourced<String>, Problem> {
    if text.is_empty() {
        return Err(messages::empty_glob(origin));
    }
    if let Some((at, found)) = text.chars().enumerate().find(|(_, c)| matches!(c, ':' | '/' | '\0')) {
        return Err(messages::glob_with(&origin.narrowed(at, 1), found, text));
    }
    if text.len() > MAX_GLOB {
        return Err(messages::long_glob(origin, text.len()));
    }
    Ok(Sourced::new(text.to_owned(), origin.clone()))
}
