//! Reader of the command line, by the tables.

use super::commands::COMMANDS;
use super::flags;
use super::options::{Colour, Options};
use super::table::{Choices, Command, CommandRow, Flag, Number, Put, Refused, Takes};
use super::usage_error::{self, Slip};
use crate::messages::Failure;
use lexopt::{Arg, Parser};
use portshim_policy::config::{Key, keys};
use std::ffi::{OsStr, OsString};

/// Asks for help with the command that follows.
const HELP: &str = "help";

/// Request that a command line makes.
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

/// Result of reading a command line: what is done with colours holds of its errors, too.
pub(super) struct Read {
    pub(super) colour: Colour,
    pub(super) asked: Result<Asked, Failure>,
}

/// Reads the arguments, the first of which is the command's own name.
pub(super) fn read(args: &[OsString]) -> Read {
    let mut reader = Reader::new(args.get(1..).unwrap_or_default());
    let asked = reader.read().map_err(|slip| usage_error::failure(&slip, args));
    Read { colour: reader.options.colour, asked }
}

/// The arguments.
struct Reader {
    /// The command, once it was read.
    row: Option<&'static CommandRow>,
    parser: Parser,
    options: Box<Options>,
    /// The flags that were given.
    given: Vec<&'static str>,
    /// Number of operands that were.
    operands: usize,
}

impl Reader {
    fn new(args: &[OsString]) -> Self {
        Self { row: None, parser: Parser::from_args(args), options: Box::default(), given: Vec::new(), operands: 0 }
    }

    fn read(&mut self) -> Result<Asked, Slip> {
        loop {
            // No command stands behind `--`.
            let ends = self.row.is_none()
                && self.parser.try_raw_args().is_some_and(|args| args.peek() == Some(OsStr::new("--")));
            let Some(arg) = self.parser.next().map_err(Slip::from)? else { break };
            let command = self.row.map(|row| row.command);
            let (flag, name) = match arg {
                Arg::Long("help") => {
                    return match self.parser.optional_value() {
                        None => Ok(Asked::Help { command, long: true }),
                        Some(value) => {
                            Err(Slip::TakesNoValue { name: "--help".into(), value: value.to_string_lossy().into() })
                        }
                    };
                }
                Arg::Short('h') => return Ok(Asked::Help { command, long: false }),
                Arg::Long("version") | Arg::Short('V') if command.is_none() => return Ok(Asked::Version),
                Arg::Long(name) => (flags::of(command).find(|flag| flag.long == name), format!("--{name}")),
                Arg::Short(c) => (flags::of(command).find(|flag| flag.short == Some(c)), format!("-{c}")),
                Arg::Value(value) if command.is_some() => {
                    self.operand(value)?;
                    continue;
                }
                Arg::Value(word) if word == HELP && !ends => return self.help(),
                Arg::Value(word) if ends => return Err(Slip::NoCommand(word.to_string_lossy().into())),
                Arg::Value(word) => {
                    self.row = Some(row(&word)?);
                    continue;
                }
            };
            self.flag(flag.ok_or_else(|| Slip::no_flag(name, command))?)?;
        }
        let Some(row) = self.row else { return Err(Slip::NoCommandGiven) };
        match &row.operand {
            Some(operand) if self.operands == 0 && !operand.number.may_be_none() && !self.options.hooks => {
                Err(Slip::Missing(operand.name))
            }
            _ => {
                // What is said of them goes by this order.
                let place = |key: &Key| keys::options().position(|(each, _)| each == key);
                self.options.policy.keys.sort_by_key(|(key, _)| place(key));
                let colour = self.options.colour;
                let options = std::mem::take(&mut self.options);
                self.options.colour = colour;
                Ok(Asked::Command(row.command, options))
            }
        }
    }

    /// `portshim help run …` is `portshim run --help`: whatever stands behind the command is not
    /// carried out.
    fn help(&mut self) -> Result<Asked, Slip> {
        let is_command = |word: &OsStr| !word.as_encoded_bytes().starts_with(b"-") && word != HELP;
        let word = self.parser.try_raw_args().and_then(|mut args| args.next_if(is_command));
        let command = word.map(|word| row(&word)).transpose()?.map(|row| row.command);
        Ok(Asked::Help { command, long: true })
    }

    fn operand(&mut self, value: OsString) -> Result<(), Slip> {
        let extra = || Slip::OneTooMany(value.to_string_lossy().into());
        let Some(operand) = self.row.and_then(|row| row.operand.as_ref()) else { return Err(extra()) };
        if self.operands > 0 && matches!(operand.number, Number::One | Number::Optional) {
            return Err(extra());
        }
        self.operands += 1;
        put(operand.name, operand.name, operand.choices, operand.put, &mut self.options, value)?;
        if operand.number == Number::Rest || operand.number == Number::OneAndRest && self.operands > 1 {
            for value in self.parser.raw_args().map_err(Slip::from)? {
                put(operand.name, operand.name, operand.choices, operand.put, &mut self.options, value)?;
            }
        }
        Ok(())
    }

