//! Values of a policy file, each with its place, and what is wrong with it.

use crate::config::keys::{self, PORTS};
use crate::config::messages;
use crate::config::origin::{Origin, Sourced};
use crate::config::problem::Problem;
use crate::config::source::Source;
use crate::config::values::{self, Ports};
use crate::ports::spec::Spec;
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
    pub(in crate::config) fn specs(&mut self, value: &Value<'_>, path: &str) -> Vec<Ports> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| self.specs_item(item, path)).collect(),
            _ => self.specs_item(value, path).into_iter().collect(),
        }
    }

    fn specs_item(&mut self, item: &Value<'_>, path: &str) -> Option<Ports> {
        match item.get_ref() {
            DeValue::Table(table) => self.ports_and_scope(item, table, path),
            DeValue::Integer(_) => self.ports(item, path, ScopeSet::ALL, messages::scope_in_ports),
            _ => self.string(item, path, PORTS, values::spec),
        }
    }

    fn ports_and_scope(&mut self, item: &Value<'_>, table: &DeTable<'_>, path: &str) -> Option<Ports> {
        let home = format!("[[{path}]]");
        let mut scopes = Some(ScopeSet::ALL);
        for (key, value) in in_order(table) {
            match &**key.get_ref() {
                "ports" => {}
                "scope" => scopes = self.string(value, &format!("{path}.scope"), "scope = \"tcp\"", scope),
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

    /// Ports without a scope, as a string or as one number. `scoped` words what is wrong with a
    /// scope.
    pub(in crate::config) fn ports(
        &mut self,
        value: &Value<'_>,
        path: &str,
        scopes: ScopeSet,
        scoped: fn(&Origin, &str, &str) -> Problem,
    ) -> Option<Ports> {
        if let DeValue::Integer(_) = value.get_ref() {
            let port = self.number(value, path, PORTS, |text, origin| {
                let port = text.parse().ok().filter(|port: &u16| *port > 0);
                port.ok_or_else(|| messages::port(origin, text))
            })?;
            let origin = self.source.origin(&value.span(), path);
            return Some(Sourced::new(Spec { ports: vec![PortRange::single(port)], scopes }, origin));
        }
        self.string(value, path, PORTS, |text, origin| match text.split_once('/') {
            Some((ports, scope)) => Err(scoped(origin, ports.trim(), scope.trim())),
            None => values::ports(text, scopes, origin),
        })
    }

    /// A string, read further by `read`, which is handed the place to blame.
    pub(in crate::config) fn string<T>(
        &mut self,
        value: &Value<'_>,
        path: &str,
        example: &str,
        read: impl FnOnce(&str, &Origin) -> Result<T, Problem>,
    ) -> Option<T> {
        let span = value.span();
        let DeValue::String(text) = value.get_ref() else {
            self.wrong(value, path, "a string", example);
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

    /// An integer, read further by `read` in decimal digits.
    pub(in crate::config) fn number<T>(
        &mut self,
        value: &Value<'_>,
        path: &str,
        example: &str,
        read: impl FnOnce(&str, &Origin) -> Result<T, Problem>,
    ) -> Option<T> {
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong(value, path, "an integer", example);
            return None;
        };
        let origin = self.source.origin(&value.span(), path);
        let decimal = u64::from_str_radix(number.as_str(), number.radix());
        let result = read(&decimal.map_or_else(|_| number.to_string(), |number| number.to_string()), &origin);
        self.keep(result)
    }

    pub(in crate::config) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    pub(in crate::config) fn unknown(&mut self, span: Range<usize>, key: &str, home: &str, keys: &[&str]) {
        let origin = self.source.origin(&span, "");
        self.problems.push(messages::unknown_key(&origin, key, home, keys, keys::home(key)));
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
