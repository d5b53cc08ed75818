//! The policy file: TOML in, a [`Layer`] or every problem out.

mod reader;

use super::keys::{self, Key, MATCH, PROCESS, PROCESS_TABLES, Section, TOP};
use super::layer::{Layer, Process};
use super::messages;
use super::problem::Problem;
use super::source::Source;
use super::values::{self, Kind};
use crate::ports::ScopeSet;
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
    let mut layer = Layer::new();
    reader.table(&TOP, table.get_ref(), &mut layer);

    let mut problems = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let origin = reader.source.origin(&span, "");
        problems.push(messages::syntax(&origin, error.message(), text.get(span).unwrap_or_default()));
    }
    // What was made of a line that is not TOML is not worth a second problem.
    let broken: Vec<_> = problems.iter().map(|problem| problem.place().0).collect();
    problems.extend(reader.problems.into_iter().filter(|p| !broken.contains(&p.place().0)));
    problems.sort_by_key(Problem::place);
    if problems.is_empty() { Ok(layer) } else { Err(problems) }
}

impl Reader<'_> {
    /// Reads a table by the keys of its section.
    fn table(&mut self, section: &'static Section, table: &DeTable<'_>, layer: &mut Layer) {
        for (name, value) in in_order(table) {
            match section.key(name.get_ref()) {
                Some(key) if section.heading.is_empty() => self.value(key, key.name, value, layer),
                Some(key) => self.value(key, &format!("{}.{}", section.name(), key.name), value, layer),
                None => self.unknown(name.span(), name.get_ref(), section.heading, &section.names()),
            }
        }
    }

    /// Reads the value of a key, which problems call `path`.
    fn value(&mut self, key: &'static Key, path: &str, value: &Value<'_>, layer: &mut Layer) {
        match (key.kind, value.get_ref()) {
            (Kind::Preset | Kind::Word { .. } | Kind::Ports(_), _) => {
                self.string(value, path, key.example, |text, origin| layer.set(key, text, origin));
            }
            (Kind::Number { .. }, _) => {
                self.number(value, path, key.example, |text, origin| layer.set(key, text, origin));
            }
            (Kind::Switch, _) => self.switch(key, path, value, layer),
            (Kind::Lines(_), DeValue::Array(lines)) => {
                for line in lines.iter() {
                    self.string(line, path, key.example, |text, origin| layer.set(key, text, origin));
                }
            }
            (Kind::Lines(_), _) => {
                self.wrong(value, path, "an array of strings", &format!("{} = [{}]", key.name, key.example));
            }
            (Kind::Specs, _) => self.specs(value, path).into_iter().for_each(|part| layer.wishes.add_ports(key, part)),
            (Kind::Scopes, _) => self.scopes(key, path, value, layer),
            (Kind::Table, _) if key == &PROCESS_TABLES => self.processes(key, value, layer),
            (Kind::Table, DeValue::Table(table)) => {
                if let Some(section) = keys::MODELS.into_iter().find(|section| section.name() == key.name) {
                    self.table(section, table, layer);
                }
            }
            (Kind::Table, _) => self.wrong(value, path, key.value, key.example),
        }
    }

    fn processes(&mut self, key: &Key, value: &Value<'_>, layer: &mut Layer) {
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong(value, key.name, key.value, key.example);
        };
        for item in items.iter() {
            let DeValue::Table(table) = item.get_ref() else {
                self.wrong(item, key.name, key.value, key.example);
                continue;
            };
            let mut own = Layer::new();
            self.table(&PROCESS, table, &mut own);
            match own.wishes.get(&MATCH, values::Value::try_as_text) {
                Some(glob) => layer.processes.push(Process { glob, wishes: own.wishes }),
                None if table.contains_key(MATCH.name) => {}
                None => self.missing(item, MATCH.name, PROCESS.heading, MATCH.example),
            }
        }
    }

    fn scopes(&mut self, key: &'static Key, path: &str, value: &Value<'_>, layer: &mut Layer) {
        let names = ScopeSet::NAMES.map(|(name, _)| name);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(value, path, "a table", &format!("{path}.all = {}", key.example));
        };
        for (name, value) in in_order(table) {
            let name_span = name.span();
            let name = &**name.get_ref();
            match ScopeSet::named(name) {
                Some(scopes) => {
                    let path = format!("{path}.{name}");
                    let ports = self.ports(value, &path, scopes, messages::scope_is_the_key);
                    ports.into_iter().for_each(|ports| layer.wishes.add_ports(key, ports));
                }
                None => self.unknown(name_span, name, &format!("[{path}]"), &names),
            }
        }
    }

    /// Reads `true`, `false`, or the sysctl's own 1 and 0.
    fn switch(&mut self, key: &'static Key, path: &str, value: &Value<'_>, layer: &mut Layer) {
        let text = match value.get_ref() {
            DeValue::Boolean(true) => "1",
            DeValue::Boolean(false) => "0",
            DeValue::Integer(number) if matches!(number.as_str(), "0" | "1") => number.as_str(),
            _ => return self.wrong(value, path, "true or false", key.example),
        };
        let result = layer.set(key, text, &self.source.origin(&value.span(), path));
        self.keep(result);
    }
}