    fn flag(&mut self, flag: Flag) -> Result<(), Slip> {
        let name = || format!("--{}", flag.long);
        let repeatable = matches!(flag.takes, Takes::Key(_, key) if key.repeatable());
        if self.given.contains(&flag.long) && !repeatable {
            return Err(Slip::Repeated(name()));
        }
        self.given.push(flag.long);
        match flag.takes {
            Takes::Nothing(field) => *field(&mut self.options) = true,
            Takes::Key(_, key) => {
                let value = self.parser.value().map_err(|_| Slip::NeedsValue(name(), Vec::new()))?;
                self.options.policy.keys.push((key, value));
            }
            Takes::Value(placeholder, set) => {
                let value = self.value().ok_or_else(|| Slip::NeedsValue(name(), words(flag.choices)))?;
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

/// The row of the command that is called so.
fn row(name: &OsStr) -> Result<&'static CommandRow, Slip> {
    COMMANDS.iter().find(|row| name == row.name()).ok_or_else(|| Slip::NoCommand(name.to_string_lossy().into()))
}

/// Puts a value where it belongs.
fn put(
    name: &str,
    placeholder: &'static str,
    choices: Choices,
    put: Put,
    options: &mut Options,
    value: OsString,
) -> Result<(), Slip> {
    let text = value.to_string_lossy().into_owned();
    put(options, value).map_err(|refused| match refused {
        Refused::NoChoice if !text.is_empty() => Slip::NoChoice { value: text, placeholder, choices: words(choices) },
        Refused::Empty | Refused::NoChoice => Slip::NeedsValue(name.into(), words(choices)),
        Refused::NotUtf8 => Slip::NotUtf8,
    })
}

/// The words that a value is one of; none where it may be any other.
fn words(choices: Choices) -> Vec<String> {
    match choices {
        Choices::OneOf(words) => words().iter().map(|word| word.get_name().to_owned()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Format;
    use super::*;

    fn asked(line: &str) -> Result<Asked, Slip> {
        Reader::new(&line.split(' ').map(OsString::from).collect::<Vec<_>>()).read()
    }

    fn options(line: &str) -> Options {
        match asked(line) {
            Ok(Asked::Command(_, options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_fill_their_fields() {
        let run = options("run -c=file --quiet -v --log x --report --no-follow --allow-uncovered -- true");
        assert_eq!(run.policy.file.as_deref(), Some("file".as_ref()));
        assert!(run.quiet && run.verbose && run.no_follow && run.allow_uncovered);
        assert_eq!((run.log.as_deref(), run.report.as_deref()), (Some("x".as_ref()), Some("-".as_ref())));
        assert_eq!(options("--color NEVER run -- true").colour, Colour::Never);
        assert_eq!(options("show --color=always").colour, Colour::Always);
        let env = options("env --format JSON --library /l --preset=linux");
        assert!(matches!(env.format, Format::Json));
        assert_eq!(env.library.as_deref(), Some("/l"));
        assert_eq!(env.policy.keys, [(&keys::PRESET, OsString::from("linux"))]);
        assert_eq!(options("import --preset bsd -").preset.as_deref(), Some("bsd"));
        assert_eq!(options("reserve 1 --session 7 2").specs, ["1", "2"]);
        assert_eq!(options("reserve 1 --session 7 2").session.as_deref(), Some("7"));
    }

    #[test]
    fn parts_of_the_policy_come_in_the_order_of_the_table() {
        let policy = options("run --seed 7 --range 1-2 --select --x --range=5/udp -- true").policy;
        let settings: Vec<_> = policy.keys.iter().map(|(key, value)| (key.name, value.to_str())).collect();
        let expected = [("dynamic", "1-2"), ("dynamic", "5/udp"), ("select", "--x"), ("seed", "7")];
        assert_eq!(settings, expected.map(|(key, value)| (key, Some(value))));
    }

    #[test]
    fn a_program_keeps_its_arguments() {
        for (line, command) in [
            ("run -- true", &["true"][..]),
            ("run true -v", &["true", "-v"]),
            ("run -v true -- --range", &["true", "--", "--range"]),
            ("run -- -- true", &["--", "true"]),
            ("run - true", &["-", "true"]),
        ] {
            assert_eq!(options(line).command, command, "{line}");
        }
    }

    #[test]
    fn whatever_is_wrong_is_told_of() {
        for (line, slip) in [
            ("run", "Missing"),
            ("run --range", "NeedsValue"),
            ("run --log --verbose -- true", "NeedsValue"),
            ("run --log= -- true", "NeedsValue"),
            ("run -c a --policy b -- true", "Repeated"),
            ("run -vv -- true", "Repeated"),
            ("run --quiet=yes -- true", "TakesNoValue"),
            ("run --json -- true", "NoFlag"),
            ("check a b", "OneTooMany"),
            ("capture a", "OneTooMany"),
            ("completions csh", "NoChoice"),
            ("-- true", "NoCommand("),
            ("-- run", "NoCommand("),
            ("--color", "NeedsValue"),
            ("--color red ps", "NoChoice"),
            ("--color never", "NoCommandGiven"),
            ("--color never ps --color never", "Repeated"),
            ("--json ps", "NoFlag"),
        ] {
            let told = format!("{:?}", asked(line).expect_err(line));
            assert!(told.starts_with(slip), "{line}: {told}");
        }
    }

    #[test]
    fn no_command_has_two_flags_of_one_name() {
        for row in COMMANDS {
            let mut names: Vec<_> = flags::of(Some(row.command)).map(|flag| flag.long.to_owned()).collect();
            names.extend(flags::of(Some(row.command)).filter_map(|flag| flag.short).map(String::from));
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{}", row.name());
        }
    }
}
