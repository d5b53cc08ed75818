//! Form of the rows of [the commands](super::commands) and of [the flags](super::flags).

use super::options::Options;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use portshim_policy::config::Key;
use std::ffi::{OsStr, OsString};
use strum::IntoStaticStr;

/// Command of portshim.
#[derive(Clone, Copy, Debug, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Command {
    Run,
    Show,
    Presets,
    Check,
    Schema,
    Explain,
    Env,
    Capture,
    Import,
    Doctor,
    Ps,
    Status,
    Top,
    Metrics,
    Who,
    Reserve,
    Unreserve,
    Block,
    Unblock,
    Exhaust,
    Only,
    Release,
    Collide,
    Netsh,
    Completions,
    Man,
}

/// A command.
pub(super) struct CommandRow {
    pub(super) command: Command,
    /// Help in one line.
    pub(super) about: &'static str,
    /// Text that long help and the man page have besides.
    pub(super) more: &'static str,
    /// Worked examples, with what stands below them.
    pub(super) examples: &'static [&'static str],
    /// Usage line, where it is not the usual one.
    pub(super) usage: Option<&'static str>,
    pub(super) operand: Option<Operand>,
}

impl CommandRow {
    pub(super) fn name(&self) -> &'static str {
        self.command.into()
    }
}

/// Argument behind a command's flags.
pub(super) struct Operand {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) number: Number,
    pub(super) choices: Choices,
    /// Takes one of them.
    pub(super) put: Put,
}

/// Number of times that an operand may be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// Once, or not at all.
    Optional,
    One,
    /// Any number of times, with flags between them.
    Any,
    /// Once or more, with flags between them.
    Several,
    /// Once or more: whatever follows the first, flags too, belongs to it.
    Rest,
    /// Once, with flags behind it; whatever follows the second belongs to that.
    OneAndRest,
}

impl Number {
    /// Tells whether the operand may be left out.
    pub(super) fn may_be_none(self) -> bool {
        matches!(self, Self::Optional | Self::Any)
    }
}

/// A flag.
#[derive(Clone, Copy)]
pub(super) struct Flag {
    /// The long form, without `--`.
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    pub(super) takes: Takes,
    pub(super) help: &'static str,
    pub(super) choices: Choices,
    /// The environment variable that stands for it.
    pub(super) variable: Option<&'static str>,
    /// The heading that help lists it under.
    pub(super) heading: Option<&'static str>,
    /// The commands that have it; all have it where none is named, and it may stand before them as
    /// well. A row for one system alone has a `#[cfg]`.
    pub(super) on: &'static [Command],
}

/// Value of a flag, and the field that it goes to.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    Nothing(fn(&mut Options) -> &mut bool),
    /// A value, of this name in help. It does not begin with `-`.
    Value(&'static str, Put),
    /// A value that may be left out, and stands behind `=` where it is not; and what stands for it
    /// then.
    Optional(&'static str, &'static str, Put),
    /// The value of a key of the policy, of this name in help. It may begin with `-`.
    Key(&'static str, &'static Key),
}

/// Takes a value; says why it cannot be taken.
pub(super) type Put = fn(&mut Options, OsString) -> Result<(), Refused>;

/// Reason why a value cannot be taken.
pub(super) enum Refused {
    Empty,
    NotUtf8,
    /// It is none of the words.
    NoChoice,
}

/// The words that a value is one of.
#[derive(Clone, Copy)]
pub(super) enum Choices {
    /// Any text.
    Any,
    /// The path of a file or folder.
    Path,
    /// Value of a key: its names, which help and completions list, or text that names no file. What
    /// is typed is judged where policies are read.
    Key(&'static Key),
    /// Words that completions list, and help does not; what is typed is judged elsewhere.
    Offered(fn() -> Vec<&'static str>),
    /// Words, and help for each: no other is taken. Capitals and small letters are alike.
    OneOf(fn() -> Vec<PossibleValue>),
}

/// The words that name the values of a kind, and their help.
pub(super) fn choices<T: ValueEnum>() -> Vec<PossibleValue> {
    T::value_variants().iter().filter_map(T::to_possible_value).collect()
}

/// A value that is one of them.
pub(super) fn choice<T: ValueEnum>(value: &OsStr) -> Result<T, Refused> {
    T::from_str(&value.to_string_lossy(), true).map_err(|_| Refused::NoChoice)
}

/// A value that is text.
pub(super) fn text(value: OsString) -> Result<String, Refused> {
    value.into_string().map_err(|_| Refused::NotUtf8)
}

/// A value that is a path.
pub(super) fn path(value: OsString) -> Result<std::path::PathBuf, Refused> {
    if value.is_empty() { Err(Refused::Empty) } else { Ok(value.into()) }
}
