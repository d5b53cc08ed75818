//! What is said of a command line that cannot be understood.

use crate::failure::Failure;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// The parser's error in our words; `args` are what it is about.
pub(super) fn failure(e: &Error, args: &[OsString]) -> Failure {
    if e.kind() == ErrorKind::UnknownArgument
        && let Some(slip) = slip(args)
    {
        return slip;
    }
    let context = |kind| e.get(kind).map(text).unwrap_or_default();
    let (argument, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    // `--range <SPEC>`, as help writes it: the name alone is what the user knows.
    let name = argument.split(' ').next().unwrap_or_default();
    let placeholder = argument.rsplit(' ').next().unwrap_or_default().trim_matches(['<', '>', '.']);
    let problem = match e.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => format!("there is no option `{argument}`"),
        ErrorKind::UnknownArgument => format!("`{argument}` is one argument too many"),
        ErrorKind::InvalidSubcommand => format!("there is no command `{}`", context(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing".into()
        }
        ErrorKind::MissingRequiredArgument => format!("{placeholder} is missing"),
        ErrorKind::ArgumentConflict => format!("`{name}` is given more than once"),
        ErrorKind::InvalidValue if value.is_empty() => format!("`{name}` needs a value"),
        ErrorKind::InvalidValue => {
            format!("`{value}`: there is no such {}", placeholder.to_lowercase())
        }
        ErrorKind::NoEquals => format!("`{name}` takes its value after `=`"),
        ErrorKind::TooManyValues => format!("`{name}` takes no value `{value}`"),
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".into(),
        _ => e.render().to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().into(),
    };
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| e.get(kind).map(nearest));
    let valid = context(ContextKind::ValidValue);
    let help = match suggested {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        // `portshim java …` and `portshim --range … -- CMD` leave out the command.
        None if is_run_left_out(e.kind(), args) => {
            "to run a program, write `portshim run [POLICY] -- CMD [ARG…]`".into()
        }
        None if !valid.is_empty() => format!("write one of {valid}"),
        None => "`portshim --help` and `portshim COMMAND --help` explain by example".into(),
    };
    Failure::new(problem, help)
}

/// Whether a program, or an option of `run`, stands where the command should.
fn is_run_left_out(kind: ErrorKind, args: &[OsString]) -> bool {
    let is_option = args.get(1).is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
    kind == ErrorKind::InvalidSubcommand || kind == ErrorKind::UnknownArgument && is_option
}

/// What is wrong with an option that is none, where that can be told.
fn slip(args: &[OsString]) -> Option<Failure> {
    let words = || args.iter().skip(1).take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let command = words().next()?;
    let table = super::table();
    let command = table.find_subcommand(command)?;
    // `-range 80` is read as `-r`, and so on.
    let mut names = words().filter(|word| word.len() > 2).filter_map(|word| word.strip_prefix('-')?.split('=').next());
    let long = |word: &&str| command.get_arguments().any(|arg| arg.get_long() == Some(*word));
    if let Some(word) = names.find(long) {
        return Some(Failure::new(format!("there is no option `-{word}`"), format!("did you mean `--{word}`?")));
    }
    // Nothing is as near to it in letters as `--report`.
    let port = words().find(|word| ["--port", "--ports"].contains(&word.split('=').next().unwrap_or_default()));
    if let Some(word) = port.filter(|_| long(&"range")) {
        let name = word.split('=').next().unwrap_or_default();
        return Some(Failure::new(format!("there is no option `{name}`"), "did you mean `--range`?"));
    }
    let file = words().find(|word| ["-c", "--policy"].contains(word)).filter(|_| command.get_name() == "check")?;
    Some(Failure::new(format!("there is no option `{file}`"), "write `portshim check FILE`"))
}

/// The likeliest name.
fn nearest(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(names) => names.last().cloned().unwrap_or_default(),
        other => text(other),
    }
}

fn text(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        other => other.to_string(),
    }
}
