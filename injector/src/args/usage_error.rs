//! Errors of a command line that cannot be understood.

use super::commands::COMMANDS;
use super::flags;
use super::table::{Command, CommandRow};
use crate::messages::Failure;
use std::ffi::OsString;

/// Likeness of two words, from 0 to 1, where one may be meant by the other.
const ALIKE: f64 = 0.7;

/// Mistake in a command line.
#[derive(Debug)]
pub(super) enum Slip {
    NoCommandGiven,
    NoCommand(String),
    NoFlag { name: String, meant: Option<&'static str>, command: Option<Command> },
    OneTooMany(String),
    Missing(&'static str),
    Repeated(String),
    NeedsValue(String, Vec<String>),
    TakesNoValue { name: String, value: String },
    NoChoice { value: String, placeholder: &'static str, choices: Vec<String> },
    NotUtf8,
}

impl Slip {
    /// A flag that the command does not have.
    pub(super) fn no_flag(name: String, command: Option<Command>) -> Self {
        let others = if command.is_some() { &["help"][..] } else { &["help", "version"] };
        let flags = flags::of(command).map(|flag| flag.long);
        let meant = name.strip_prefix("--").and_then(|name| nearest(name, flags.chain(others.iter().copied())));
        Self::NoFlag { name, meant, command }
    }
}

impl From<lexopt::Error> for Slip {
    fn from(e: lexopt::Error) -> Self {
        match e {
            lexopt::Error::UnexpectedValue { option, value } => {
                Self::TakesNoValue { name: option, value: value.to_string_lossy().into() }
            }
            lexopt::Error::MissingValue { option } => Self::NeedsValue(option.unwrap_or_default(), Vec::new()),
            _ => Self::NotUtf8,
        }
    }
}

/// The slip in words; `args` are what it is about.
pub(super) fn failure(slip: &Slip, args: &[OsString]) -> Failure {
    if matches!(slip, Slip::NoFlag { .. })
        && let Some(failure) = slip_of_the_hand(args)
    {
        return failure;
    }
    let problem = match slip {
        Slip::NoCommandGiven => "a command is missing".into(),
        Slip::NoCommand(name) => format!("there is no command `{name}`"),
        Slip::NoFlag { name, .. } => format!("there is no option `{name}`"),
        Slip::OneTooMany(argument) => format!("`{argument}` is one argument too many"),
        Slip::Missing(placeholder) => format!("{placeholder} is missing"),
        Slip::Repeated(name) => format!("`{name}` is given more than once"),
        Slip::NeedsValue(name, _) => format!("`{name}` needs a value"),
        Slip::TakesNoValue { name, value } => format!("`{name}` takes no value `{value}`"),
        Slip::NoChoice { value, placeholder, .. } => {
            format!("`{value}`: there is no such {}", placeholder.to_lowercase())
        }
        Slip::NotUtf8 => "an argument is not valid UTF-8".into(),
    };
    let meant = match slip {
        Slip::NoCommand(name) => nearest(name, COMMANDS.iter().map(CommandRow::name)).map(str::to_owned),
        Slip::NoFlag { meant, .. } => meant.map(|meant| format!("--{meant}")),
        Slip::NoChoice { value, choices, .. } => nearest(value, choices.iter().map(String::as_str)).map(str::to_owned),
        _ => None,
    };
    let help = match (meant, slip) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        // `portshim java …` and `portshim --range … -- CMD` leave out the command.
        (None, _) if is_run_left_out(slip) => "to run a program, write `portshim run [POLICY] -- CMD [ARG…]`".into(),
        (None, Slip::NoChoice { choices, .. } | Slip::NeedsValue(_, choices)) if !choices.is_empty() => {
            format!("write one of {}", choices.join(", "))
        }
        _ => "`portshim --help` and `portshim COMMAND --help` explain by example".into(),
    };
    Failure::new(problem, help)
}

/// Tells whether a program, or an option of `run`, stands where the command should.
fn is_run_left_out(slip: &Slip) -> bool {
    matches!(slip, Slip::NoCommand(_) | Slip::NoFlag { command: None, .. })
}

/// Problem with an option that is none, where that is nothing that its letters tell.
fn slip_of_the_hand(args: &[OsString]) -> Option<Failure> {
    let words = || args.iter().skip(1).take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let command = words().next()?;
    let command = COMMANDS.iter().find(|row| row.name() == command)?.command;
    let has = |name: &str| flags::of(Some(command)).any(|flag| flag.long == name);
    // `-range 80` is read as `-r`, and so on.
    let mut names = words().filter(|word| word.len() > 2).filter_map(|word| word.strip_prefix('-')?.split('=').next());
    if let Some(word) = names.find(|name| has(name)) {
        return Some(Failure::new(format!("there is no option `-{word}`"), format!("did you mean `--{word}`?")));
    }
    // Nothing is as near to it in letters as `--report`.
    let port = words().find(|word| ["--port", "--ports"].contains(&word.split('=').next().unwrap_or_default()));
    if let Some(word) = port.filter(|_| has("range")) {
        let name = word.split('=').next().unwrap_or_default();
        return Some(Failure::new(format!("there is no option `{name}`"), "did you mean `--range`?"));
    }
    let file = words().find(|word| ["-c", "--policy"].contains(word)).filter(|_| command == Command::Check)?;
    Some(Failure::new(format!("there is no option `{file}`"), "write `portshim check FILE`"))
}

/// The word that is most like this one, if any is like it.
fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = words.map(|known| (strsim::jaro(word, known), known)).filter(|(alike, _)| *alike > ALIKE);
    alike.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}
