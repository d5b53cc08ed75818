//! The options that make a policy, the same for every command that takes one.

use super::system;
use crate::environment::POLICY_FILE;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use portshim_policy::config::Setting;
use portshim_policy::model::{Order, Preset, Sharing};
use std::ffi::OsString;
use std::path::PathBuf;

/// The heading of these options in help.
const HEADING: &str = "Policy";
/// The long form of `-c`.
pub(super) const FILE: &str = "policy";

/// What the user asked for, as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyOptions {
    /// The policy file.
    pub(crate) file: Option<PathBuf>,
    /// Each option with its values.
    pub(crate) settings: Vec<(Setting, OsString)>,
}

/// The word for an option's value, and what help says of it.
fn described(setting: Setting) -> (&'static str, String) {
    let (value, help) = match setting {
        Setting::Preset => {
            return ("NAME", format!("Start from a system's port model: {}", words(setting).join(", ")));
        }
        Setting::Select => {
            return ("ORDER", format!("Try ports in this order: {}", words(setting).join(", ")));
        }
        Setting::Range => ("SPEC", "Hand out these ports, and no others"),
        Setting::Reserve => ("SPEC", "Never hand these ports out; binding one by its number still succeeds"),
        Setting::Block => ("SPEC", "Never hand these ports out, and refuse to bind one by its number"),
        Setting::Sharing => ("HOW", system::SHARING),
        Setting::Seed => ("N", "Make every choice repeatable"),
        Setting::MaxUserPort => ("N", "Set the last port of the range of the Windows models up to 2003"),
    };
    (value, help.into())
}

/// The words that an option takes; none where its values are numbers or SPECs.
fn words(setting: Setting) -> Vec<&'static str> {
    match setting {
        Setting::Preset => Preset::ALL.iter().map(|preset| preset.name).collect(),
        Setting::Select => Order::ALL.map(Order::name).into(),
        Setting::Sharing => Sharing::ALL.map(Sharing::name).into(),
        Setting::Range | Setting::Reserve | Setting::Block | Setting::Seed | Setting::MaxUserPort => Vec::new(),
    }
}

/// Has the completions that are made from `argument` offer the words that it takes, and no file where it names none.
/// What is typed is judged where policies are read, which knows more of it than the table.
pub(super) fn completing(argument: Arg) -> Arg {
    let Some(setting) = Setting::ALL.into_iter().find(|&setting| argument.get_id() == name(setting)) else {
        return argument;
    };
    match words(setting) {
        words if words.is_empty() => argument.value_hint(ValueHint::Other),
        words => argument.value_parser(PossibleValuesParser::new(words)),
    }
}

pub(super) fn name(setting: Setting) -> &'static str {
    setting.option().trim_start_matches('-')
}

fn policy_arguments() -> impl Iterator<Item = Arg> {
    let file = Arg::new(FILE)
        .short('c')
        .long(FILE)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help(format!(
            "Take the policy from this file, instead of ./portshim.toml, the user's or the system's\n[env: {POLICY_FILE}]"
        ));
    let settings = Setting::ALL.into_iter().map(|setting| {
        let (value, help) = described(setting);
        let repeatable = if setting.repeatable() { "; may be repeated" } else { "" };
        Arg::new(name(setting))
            .long(name(setting))
            .value_name(value)
            .value_parser(value_parser!(OsString))
            .action(if setting.repeatable() { ArgAction::Append } else { ArgAction::Set })
            .allow_hyphen_values(true)
            .help(format!("{help}{repeatable}\n[env: {}]", setting.variable()))
    });
    std::iter::once(file).chain(settings).map(|arg| arg.help_heading(HEADING))
}

impl clap::Args for PolicyOptions {
    fn augment_args(command: Command) -> Command {
        command.args(policy_arguments())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for PolicyOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = |setting| matches.get_many::<OsString>(name(setting)).into_iter().flatten();
        Ok(Self {
            file: matches.get_one::<PathBuf>(FILE).cloned(),
            settings: Setting::ALL.into_iter().flat_map(|s| values(s).map(move |v| (s, v.clone()))).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
