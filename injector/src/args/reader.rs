//! Reader of the command line, by the tables.

use super::flags;
use super::options::Options;
use super::table::{COMMANDS, Choices, Command, CommandRow, Flag, Number, Put, Refused, Takes};
use super::usage_error::{self, Slip};
use crate::messages::Failure;
use lexopt::{Arg, Parser};
use portshim_policy::text::Setting;
use std::ffi::{OsStr, OsString};

/// Asks for help with the command that follows.
const HELP: &str = "help";

/// What a command line asks for.
#[derive(Debug)]
pub(super) enum Asked {
    Command(Command, Box<Options>),
    /// Help, with a command or with all of them.
    Help {
        command: Option<Command>,
        long: bool,
    },
    Version,
}

/// Reads the arguments, the first of which is the command's own name.
pub(super) fn read(args: &[OsString]) -> Result<Asked, Failure> {
    if args.get(1).is_some_and(|name| name == HELP) {
        return read(&asking_for_help(args));
    }
    first(args).map_err(|slip| usage_error::failure(&slip, args))
}

/// `portshim help run …` is `portshim run --help`: whatever stands behind the command is not carried out.
fn asking_for_help(args: &[OsString]) -> Vec<OsString> {
    let command = args.get(2).filter(|word| !word.as_encoded_bytes().starts_with(b"-") && *word != HELP);
    args.first().into_iter().chain(command).cloned().chain([OsString::from("--help")]).collect()
}

/// Reads the command's name, or what stands in its place.
fn first(args: &[OsString]) -> Result<Asked, Slip> {
    let Some(word) = args.get(1) else { return Err(Slip::NoCommandGiven) };
    if let Some(row) = COMMANDS.iter().find(|row| word == row.name) {
        return Reader::new(row, &args[2..]).read();
    }
    let mut parser = Parser::from_args(&args[1..]);
    match parser.next() {
        Ok(Some(Arg::Long("help"))) => Ok(Asked::Help { command: None, long: true }),
        Ok(Some(Arg::Short('h'))) => Ok(Asked::Help { command: None, long: false }),
        Ok(Some(Arg::Long("version") | Arg::Short('V'))) => Ok(Asked::Version),
        Ok(Some(Arg::Long(name))) => Err(Slip::no_flag(format!("--{name}"), None)),
        Ok(Some(Arg::Short(letter))) => Err(Slip::no_flag(format!("-{letter}"), None)),
        Ok(Some(Arg::Value(value))) if word == "--" => Err(Slip::OneTooMany(value.to_string_lossy().into())),
        Ok(Some(Arg::Value(value))) => Err(Slip::NoCommand(value.to_string_lossy().into())),
        Ok(None) | Err(_) => Err(Slip::NoCommandGiven),
    }
}

/// The arguments of one command.
struct Reader {
    row: &'static CommandRow,
    parser: Parser,
    options: Options,
    /// The flags that were given.
    given: Vec<&'static str>,
    /// How many operands were.
    operands: usize,
}

impl Reader {
    fn new(row: &'static CommandRow, args: &[OsString]) -> Self {
        let (parser, options) = (Parser::from_args(args), Options::default());
        Self { row, parser, options, given: Vec::new(), operands: 0 }
    }

    fn read(mut self) -> Result<Asked, Slip> {
        let command = self.row.command;
        while let Some(arg) = self.parser.next().map_err(Slip::from)? {
            let (flag, name) = match arg {
                Arg::Long("help") => return Ok(Asked::Help { command: Some(command), long: true }),
                Arg::Short('h') => return Ok(Asked::Help { command: Some(command), long: false }),
                Arg::Long(name) => (flags::of(command).find(|flag| flag.long == name), format!("--{name}")),
                Arg::Short(c) => (flags::of(command).find(|flag| flag.short == Some(c)), format!("-{c}")),
                Arg::Value(value) => {
                    self.operand(value)?;
                    continue;
                }
            };
            self.flag(flag.ok_or_else(|| Slip::no_flag(name, Some(command)))?)?;
        }
        match &self.row.operand {
            Some(operand) if self.operands == 0 && operand.number != Number::Optional => {
                Err(Slip::Missing(operand.name))
            }
            _ => {
                // What is said of them goes by this order.
                let place = |setting: &Setting| Setting::ALL.iter().position(|each| each == setting);
                self.options.policy.settings.sort_by_key(|(setting, _)| place(setting));
                Ok(Asked::Command(command, Box::new(self.options)))
            }
        }
    }

    fn operand(&mut self, value: OsString) -> Result<(), Slip> {
        let extra = || Slip::OneTooMany(value.to_string_lossy().into());
        let Some(operand) = &self.row.operand else { return Err(extra()) };
        if self.operands > 0 && matches!(operand.number, Number::One | Number::Optional) {
            return Err(extra());
        }
        self.operands += 1;
        put(operand.name, operand.name, operand.choices, operand.put, &mut self.options, value)?;
        if operand.number == Number::Rest {
            for value in self.parser.raw_args().map_err(Slip::from)? {
                put(operand.name, operand.name, operand.choices, operand.put, &mut self.options, value)?;
            }
        }
        Ok(())
    }

    fn flag(&mut self, flag: &'static Flag) -> Result<(), Slip> {
        let name = || format!("--{}", flag.long);
        let repeatable = matches!(flag.takes, Takes::Setting(_, setting) if setting.repeatable());
        if self.given.contains(&flag.long) && !repeatable {
            return Err(Slip::Repeated(name()));
        }
        self.given.push(flag.long);
        match flag.takes {
            Takes::Nothing(field) => *field(&mut self.options) = true,
            Takes::Setting(_, setting) => {
                let value = self.parser.value().map_err(|_| Slip::NeedsValue(name()))?;
                self.options.policy.settings.push((setting, value));
            }
            Takes::Value(placeholder, set) => {
                let value = self.value().ok_or_else(|| Slip::NeedsValue(name()))?;
                put(&name(), placeholder, flag.choices, set, &mut self.options, value)?;
            }
            Takes::Optional(placeholder, otherwise, set) => {
                let value = self.parser.optional_value().unwrap_or_else(|| otherwise.into());
                put(&name(), placeholder, flag.choices, set, &mut self.options, value)?;
            }
        }
        Ok(())
    }

    /// The value of a flag: what is attached to it, or the next argument, unless that is a flag.
    fn value(&mut self) -> Option<OsString> {
        let is_value = |next: &OsStr| next == "-" || !next.as_encoded_bytes().starts_with(b"-");
        match self.parser.optional_value() {
            Some(attached) => Some(attached),
            None => self.parser.try_raw_args()?.next_if(is_value),
        }
    }
}

/// Puts a value where it belongs, as the table writes it where it is one of a few words.
fn put(
    name: &str,
    placeholder: &'static str,
    choices: Choices,
    put: Put,
    options: &mut Options,
    value: OsString,
) -> Result<(), Slip> {
    let value = match choices {
        Choices::OneOf(words) => {
            let words: Vec<_> = words().into_iter().map(|(word, _)| word).collect();
            match words.iter().find(|word| value.eq_ignore_ascii_case(word)) {
                Some(word) => OsString::from(word),
                None if value.is_empty() => return Err(Slip::NeedsValue(name.into())),
                None => return Err(Slip::no_choice(&value.to_string_lossy(), placeholder, words)),
            }
        }
        Choices::Any | Choices::NoFile | Choices::Listed(_) => value,
    };
    put(options, value).map_err(|refused| match refused {
        Refused::Empty => Slip::NeedsValue(name.into()),
        Refused::NotUtf8 => Slip::NotUtf8,
    })
}
