//! Wishes of one source: the options, the environment, or one policy file.

use super::keys::Key;
use super::origin::{Origin, Sourced};
use super::problem::Problem;
use super::values::{self, Kind, Ports, Value};
use crate::model::Preset;

/// Settings that a source asks for, for all programs or for some, each with its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Parts of [`Kind::Specs`] and [`Kind::Scopes`].
    specs: Vec<(&'static Key, Ports)>,
    values: Vec<(&'static Key, Sourced<Value>)>,
}

impl Wishes {
    /// Takes one value of a key, in place of what it had.
    pub(crate) fn set(&mut self, key: &'static Key, value: Value, origin: Origin) {
        self.clear(key);
        self.add(key, value, origin);
    }

    /// Takes one more value of a key. An empty list of ports asks for nothing.
    pub(crate) fn add(&mut self, key: &'static Key, value: Value, origin: Origin) {
        if value != Value::Ports(Vec::new()) {
            self.values.push((key, Sourced::new(value, origin)));
        }
    }

    /// Forgets what a key had.
    pub(crate) fn clear(&mut self, key: &'static Key) {
        self.values.retain(|(of, _)| *of != key);
    }

    /// Takes ports. They add up.
    pub(crate) fn add_ports(&mut self, key: &'static Key, ports: Ports) {
        self.specs.push((key, ports));
    }

    /// The ports that a key has.
    pub(crate) fn ports(&self, key: &'static Key) -> impl Iterator<Item = &Ports> + Clone {
        self.specs.iter().filter(move |(of, _)| *of == key).map(|(_, ports)| ports)
    }

    /// The values that a key has, in the order in which they were taken.
    pub(crate) fn values(&self, key: &'static Key) -> impl Iterator<Item = &Sourced<Value>> {
        self.values.iter().filter(move |(of, _)| *of == key).map(|(_, value)| value)
    }

    /// A key's value, of the kind that `kind` picks out.
    pub(crate) fn get<T>(&self, key: &'static Key, kind: fn(Value) -> Option<T>) -> Option<Sourced<T>> {
        let Sourced { value, origin } = self.values(key).next()?;
        Some(Sourced::new(kind(value.clone())?, origin.clone()))
    }
}

/// A `[[process]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) glob: Sourced<String>,
    pub(crate) wishes: Wishes,
}

/// Wishes of one source. A file becomes one with [`Layer::from_toml`]; the options together are
/// one, the environment is one, both built word by word with [`Layer::option`] and
/// [`Layer::variable`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    pub(crate) preset: Option<Sourced<&'static Preset>>,
    pub(crate) wishes: Wishes,
    pub(crate) processes: Vec<Process>,
    /// Notes on the source.
    pub(crate) notes: Vec<Problem>,
    /// Problem to be told of where the layer's preset, which had to be guessed, is the one that
    /// holds.
    pub(crate) guess: Option<Problem>,
}

impl Layer {
    /// A layer that asks for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The model that it asks for.
    #[must_use]
    pub fn preset(&self) -> Option<&'static Preset> {
        self.preset.as_ref().map(|preset| preset.value)
    }

    /// Adds one occurrence of a key's option with its value. One that is not
    /// [repeatable](Key::repeatable) replaces what was there. A key without an option goes by its
    /// name.
    ///
    /// # Errors
    /// A [`Problem`] that names the option and the offending part.
    pub fn option(&mut self, key: &'static Key, value: &str) -> Result<(), Problem> {
        let option = key.option.map_or(key.name, |option| option.name);
        let origin = Origin::Option { option, value: value.into() };
        self.set(key, if key.repeatable() { value } else { value.trim() }, &origin)
    }

    /// Adds the value of a key's environment variable. A variable of ports may hold several SPECs,
    /// separated by white space. An empty value asks for nothing.
    ///
    /// # Errors
    /// Every [`Problem`]; each names the variable and the offending part.
    pub fn variable(&mut self, key: &'static Key, value: &str) -> Result<(), Vec<Problem>> {
        let variable = key.option.map_or(key.name, |option| option.variable);
        let origin = Origin::Environment { variable, value: value.into() };
        let problems: Vec<_> = if key.repeatable() {
            value.split_whitespace().filter_map(|spec| self.set(key, spec, &origin).err()).collect()
        } else if value.trim().is_empty() {
            Vec::new()
        } else {
            self.set(key, value.trim(), &origin).err().into_iter().collect()
        };
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Takes a key's value from text. Those of which there may be several add up.
    pub(super) fn set(&mut self, key: &'static Key, text: &str, origin: &Origin) -> Result<(), Problem> {
        match key.kind {
            Kind::Preset => {
                self.preset = Some(values::preset(text, origin)?);
                self.guess = None;
            }
            Kind::Specs | Kind::Scopes => self.wishes.add_ports(key, values::spec(text, origin)?),
            kind => {
                if let Some(value) = kind.read(text, origin)? {
                    match kind {
                        Kind::Lines(_) => self.wishes.add(key, value, origin.clone()),
                        _ => self.wishes.set(key, value, origin.clone()),
                    }
                }
            }
        }
        Ok(())
    }
}
