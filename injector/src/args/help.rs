//! The tables as a clap command, which help, man pages and completions are made from. Nothing of
//! this is touched where a command is carried out.

use super::commands::{self, COMMANDS};
use super::table::{Choices, Command, CommandRow, Flag, Number, Operand, Takes};
use super::{examples, flags};
use clap::builder::{PossibleValuesParser, Styles};
use clap::{Arg, ArgAction, ValueHint, value_parser};
use std::ffi::OsString;

/// Greatest width of help, in characters.
const WIDTH: usize = 100;

/// The text of `--help`, or of `-h`, which is the shorter one.
pub(super) fn text(command: Option<Command>, long: bool, coloured: bool) -> String {
    let mut portshim = clap_command().styles(if coloured { Styles::styled() } else { Styles::plain() });
    portshim.build();
    let shown = match command.map(|command| command.row().name()) {
        Some(name) => portshim.find_subcommand_mut(name).unwrap_or_else(|| unreachable!("it was made from the table")),
        None => &mut portshim,
    };
    let text = if long { shown.render_long_help() } else { shown.render_help() };
    text.ansi().to_string()
}

/// The text of `--version`.
pub(super) fn version() -> String {
    format!("{} {}\n", commands::PORTSHIM, env!("CARGO_PKG_VERSION"))
}

/// All commands and flags.
pub(crate) fn clap_command() -> clap::Command {
    let portshim = clap::Command::new(commands::PORTSHIM).version(env!("CARGO_PKG_VERSION")).max_term_width(WIDTH);
    described(portshim, commands::ABOUT, commands::MORE, &[examples::PORTSHIM, examples::ANY_PORT])
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .args(flags::of(None).map(flag))
        .subcommands(COMMANDS.iter().map(subcommand))
}

fn subcommand(row: &CommandRow) -> clap::Command {
    let command = described(clap::Command::new(row.name()), row.about, row.more, row.examples);
    let command = command.args(flags::of(Some(row.command)).map(flag)).args(row.operand.as_ref().map(operand));
    match row.usage {
        Some(usage) => command.override_usage(usage),
        None => command,
    }
}

fn described(command: clap::Command, about: &'static str, more: &str, examples: &[&str]) -> clap::Command {
    let command = command.about(about).after_help(examples.join("\n\n"));
    if more.is_empty() { command } else { command.long_about(format!("{about}\n\n{more}")) }
}

fn flag(flag: Flag) -> Arg {
    let mut help = flag.help.to_owned();
    if let Choices::Key(key) = flag.choices
        && !key.names().is_empty()
    {
        help += &format!(": {}", key.names().join(", "));
    }
    if matches!(flag.takes, Takes::Key(_, key) if key.repeatable()) {
        help += "; may be repeated";
    }
    if let Some(variable) = flag.variable {
        help += &format!("\n[env: {variable}]");
    }
    let arg = Arg::new(flag.long).long(flag.long).help(help).help_heading(flag.heading);
    let arg = match flag.short {
        Some(letter) => arg.short(letter),
        None => arg,
    };
    match flag.takes {
        Takes::Nothing(_) => arg.action(ArgAction::SetTrue),
        Takes::Value(name, _) => choosing(arg.value_name(name), flag.choices),
        Takes::Optional(name, ..) => choosing(arg.value_name(name), flag.choices).num_args(0..=1).require_equals(true),
        Takes::Key(name, key) => {
            let action = if key.repeatable() { ArgAction::Append } else { ArgAction::Set };
            choosing(arg.value_name(name), flag.choices).action(action)
        }
    }
}

fn operand(operand: &Operand) -> Arg {
    let arg = Arg::new(operand.name).value_name(operand.name).help(operand.help);
    let arg = choosing(arg, operand.choices).required(!operand.number.may_be_none());
    match operand.number {
        Number::Optional | Number::One => arg,
        Number::Any => arg.num_args(0..),
        Number::Several => arg.num_args(1..),
        Number::OneAndRest => arg.num_args(1..),
        Number::Rest => arg.num_args(1..).trailing_var_arg(true),
    }
}

fn offered(arg: Arg, words: Vec<&'static str>) -> Arg {
    arg.value_parser(PossibleValuesParser::new(words)).hide_possible_values(true)
}

fn choosing(arg: Arg, choices: Choices) -> Arg {
    match choices {
        Choices::Any => arg.value_parser(value_parser!(OsString)),
        Choices::Path => arg.value_hint(ValueHint::AnyPath),
        Choices::Key(key) if key.names().is_empty() => arg.value_hint(ValueHint::Other),
        Choices::Key(key) => offered(arg, key.names()),
        Choices::Offered(words) => offered(arg, words()),
        Choices::OneOf(words) => arg.value_parser(PossibleValuesParser::new(words())),
    }
}
