//! netsh's changes, made in the text of a policy file. Everything else in it stays as it was
//! written.

use super::command::Change;
use crate::ports::spec::{self, Spec};
use crate::ports::{PortRange, PortSet, Scope, ScopeSet};
use strum::Display;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// A file that nobody has written yet: the model that netsh belongs to.
const NEW: &str = "preset = \"windows-vista\"\n";
const RESERVE: &str = "reserve";

/// Reason why a file stays as it is.
#[derive(Clone, Debug, Display, PartialEq, Eq)]
pub enum EditError {
    /// The ports meet others that the file reserves or blocks.
    #[strum(to_string = "the policy reserves or blocks {0} already")]
    Meets(PortSet),
    /// The file reserves no such range.
    #[strum(to_string = "the policy reserves no such range")]
    Missing,
    /// It is not TOML, or its tables are not as they should be.
    #[strum(to_string = "it is not a policy in TOML")]
    Unreadable,
}

/// The text of a policy file that nobody has written yet.
#[must_use]
pub fn new_file() -> String {
    NEW.to_owned()
}

/// The text of a policy file after a change; `None` stands for a file that does not exist.
///
/// # Errors
/// [`EditError`], where Windows would refuse the change too, or the text is no policy.
pub fn edited(text: Option<&str>, scope: Scope, change: Change, range: PortRange) -> Result<String, EditError> {
    let text = text.unwrap_or(NEW);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Unreadable)?;
    match change {
        Change::SetDynamicPort => {
            let dynamic = document.entry("dynamic").or_insert_with(|| Item::Table(Table::new()));
            let table = dynamic.as_table_like_mut().ok_or(EditError::Unreadable)?;
            let mut value = Value::from(range.to_string());
            if let Some(Item::Value(old)) = table.get_mut(scope.name()) {
                *value.decor_mut() = std::mem::take(old.decor_mut());
            }
            table.insert(scope.name(), Item::Value(value));
        }
        Change::AddExcludedPortRange => {
            let met = met(&document, scope, range)?;
            if !met.is_empty() {
                return Err(EditError::Meets(met));
            }
            let mut list = List::of(&mut document)?;
            list.push(&Spec { ports: vec![range], scopes: scope.into() });
        }
        Change::DeleteExcludedPortRange => {
            let mut list = List::of(&mut document)?;
            let specs = list.specs()?;
            let names = |spec: &Spec| spec.scopes.contains(scope) && spec.ports.contains(&range);
            let at = specs.iter().position(names).ok_or(EditError::Missing)?;
            list.remove(at);
            let Spec { ports, scopes } = &specs[at];
            let others: Vec<_> = ports.iter().copied().filter(|other| *other != range).collect();
            if !others.is_empty() {
                list.push(&Spec { ports: others, scopes: *scopes });
            }
            let rest: ScopeSet = scopes.iter().filter(|other| *other != scope).collect();
            for scopes in named(rest) {
                list.push(&Spec { ports: vec![range], scopes });
            }
        }
    }
    Ok(document.to_string())
}

/// A set of scopes as sets that have names.
fn named(scopes: ScopeSet) -> Vec<ScopeSet> {
    match scopes.name() {
        Some(_) => vec![scopes],
        None => scopes.iter().map(ScopeSet::from).collect(),
    }
}

/// The ports of `range` that the file reserves or blocks for `scope`.
fn met(document: &DocumentMut, scope: Scope, range: PortRange) -> Result<PortSet, EditError> {
    let mut met = PortSet::new();
    for key in [RESERVE, "block"] {
        let Some(item) = document.get(key) else { continue };
        for spec in specs(item)?.into_iter().filter(|spec| spec.scopes.contains(scope)) {
            spec.ports.iter().filter_map(|ports| ports.intersect(range)).for_each(|ports| met.insert(ports));
        }
    }
    Ok(met)
}

