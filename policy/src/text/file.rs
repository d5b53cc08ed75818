//! The policy file: TOML in, a [`Layer`] or every problem out.

mod sections;

use super::keys::{self, example};
use super::layer::{self, Ports, Process, Wishes};
use super::source::Source;
use super::{Layer, Origin, Problem, Sourced, words};
use crate::spec::{Spec, SpecError};
use crate::{MAX_GLOB, PortRange, ScopeSet};
use core::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads a whole file.
pub(super) fn read(text: &str, file_name: &str) -> Result<Layer, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(text, file_name);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { source, problems: Vec::new() };
    let layer = reader.layer(table.get_ref());

    let mut problems = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let origin = reader.source.origin(&span, "");
        problems.push(words::syntax(&origin, error.message(), text.get(span).unwrap_or_default()));
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

struct Reader<'a> {
    source: Source<'a>,
    problems: Vec<Problem>,
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
                            self.unknown(key.span(), name, words::PROCESS, &keys::PROCESS.names());
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
            "seed" => wishes.seed = self.number(value, &path, words::seed),
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
                        words::scope_is_the_key(origin, ports, scope)
                    });
                    wishes.dynamic.extend(ports);
                }
                None => self.unknown(key.span(), name, &format!("[{path}]"), &names),
            }
        }
    }

    /// A SPEC, an array of SPECs, or an array of tables with `ports` and `scope`.
    fn specs(&mut self, value: &Value<'_>, path: &str, into: &mut Vec<Ports>) {
        match value.get_ref() {
            DeValue::Array(items) => {
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::Table(table) => into.extend(self.ports_and_scope(item, table, path)),
                        _ => into.extend(self.spec(item, path)),
                    }
                }
            }
            DeValue::Table(table) => into.extend(self.ports_and_scope(value, table, path)),
            _ => into.extend(self.spec(value, path)),
        }
    }

    fn ports_and_scope(&mut self, item: &Value<'_>, table: &DeTable<'_>, path: &str) -> Option<Ports> {
        let home = format!("[[{path}]]");
        let mut scopes = Some(ScopeSet::ALL);
        for (key, value) in in_order(table) {
            match &**key.get_ref() {
                "ports" => {}
                "scope" => scopes = self.string(value, &format!("{path}.scope"), scope),
                name => self.unknown(key.span(), name, &home, &["ports", "scope"]),
            }
        }
        let Some(ports) = table.get("ports") else {
            self.missing(item, "ports", &home, "ports = \"4000-4010\"");
            return None;
        };
        let path = format!("{path}.ports");
        let ports = self.ports(ports, &path, scopes.unwrap_or(ScopeSet::ALL), words::scope_in_ports)?;
        scopes.map(|_| ports)
    }

    fn spec(&mut self, value: &Value<'_>, path: &str) -> Option<Ports> {
        if let DeValue::Integer(_) = value.get_ref() {
            return self.ports(value, path, ScopeSet::ALL, words::scope_in_ports);
        }
        self.string(value, path, layer::spec)
    }

    /// Ports without a scope, as a string or as one number. `scoped` words what is wrong with a scope.
    fn ports(
        &mut self,
        value: &Value<'_>,
        path: &str,
        scopes: ScopeSet,
        scoped: fn(&Origin, &str, &str) -> Problem,
    ) -> Option<Ports> {
        if let DeValue::Integer(_) = value.get_ref() {
            let port = self.number(value, path, words::port)?;
            let read = u16::try_from(port.value).ok().filter(|p| *p > 0);
            let problem = || words::port(&port.origin, &port.value.to_string());
            let port = self.keep(read.ok_or_else(problem))?;
            let origin = self.source.origin(&value.span(), path);
            return Some(Sourced::new(Spec { ports: vec![PortRange::single(port)], scopes }, origin));
        }
        self.string(value, path, |text, origin| match text.split_once('/') {
            Some((ports, scope)) => Err(scoped(origin, ports.trim(), scope.trim())),
            None => layer::ports(text, scopes, origin),
        })
    }

    /// Ports for all scopes, in a syntax of their own.
    fn listed(
        &mut self,
        value: &Value<'_>,
        path: &str,
        read: impl Fn(&str) -> Result<Vec<PortRange>, SpecError>,
    ) -> Option<Ports> {
        self.string(value, path, |text, origin| {
            let ports = read(text).map_err(|e| words::spec(origin, text, &e))?;
            Ok(Sourced::new(Spec { ports, scopes: ScopeSet::ALL }, origin.clone()))
        })
    }

    fn section(&mut self, value: &Value<'_>, name: &str, mut read: impl FnMut(&mut Self, &DeTable<'_>)) {
        match value.get_ref() {
            DeValue::Table(table) => read(self, table),
            _ => self.wrong(value, name, "a table", &format!("[{name}]")),
        }
    }

    /// A string, read further by `read`, which is handed the place to blame.
    fn string<T>(
        &mut self,
        value: &Value<'_>,
        path: &str,
        read: impl FnOnce(&str, &Origin) -> Result<T, Problem>,
    ) -> Option<T> {
        let span = value.span();
        let DeValue::String(text) = value.get_ref() else {
            let key = path.rsplit('.').next().unwrap_or(path);
            self.wrong(value, path, "a string", example(key));
            return None;
        };
        match self.source.literal(&span, text) {
            Some(inside) => {
                let result = read(text, &self.source.origin(&inside, path));
                self.keep(result)
            }
            None => {
                let whole = self.source.origin(&span, path);
                let result = read(text, &whole).map_err(|p| Problem { origin: Some(Box::new(whole)), ..p });
                self.keep(result)
            }
        }
    }

    fn number(&mut self, value: &Value<'_>, path: &str, bad: fn(&Origin, &str) -> Problem) -> Option<Sourced<u64>> {
        let DeValue::Integer(number) = value.get_ref() else {
            let key = path.rsplit('.').next().unwrap_or(path);
            self.wrong(value, path, "an integer", example(key));
            return None;
        };
        let origin = self.source.origin(&value.span(), path);
        let read = u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| bad(&origin, &number.to_string()));
        self.keep(read).map(|number| Sourced::new(number, origin))
    }

    fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn unknown(&mut self, span: Range<usize>, key: &str, home: &str, keys: &[&str]) {
        self.problems.push(words::unknown_key(&self.source.origin(&span, ""), key, home, keys));
    }

    fn missing(&mut self, item: &Value<'_>, key: &str, home: &str, example: &str) {
        self.problems.push(words::missing(&self.source.origin(&item.span(), ""), key, home, example));
    }

    fn wrong(&mut self, value: &Value<'_>, path: &str, wanted: &str, example: &str) {
        let origin = self.source.origin(&value.span(), path);
        let problem = words::wrong_type(&origin, path, wanted, value.get_ref().type_str(), example);
        self.problems.push(problem);
    }
}

/// The entries of a table as they stand in the text.
fn in_order<'t, 'a>(table: &'t DeTable<'a>) -> Vec<(&'t Spanned<DeString<'a>>, &'t Value<'a>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn scope(text: &str, origin: &Origin) -> Result<ScopeSet, Problem> {
    let names = ScopeSet::NAMES.map(|(name, _)| name);
    ScopeSet::named(text.trim()).ok_or_else(|| words::unknown(origin, "scope", text.trim(), &names, names))
}

/// A program's name with `*` and `?`. The session's memory and the environment form have no place
/// for more bytes, nor for the characters that are refused.
fn glob(text: &str, origin: &Origin) -> Result<Sourced<String>, Problem> {
    if text.is_empty() {
        return Err(words::empty_glob(origin));
    }
    if let Some((at, found)) = text.chars().enumerate().find(|(_, c)| matches!(c, ':' | '/' | '\0')) {
        return Err(words::glob_with(&origin.narrowed(at, 1), found, text));
    }
    if text.len() > MAX_GLOB {
        return Err(words::long_glob(origin, text.len()));
    }
    Ok(Sourced::new(text.to_owned(), origin.clone()))
}
