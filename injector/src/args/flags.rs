//! Table of the flags of all commands. A new flag is a row here, a field of
//! [`Options`](super::Options), and what the command does with it. The flags that set a key of the
//! policy come from the policy's own table, [`keys`].

use super::options::{Colour, Format, LogForm, MetricsForm, State};
#[cfg(target_os = "linux")]
use super::options::{Cover, Engine, IoUring};
use super::table::Command::*;
use super::table::{Choices, Command, Flag, Takes, choice, choices, path, text};
use crate::environment::POLICY_FILE;
use portshim_policy::config::{Key, KeyOption, keys};

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

/// The policy file, in which the keys stand.
const FILE: Flag = Flag {
    long: "policy",
    short: Some('c'),
    takes: Takes::Value("FILE", |options, value| path(value).map(|path| options.policy.file = Some(path))),
    help: "Take the policy from this file, instead of ./portshim.toml, the user's or the system's",
    choices: Choices::Path,
    variable: Some(POLICY_FILE),
    heading: Some(POLICY),
    on: WITH_POLICY,
};

/// What means another thing to each command that has it.
const VERBOSE: Flag =
    Flag { long: "verbose", short: Some('v'), takes: Takes::Nothing(|options| &mut options.verbose), ..BLANK };
const QUIET: Flag =
    Flag { long: "quiet", short: Some('q'), takes: Takes::Nothing(|options| &mut options.quiet), ..BLANK };
const FOR: Flag = Flag {
    long: "for",
    takes: Takes::Value("TIME", |options, value| text(value).map(|time| options.time = Some(time))),
    ..BLANK
};

