//! Table of the flags of all commands. A new flag is a row here, a field of [`Options`](super::Options),
//! and what the command does with it.

use super::options::Format;
use super::system;
use super::table::Command::*;
use super::table::{Choices, Command, Flag, Takes, path, text};
use crate::environment::POLICY_FILE;
use portshim_policy::config::Setting;
use portshim_policy::model::{Order, Preset, Sharing};

/// Heading of the flags that make a policy.
const POLICY: &str = "Policy";
/// The commands that work out a policy.
const WITH_POLICY: &[Command] = &[Run, Show, Explain, Env, Doctor];

const BLANK: Flag = Flag {
    long: "",
    short: None,
    takes: Takes::Nothing(|options| &mut options.json),
    help: "",
    choices: Choices::Any,
    variable: None,
    heading: None,
    on: &[],
};

/// The flags, in the order in which help lists them.
pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "policy",
        short: Some('c'),
        takes: Takes::Value("FILE", |options, value| path(value).map(|path| options.policy.file = Some(path))),
        help: "Take the policy from this file, instead of ./portshim.toml, the user's or the system's",
        choices: Choices::Path,
        variable: Some(POLICY_FILE),
        heading: Some(POLICY),
        on: WITH_POLICY,
    },
    Flag {
        help: "Start from a system's port model",
        choices: Choices::Listed(presets),
        ..setting(Setting::Preset, "NAME")
    },
    Flag { help: "Hand out these ports, and no others", ..setting(Setting::Range, "SPEC") },
    Flag {
        help: "Never hand these ports out; binding one by its number still succeeds",
        ..setting(Setting::Reserve, "SPEC")
    },
    Flag {
        help: "Never hand these ports out, and refuse to bind one by its number",
        ..setting(Setting::Block, "SPEC")
    },
    Flag {
        help: "Try ports in this order",
        choices: Choices::Listed(|| Order::ALL.map(Order::name).into()),
        ..setting(Setting::Select, "ORDER")
    },
    Flag {
        help: system::SHARING,
        choices: Choices::Offered(|| Sharing::ALL.map(Sharing::name).into()),
        ..setting(Setting::Sharing, "HOW")
    },
    Flag { help: "Make every choice repeatable", ..setting(Setting::Seed, "N") },
    Flag {
        help: "Set the last port of the range of the Windows models up to 2003",
        ..setting(Setting::MaxUserPort, "N")
    },
    Flag {
        long: "policy",
        short: Some('c'),
        takes: Takes::Value("FILE", |options, value| path(value).map(|path| options.policy.file = Some(path))),
        help: "The policy file that keeps what is persistent",
        choices: Choices::Path,
        on: &[Netsh],
        ..BLANK
    },
    Flag {
        long: "report",
        takes: Takes::Optional("FILE", "-", |options, value| path(value).map(|path| options.report = Some(path))),
        help: "Stay, and report when the program ends what the policy did until then: a table on standard \
               error, or in FILE, as JSON where its name ends in .json",
        choices: Choices::Path,
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "log",
        takes: Takes::Value("FILE", |options, value| path(value).map(|path| options.log = Some(path))),
        help: "Stay, and until the program ends write a line for every port of its session handed out or \
               refused, in FILE: JSON where its name ends in .json or .jsonl; - means standard error",
        choices: Choices::Path,
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "format",
        takes: Takes::Value("FORMAT", |options, value| {
            let chosen = Format::ALL.into_iter().find(|(_, name, _)| value == **name);
            options.format = chosen.map_or_else(Format::default, |(format, ..)| format);
            Ok(())
        }),
        help: "How to write the variables; shell unless given",
        choices: Choices::OneOf(|| Format::ALL.map(|(_, name, help)| (name, help)).into()),
        on: &[Env],
        ..BLANK
    },
    Flag {
        long: "library",
        takes: Takes::Value("PATH", |options, value| text(value).map(|path| options.library = Some(path))),
        help: "Where the program will find the library, if not where portshim keeps it",
        on: &[Env],
        ..BLANK
    },
    Flag {
        long: "no-follow",
        takes: Takes::Nothing(|options| &mut options.no_follow),
        help: "Do not follow into children whose environment the program made from scratch",
        on: &[Run, Env],
        ..BLANK
    },
    Flag {
        long: "allow-uncovered",
        takes: Takes::Nothing(|options| &mut options.allow_uncovered),
        help: "Launch a program even if the policy does not reach all of it",
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "preset",
        takes: Takes::Value("NAME", |options, value| text(value).map(|name| options.preset = Some(name))),
        help: "Take the settings for those of this system, whatever they look like",
        choices: Choices::Offered(presets),
        on: &[Import],
        ..BLANK
    },
    Flag {
        long: "all",
        takes: Takes::Value("DIR", |options, value| path(value).map(|path| options.all = Some(path))),
        help: "Write every page below this folder: man1/portshim.1, man5/portshim-policy.5 and so on",
        choices: Choices::Path,
        on: &[Man],
        ..BLANK
    },
    Flag {
        long: "session",
        takes: Takes::Value("ID", |options, value| text(value).map(|id| options.session = Some(id))),
        help: "The session: the number of its first process, as `portshim ps` lists it, or of any other; \
               may be left out where only one session lives",
        on: &[Status, Reserve, Unreserve, Block, Unblock, Netsh],
        ..BLANK
    },
    Flag {
        long: "json",
        takes: Takes::Nothing(|options| &mut options.json),
        help: "For programs to read",
        on: &[Show, Explain, Doctor, Ps, Status],
        ..BLANK
    },
    Flag {
        long: "hooks",
        takes: Takes::Nothing(|options| &mut options.hooks),
        help: "List every function that is intercepted, and what for",
        on: &[Doctor],
        ..BLANK
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        takes: Takes::Nothing(|options| &mut options.verbose),
        help: "Say on standard error what is done before the program starts",
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        takes: Takes::Nothing(|options| &mut options.verbose),
        help: "List the processes of each session, and its file",
        on: &[Ps],
        ..BLANK
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        takes: Takes::Nothing(|options| &mut options.verbose),
        help: "List every port, however many lines that takes",
        on: &[Status],
        ..BLANK
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        takes: Takes::Nothing(|options| &mut options.quiet),
        help: "Keep warnings back",
        on: &[Run],
        ..BLANK
    },
];

/// The flag for a part of the policy, which has its name and its variable from the policy's own table.
const fn setting(setting: Setting, value: &'static str) -> Flag {
    Flag {
        long: setting.option().split_at(2).1,
        takes: Takes::Setting(value, setting),
        choices: Choices::NoFile,
        variable: Some(setting.variable()),
        heading: Some(POLICY),
        on: WITH_POLICY,
        ..BLANK
    }
}

fn presets() -> Vec<&'static str> {
    Preset::ALL.iter().map(|preset| preset.name).collect()
}

/// The flags of a command.
pub(super) fn of(command: Command) -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(move |flag| flag.on.contains(&command))
}
