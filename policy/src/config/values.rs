//! Kinds of values that keys take: how each is read from text, and written.

use super::messages;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use crate::model::{Order, Preset, Sharing};
use crate::ports::spec::{self, Spec, SpecError};
use crate::ports::{PortRange, ScopeSet};
use crate::region::MAX_GLOB;
use core::fmt::Write;
use core::str::FromStr;
use strum::{EnumTryAs, VariantNames};

/// Ports that a source speaks of, and where.
pub(crate) type Ports = Sourced<Spec>;

/// A value that is no SPEC.
#[derive(Clone, Debug, EnumTryAs, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    Switch(bool),
    Order(Order),
    Sharing(Sharing),
    Text(String),
    /// Ports for all scopes, in a system's own syntax.
    Ports(Vec<PortRange>),
}

/// Reads a value from a policy file, an option or a variable, and blames the place if it cannot.
pub(super) type Read = fn(&str, &Origin) -> Result<Value, Problem>;

/// Kind of a key's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The model underneath.
    Preset,
    /// A string that names something, and the names if they are known.
    Word { read: Read, names: &'static [&'static str] },
    /// An integer; `system` reads it as the setting of a running system has it.
    Number { read: Read, system: fn(&str) -> Result<u64, SpecError> },
    /// `true` or `false`, which a system writes as a number.
    Switch,
    /// A string of ports in a system's own syntax.
    Ports(Syntax),
    /// An array of such strings.
    Lines(Syntax),
    /// SPECs. They add up.
    Specs,
    /// SPECs, in a file by scope.
    Scopes,
    /// A section of its own.
    Table,
}

/// A system's own syntax for ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) read: fn(&str) -> Result<Vec<PortRange>, SpecError>,
    pub(crate) write: fn(&[PortRange]) -> String,
}

impl Kind {
    /// Reads one value. The preset and SPECs are kept apart from values, and are read by
    /// functions of their own.
    pub(crate) fn read(self, text: &str, origin: &Origin) -> Result<Option<Value>, Problem> {
        Ok(Some(match self {
            Self::Word { read, .. } | Self::Number { read, .. } => read(text, origin)?,
            Self::Switch => Value::Switch(switch(text, origin)?),
            Self::Ports(syntax) | Self::Lines(syntax) => {
                Value::Ports((syntax.read)(text).map_err(|e| messages::spec(origin, text, &e))?)
            }
            Self::Preset | Self::Specs | Self::Scopes | Self::Table => return Ok(None),
        }))
    }

    /// Reads the setting of a running system.
    pub(crate) fn read_system(self, text: &str) -> Result<Option<Value>, SpecError> {
        Ok(Some(match self {
            Self::Number { system, .. } => Value::Number(system(text)?),
            Self::Switch => Value::Switch(decimal(text)? != 0),
            Self::Ports(syntax) => Value::Ports((syntax.read)(text)?),
            _ => return Ok(None),
        }))
    }

    /// Writes a value as TOML.
    pub(crate) fn written(self, value: &Value) -> String {
        match (value, self) {
            (Value::Number(number), _) => number.to_string(),
            (Value::Switch(on), _) => on.to_string(),
            (Value::Order(order), _) => quoted(order.into()),
            (Value::Sharing(sharing), _) => quoted(sharing.into()),
            (Value::Text(text), _) => quoted(text),
            (Value::Ports(ports), Self::Ports(syntax) | Self::Lines(syntax)) => quoted(&(syntax.write)(ports)),
            (Value::Ports(ports), _) => quoted(&joined(ports)),
        }
    }

    /// Names that the value is one of; none if it is no name, or any.
    #[must_use]
    pub(crate) fn names(self) -> Vec<&'static str> {
        match self {
            Self::Preset => Preset::ALL.iter().map(|preset| preset.name).collect(),
            Self::Word { names, .. } => names.to_vec(),
            _ => Vec::new(),
        }
    }
}

impl Value {
    pub(crate) fn ports(&self) -> Option<Spec> {
        if let Self::Ports(ports) = self { Some(Spec { ports: ports.clone(), scopes: ScopeSet::ALL }) } else { None }
    }
}

pub(super) fn preset(text: &str, origin: &Origin) -> Result<Sourced<&'static Preset>, Problem> {
    let preset = Preset::named(text).ok_or_else(|| messages::unknown_preset(origin, text))?;
    Ok(Sourced::new(preset, origin.clone()))
}

fn switch(text: &str, origin: &Origin) -> Result<bool, Problem> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(messages::unknown(origin, "value", text, &[], ["true", "false"])),
    }
}

/// Reads the word for one of a kind.
pub(super) fn word<T: FromStr + VariantNames>(what: &str, text: &str, origin: &Origin) -> Result<T, Problem> {
    text.parse().map_err(|_| messages::unknown(origin, what, text, T::VARIANTS, T::VARIANTS.iter().copied()))
}

/// Reads a number up to `most`; `problem` words what is none.
pub(super) fn number(
    text: &str,
    origin: &Origin,
    most: u64,
    problem: fn(&Origin, &str) -> Problem,
) -> Result<Value, Problem> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number <= most);
    number.map(Value::Number).ok_or_else(|| problem(origin, text))
}

/// Reads a program's name with `*` and `?`. The session's memory and the environment form have no
/// place for more bytes, nor for the characters that are refused.
pub(super) fn glob(text: &str, origin: &Origin) -> Result<Value, Problem> {
    if text.is_empty() {
        return Err(messages::empty_glob(origin));
    }
    if let Some((at, found)) = text.chars().enumerate().find(|(_, c)| matches!(c, ':' | '/' | '\0')) {
        return Err(messages::glob_with(&origin.narrowed(at, 1), found, text));
    }
    if text.len() > MAX_GLOB {
        return Err(messages::long_glob(origin, text.len()));
    }
    Ok(Value::Text(text.to_owned()))
}

pub(super) fn spec(text: &str, origin: &Origin) -> Result<Ports, Problem> {
    match text.parse() {
        Ok(spec) => Ok(Sourced::new(spec, origin.clone())),
        Err(e) => Err(messages::ports(origin, text, &e)),
    }
}

/// Reads ports for `scopes`, which are named elsewhere.
pub(super) fn ports(text: &str, scopes: ScopeSet, origin: &Origin) -> Result<Ports, Problem> {
    match spec::ports(text, 0) {
        Ok(ports) => Ok(Sourced::new(Spec { ports, scopes }, origin.clone())),
        Err(e) => Err(messages::ports(origin, text, &e)),
    }
}

/// Reads a number as FreeBSD writes it.
pub(super) fn decimal(text: &str) -> Result<u64, SpecError> {
    let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or_else(|| SpecError {
        part: text.into(),
        at: 0,
        problem: "this is not a number".into(),
        remedy: "write a port's number in decimal digits; a comment stands on a line of its own".into(),
    })
}

/// Ranges with commas between: `80,4000-4999`.
pub(super) fn joined<'a>(ranges: impl IntoIterator<Item = &'a PortRange>) -> String {
    let mut text = String::new();
    for range in ranges {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{range}", if text.is_empty() { "" } else { "," });
    }
    text
}

/// Text as a string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_yes_or_no() {
        let origin = Origin::Default;
        let read = |text| switch(text, &origin).map_err(|problem| problem.to_string());
        assert_eq!((read("true"), read("1"), read("false"), read("0")), (Ok(true), Ok(true), Ok(false), Ok(false)));
        assert!(read("maybe").unwrap_err().contains("write one of true, false"), "{:?}", read("maybe"));
    }
}