/// The flags that set no key, in the order in which help lists them.
const OTHERS: &[Flag] = &[
    Flag { help: "The policy file that keeps what is persistent", variable: None, heading: None, on: &[Netsh], ..FILE },
    Flag {
        long: "name",
        takes: Takes::Value("NAME", |options, value| text(value).map(|name| options.name = Some(name))),
        help: "Name the session, for `portshim ps` to show and --session to take",
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "report",
        takes: Takes::Optional("FILE", "-", |options, value| path(value).map(|path| options.report = Some(path))),
        help: "Stay, and report when the program ends what the policy did until then: a table on standard \
               error, or in FILE, as JSON where its name ends in .json, as a page for a browser where it \
               ends in .html",
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
        long: "log-format",
        takes: Takes::Value("FORMAT", |options, value| choice(&value).map(|it| options.log_form = Some(it))),
        help: "How to write the log's lines; as its name says unless given",
        choices: Choices::OneOf(choices::<LogForm>),
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "log-specific",
        takes: Takes::Nothing(|options| &mut options.log_specific),
        help: "Log binds to ports that the program names itself, too, where they succeed",
        on: &[Run],
        ..BLANK
    },
    Flag {
        long: "format",
        takes: Takes::Value("FORMAT", |options, value| choice(&value).map(|it| options.format = it)),
        help: "How to write the variables; shell unless given",
        choices: Choices::OneOf(choices::<Format>),
        on: &[Env],
        ..BLANK
    },
    Flag {
        long: "format",
        takes: Takes::Value("FORMAT", |options, value| choice(&value).map(|it| options.metrics_form = it)),
        help: "How to print them; openmetrics unless given",
        choices: Choices::OneOf(choices::<MetricsForm>),
        on: &[Metrics],
        ..BLANK
    },
    Flag {
        long: "listen",
        takes: Takes::Value("PLACE", |options, value| text(value).map(|place| options.listen = Some(place))),
        help: "Stay, and answer over HTTP at /metrics: at a loopback address with its port, such as \
               127.0.0.1:9105, or at a Unix socket, a path with a `/` in it",
        on: &[Metrics],
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
    #[cfg(target_os = "linux")]
    Flag {
        long: "engine",
        takes: Takes::Value("ENGINE", |options, value| choice(&value).map(|it| options.engine = it)),
        help: "By what to serve the program; auto unless given",
        choices: Choices::OneOf(choices::<Engine>),
        on: &[Run, Doctor],
        ..BLANK
    },
    #[cfg(target_os = "linux")]
    Flag {
        long: "cover",
        takes: Takes::Value("WHAT", |options, value| choice(&value).map(|it| options.cover = it)),
        help: "What to cover; program unless given",
        choices: Choices::OneOf(choices::<Cover>),
        on: &[Run, Doctor],
        ..BLANK
    },
    #[cfg(target_os = "linux")]
    Flag {
        long: "io-uring",
        takes: Takes::Value("HOW", |options, value| choice(&value).map(|it| options.io_uring = Some(it))),
        help: "What becomes of io_uring; unless given, a supervisor refuses it, and a library leaves it alone",
        choices: Choices::OneOf(choices::<IoUring>),
        on: &[Run, Doctor],
        ..BLANK
    },
    #[cfg(target_os = "linux")]
    Flag {
        long: "strict",
        takes: Takes::Nothing(|options| &mut options.strict),
        help: "The same as --cover tree",
        on: &[Run, Doctor],
        ..BLANK
    },
    Flag {
        long: "preset",
        takes: Takes::Value("NAME", |options, value| text(value).map(|name| options.preset = Some(name))),
        help: "Take the settings for those of this system, whatever they look like",
        choices: Choices::Offered(|| keys::PRESET.names()),
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
        on: &[Status, Top, Who, Reserve, Unreserve, Block, Unblock, Exhaust, Only, Release, Netsh],
        ..BLANK
    },
    Flag {
        long: "process",
        takes: Takes::Value("PID", |options, value| text(value).map(|pid| options.process = Some(pid))),
        help: "For this process and those that descend from it alone",
        on: &[Reserve, Unreserve, Block, Unblock, Exhaust, Only, Release],
        ..BLANK
    },
    Flag {
        long: "leave",
        takes: Takes::Value("N", |options, value| text(value).map(|count| options.leave = Some(count))),
        help: "Leave so many ports of each scope: the lowest that nobody uses",
        on: &[Exhaust],
        ..BLANK
    },
    Flag { help: "Undo it after this time: 30s, 500ms, 5m", on: &[Exhaust, Only], ..FOR },
    Flag { help: "Let the port go after this time: 30s, 500ms, 5m", on: &[Collide], ..FOR },
    Flag {
        long: "state",
        takes: Takes::Value("STATE", |options, value| choice(&value).map(|it| options.state = it)),
        help: "How the port is held; bound unless given",
        choices: Choices::OneOf(choices::<State>),
        on: &[Collide],
        ..BLANK
    },
    Flag {
        long: "json",
        takes: Takes::Nothing(|options| &mut options.json),
        help: "For programs to read",
        on: &[Show, Presets, Check, Explain, Doctor, Ps, Status, Who],
        ..BLANK
    },
    Flag {
        long: "once",
        takes: Takes::Nothing(|options| &mut options.once),
        help: "Print one picture, after a second, and end",
        on: &[Top],
        ..BLANK
    },
    Flag {
        long: "hooks",
        takes: Takes::Nothing(|options| &mut options.hooks),
        help: "List every function that is intercepted, and what for",
        on: &[Doctor],
        ..BLANK
    },
    Flag { help: "Say on standard error what is done before the program starts", on: &[Run], ..VERBOSE },
    Flag { help: "List the processes of each session, and its file", on: &[Ps], ..VERBOSE },
    Flag { help: "List every port, however many lines that takes", on: &[Status], ..VERBOSE },
    Flag { help: "List every socket, however many there are", on: &[Who], ..VERBOSE },
    Flag { help: "Print what --session takes, and nothing else: IDs and names, one a line", on: &[Ps], ..QUIET },
    Flag { help: "Keep warnings back", on: &[Run], ..QUIET },
    COLOUR,
];

/// The flag that every command has, and that may stand before the command as well.
const COLOUR: Flag = Flag {
    long: "color",
    takes: Takes::Value("CHOICE", |options, value| choice(&value).map(|it| options.colour = it)),
    help: "When to use colours; auto unless given",
    choices: Choices::OneOf(choices::<Colour>),
    ..BLANK
};

/// The flag that sets a key.
fn of_key((key, option): (&'static Key, KeyOption)) -> Flag {
    Flag {
        long: option.name.trim_start_matches('-'),
        takes: Takes::Key(option.value, key),
        help: option.help,
        choices: Choices::Key(key),
        variable: Some(option.variable),
        heading: Some(POLICY),
        on: WITH_POLICY,
        ..BLANK
    }
}

/// All flags, in the order in which help lists them.
pub(super) fn all() -> impl Iterator<Item = Flag> {
    [FILE].into_iter().chain(keys::options().map(of_key)).chain(OTHERS.iter().copied())
}

/// The flags of a command; without one, those that may stand before it.
pub(super) fn of(command: Option<Command>) -> impl Iterator<Item = Flag> {
    all().filter(move |flag| match command {
        Some(command) => flag.on.is_empty() || flag.on.contains(&command),
        None => flag.on.is_empty(),
    })
}
