//! Values of a policy file, each with its place, and what is wrong with it.

use crate::config::keys::example;
use crate::config::layer::{self, Ports};
use crate::config::messages;
use crate::config::origin::{Origin, Sourced};
use crate::config::problem::Problem;
use crate::config::source::Source;
use crate::ports::spec::{Spec, SpecError};
use crate::ports::{PortRange, ScopeSet};
use core::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

pub(in crate::config) type Value<'a> = Spanned<DeValue<'a>>;

/// The text, and what has been found wrong with it.
pub(in crate::config) struct Reader<'a> {
    pub(in crate::config) source: Source<'a>,
    pub(in crate::config) problems: Vec<Problem>,
}

impl Reader<'_> {
    /// A SPEC, an array of SPECs, or an array of tables with `ports` and `scope`.
    pub(in crate::config) fn specs(&mut self, value: &Value<'_>, path: &str, into: &mut Vec<Ports>) {
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
        let ports = self.ports(ports, &path, scopes.unwrap_or(ScopeSet::ALL), messages::scope_in_ports)?;
        scopes.map(|_| ports)
    }

    fn spec(&mut self, value: &Value<'_>, path: &str) -> Option<Ports> {
        if let DeValue::Integer(_) = value.get_ref() {
            return self.ports(value, path, ScopeSet::ALL, messages::scope_in_ports);
        }
        self.string(value, path, layer::spec)
    }

    /// Ports without a scope, as a string or as one number. `scoped` words what is wrong with a scope.
    pub(in crate::config) fn ports(
        &mut self,
        value: &Value<'_>,
        path: &str,
        scopes: ScopeSet,
        scoped: fn(&Origin, &str, &str) -> Problem,
    ) -> Option<Ports> {
        if let DeValue::Integer(_) = value.get_ref() {
            let port = self.number(value, path, messages::port)?;
            let read = u16::try_from(port.value).ok().filter(|p| *p > 0);
            let problem = || messages::port(&port.origin, &port.value.to_string());
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
    pub(in crate::config) fn listed(
        &mut self,
        value: &Value<'_>,
        path: &str,
        read: impl Fn(&str) -> Result<Vec<PortRange>, SpecError>,
    ) -> Option<Ports> {
        self.string(value, path, |text, origin| {
            let ports = read(text).map_err(|e| messages::spec(origin, text, &e))?;
            Ok(Sourced::new(Spec { ports, scopes: ScopeSet::ALL }, origin.clone()))
        })
    }

    pub(in crate::config) fn section(
        &mut self,
        value: &Value<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, &DeTable<'_>),
    ) {
        match value.get_ref() {
            DeValue::Table(table) => read(self, table),
            _ => self.wrong(value, name, "a table", &format!("[{name}]")),
        }
    }

    /// A string, read further by `read`, which is handed the place to blame.
    pub(in crate::config) fn string<T>(
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

    pub(in crate::config) fn number(
        &mut self,
        value: &Value<'_>,
        path: &str,
        bad: fn(&Origin, &str) -> Problem,
    ) -> Option<Sourced<u64>> {
        let DeValue::Integer(number) = value.get_ref() else {
            let key = path.rsplit('.').next().unwrap_or(path);
            self.wrong(value, path, "an integer", example(key));
            return None;
        };
        let origin = self.source.origin(&value.span(), path);
        let read = u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| bad(&origin, &number.to_string()));
        self.keep(read).map(|number| Sourced::new(number, origin))
    }

    pub(in crate::config) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    pub(in crate::config) fn unknown(&mut self, span: Range<usize>, key: &str, home: &str, keys: &[&str]) {
        self.problems.push(messages::unknown_key(&self.source.origin(&span, ""), key, home, keys));
    }

    pub(in crate::config) fn missing(&mut self, item: &Value<'_>, key: &str, home: &str, example: &str) {
        self.problems.push(messages::missing(&self.source.origin(&item.span(), ""), key, home, example));
    }

    pub(in crate::config) fn wrong(&mut self, value: &Value<'_>, path: &str, wanted: &str, example: &str) {
        let origin = self.source.origin(&value.span(), path);
        let problem = messages::wrong_type(&origin, path, wanted, value.get_ref().type_str(), example);
        self.problems.push(problem);
    }
}

/// The entries of a table as they stand in the text.
pub(in crate::config) fn in_order<'t, 'a>(table: &'t DeTable<'a>) -> Vec<(&'t Spanned<DeString<'a>>, &'t Value<'a>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn scope(text: &str, origin: &Origin) -> Result<ScopeSet, Problem> {
    let names = ScopeSet::NAMES.map(|(name, _)| name);
    ScopeSet::named(text.trim()).ok_or_else(|| messages::unknown(origin, "scope", text.trim(), &names, names))
}
