//! Origin of a value.

use core::fmt;
use serde::Serialize;
use std::sync::Arc;

/// Origin of a value. In JSON: an object whose `kind` is the variant's name in kebab-case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Origin {
    /// A command line option, such as `--range 20000-20009`.
    Option {
        /// The option's name with its dashes.
        option: &'static str,
        /// Its value, as given.
        value: String,
    },
    /// An environment variable, such as `PORTSHIM_RANGE=20000-20009`.
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// Its value, as given.
        value: String,
    },
    /// A place in a policy file.
    File {
        /// The file's name, as given.
        file: String,
        /// The dotted path of the key, such as `windows.reserved-ports`; empty for a place outside
        /// any.
        key: String,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// Number of characters the place takes up; those past the line's end do not count.
        #[serde(skip)]
        width: usize,
        /// The text of the line, which all places on it share.
        #[serde(skip)]
        source: Arc<str>,
    },
    /// A setting of the host.
    Host {
        /// Name of the setting.
        setting: &'static str,
    },
    /// The preset's own value.
    Preset {
        /// The preset's name.
        name: &'static str,
        /// Source of the value.
        source: &'static str,
    },
    /// Nobody asked for anything.
    Default,
}

/// One line: `--range 20000-20009`, `windows.reserved-ports (policy.toml, line 7)`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option { option, value } if value.trim().is_empty() => write!(f, "{option} '{value}'"),
            Self::Option { option, value } => write!(f, "{option} {value}"),
            Self::Environment { variable, value } => write!(f, "{variable}={value}"),
            Self::File { file, key, line, .. } if key.is_empty() => write!(f, "{file}, line {line}"),
            Self::File { file, key, line, .. } => write!(f, "{key} ({file}, line {line})"),
            Self::Host { setting } => write!(f, "{setting} of this host"),
            Self::Preset { name, source } => write!(f, "preset {name} ({source})"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Origin {
    /// This place, narrowed to `width` characters that begin `at` characters into it.
    pub(crate) fn narrowed(&self, at: usize, width: usize) -> Self {
        let mut narrowed = self.clone();
        if let Self::File { column, width: old, .. } = &mut narrowed {
            *column += at;
            *old = width.max(1);
        }
        narrowed
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Origin of it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// `value`, from `origin`.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    pub(crate) fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Sourced<U> {
        Sourced { value: f(&self.value), origin: self.origin.clone() }
    }
}