/// The file's list of reserved ports, in one of the two forms that can grow.
enum List<'a> {
    /// `reserve = ["4000-4010/tcp"]`
    Values(&'a mut Array),
    /// `[[reserve]]`
    Tables(&'a mut ArrayOfTables),
}

impl<'a> List<'a> {
    fn of(document: &'a mut DocumentMut) -> Result<Self, EditError> {
        let item = document.entry(RESERVE).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        match item {
            Item::Value(value) if !value.is_array() => {
                let mut array = Array::new();
                // What stands behind the value, a comment perhaps, stays behind the list.
                let decor = std::mem::take(value.decor_mut());
                array.push_formatted(value.clone());
                *value = Value::Array(array);
                *value.decor_mut() = decor;
            }
            Item::Table(table) => {
                let mut tables = ArrayOfTables::new();
                tables.push(std::mem::take(table));
                *item = Item::ArrayOfTables(tables);
            }
            _ => {}
        }
        match item {
            Item::Value(Value::Array(array)) => Ok(Self::Values(array)),
            Item::ArrayOfTables(tables) => Ok(Self::Tables(tables)),
            _ => Err(EditError::Unreadable),
        }
    }

    fn specs(&self) -> Result<Vec<Spec>, EditError> {
        match self {
            Self::Values(array) => array.iter().map(spec_of).collect(),
            Self::Tables(tables) => tables.iter().map(spec_in).collect(),
        }
    }

    fn push(&mut self, spec: &Spec) {
        match self {
            Self::Values(array) => array.push(spec.to_string()),
            Self::Tables(tables) => {
                let ports = Spec { ports: spec.ports.clone(), scopes: ScopeSet::ALL };
                let mut table = Table::new();
                table.insert("ports", toml_edit::value(ports.to_string()));
                if spec.scopes != ScopeSet::ALL {
                    table.insert("scope", toml_edit::value(spec.scopes.to_string()));
                }
                tables.push(table);
            }
        }
    }

    fn remove(&mut self, at: usize) {
        match self {
            Self::Values(array) => drop(array.remove(at)),
            Self::Tables(tables) => drop(tables.remove(at)),
        }
    }
}

/// Ports that an item reserves or blocks, in whatever form it is written.
fn specs(item: &Item) -> Result<Vec<Spec>, EditError> {
    match item {
        Item::None => Ok(Vec::new()),
        Item::Value(Value::Array(array)) => array.iter().map(spec_of).collect(),
        Item::Value(value) => spec_of(value).map(|spec| vec![spec]),
        Item::Table(table) => spec_in(table).map(|spec| vec![spec]),
        Item::ArrayOfTables(tables) => tables.iter().map(spec_in).collect(),
    }
}

fn spec_of(value: &Value) -> Result<Spec, EditError> {
    match value {
        Value::InlineTable(table) => spec_in::<InlineTable>(table),
        value => text_of(value).and_then(|text| text.parse().ok()).ok_or(EditError::Unreadable),
    }
}

fn spec_in<T: TableLike>(table: &T) -> Result<Spec, EditError> {
    let text = |key: &str| table.get(key).and_then(Item::as_value).and_then(text_of);
    let scopes = match text("scope") {
        Some(name) => spec::scope(&name, 0).map_err(|_| EditError::Unreadable)?,
        None => ScopeSet::ALL,
    };
    let ports = text("ports").and_then(|text| spec::ports(&text, 0).ok());
    Ok(Spec { ports: ports.ok_or(EditError::Unreadable)?, scopes })
}

/// A string, or a number as one.
fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|number| number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netsh::{Ask, Command};

    fn edit(text: &str, command: &str) -> Result<String, EditError> {
        edit_or_begin(Some(text), command)
    }

    fn edit_or_begin(text: Option<&str>, command: &str) -> Result<String, EditError> {
        let Command { scope, ask, .. } = command.parse().unwrap();
        let Ask::Change(change, range) = ask else { panic!("{command} changes nothing") };
        edited(text, scope, change, range)
    }

    #[test]
    fn a_new_file_is_vistas() {
        let command = "int ipv4 set dynamicport tcp start=10000 num=1000";
        assert_eq!(
            edit_or_begin(None, command).unwrap(),
            "preset = \"windows-vista\"\n\n[dynamic]\ntcp4 = \"10000-10999\"\n"
        );
    }

    #[test]
    fn what_is_there_stays_as_it_is_written() {
        for (before, command, after) in [
            (
                "# mine\nseed = 7 # always\n\n[dynamic]\nall = \"20000-29999\"\n",
                "int ipv6 set dynamicport udp 1025 3976",
                "# mine\nseed = 7 # always\n\n[dynamic]\nall = \"20000-29999\"\nudp6 = \"1025-5000\"\n",
            ),
            (
                "dynamic.tcp4 = \"20000-29999\" # wide\n",
                "int ipv4 set dynamicport tcp 1025 3976",
                "dynamic.tcp4 = \"1025-5000\" # wide\n",
            ),
            (
                "seed = 7\n",
                "int ipv4 add excludedportrange tcp 8080 1",
                "seed = 7\n\n[[reserve]]\nports = \"8080\"\nscope = \"tcp4\"\n",
            ),
            (
                "reserve = \"9000\" # the console\n",
                "int ipv4 add excludedportrange tcp 8080 10",
                "reserve = [\"9000\", \"8080-8089/tcp4\"] # the console\n",
            ),
            (
                "[[reserve]]\nports = \"4000-4010,8080\"\nscope = \"tcp\"\n# more\n[[reserve]]\nports = 5000\n",
                "int ipv4 delete excludedportrange tcp 8080 1",
                "# more\n[[reserve]]\nports = 5000\n\n[[reserve]]\nports = \"4000-4010\"\nscope = \"tcp\"\n\n[[reserve]]\nports = \"8080\"\nscope = \"tcp6\"\n",
            ),
            (
                "reserve = [\"80\", { ports = 81, scope = \"udp4\" }]\n",
                "int ipv4 delete excludedportrange udp 81 1",
                "reserve = [\"80\"]\n",
            ),
            (
                "reserve = [80]\n",
                "int ipv4 delete excludedportrange udp 80 1",
                "reserve = [\"80/tcp4\", \"80/tcp6\", \"80/udp6\"]\n",
            ),
        ] {
            assert_eq!(edit(before, command).as_deref(), Ok(after), "{before}\n{command}");
        }
    }

    #[test]
    fn what_windows_refuses_is_refused() {
        let file = "reserve = \"4000-4010/tcp\"\n[[block]]\nports = \"6000-6010\"\n";
        let met = |text: &str| Err(EditError::Meets(spec::ports(text, 0).unwrap().into_iter().collect()));
        for (command, expected) in [
            ("int ipv4 add excludedportrange tcp 4010 5", met("4010")),
            ("int ipv6 add excludedportrange udp 5990 20", met("6000-6009")),
            ("int ipv4 delete excludedportrange tcp 4000 10", Err(EditError::Missing)),
            ("int ipv4 delete excludedportrange udp 4000 11", Err(EditError::Missing)),
        ] {
            assert_eq!(edit(file, command), expected, "{command}");
        }
        assert!(edit(file, "int ipv4 add excludedportrange udp 4000 11").is_ok());
        for broken in ["reserve = [", "reserve = true", "[[reserve]]\nscope = \"tcp\""] {
            let command = "int ipv4 delete excludedportrange tcp 80 1";
            assert_eq!(edit(broken, command), Err(EditError::Unreadable), "{broken}");
        }
    }
}
