//! Table of the commands, and the form of its rows and of those of [the flags](super::flags).

use super::options::Options;
use super::{examples, system};
use portshim_policy::config::Key;
use std::ffi::OsString;

/// Command of portshim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run,
    Show,
    Check,
    Explain,
    Env,
    Capture,
    Import,
    Doctor,
    Ps,
    Status,
    Who,
    Reserve,
    Unreserve,
    Block,
    Unblock,
    Netsh,
    Completions,
    Man,
}

/// A command.
pub(super) struct CommandRow {
    pub(super) command: Command,
    pub(super) name: &'static str,
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
    /// Once or more, with flags between them.
    Several,
    /// Once or more: whatever follows the first, flags too, belongs to it.
    Rest,
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
    /// The commands that have it. A row for one system alone has a `#[cfg]`.
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
    OneOf(fn() -> Vec<(&'static str, &'static str)>),
}

/// Name of the program, and of what is made from the table as a whole.
pub(super) const PORTSHIM: &str = "portshim";
pub(super) const ABOUT: &str = "Run any program with its ports under a policy";
pub(super) const MORE: &str = "\
portshim runs an unmodified program so that every port that the program did not choose itself \
comes from your policy: ports that may be handed out, ports that never are, ports that may not \
be bound at all. No root, no kernel change, the host's own network.";

/// Name of the page about the policy file.
pub(super) const POLICY_PAGE: &str = "policy";

/// The shells that completions are made for.
const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

const ROW: CommandRow =
    CommandRow { command: Command::Run, name: "", about: "", more: "", examples: &[], usage: None, operand: None };

const OPERAND: Operand = Operand { name: "", help: "", number: Number::One, choices: Choices::Any, put: |_, _| Ok(()) };

const PORTS: Option<Operand> = Some(Operand {
    name: "SPEC",
    help: "The ports: 8080 · 4000-4999 · 80,443/tcp · 5000/udp4",
    number: Number::Several,
    put: |options, value| text(value).map(|spec| options.specs.push(spec)),
    ..OPERAND
});

/// The commands, in the order in which help lists them.
pub(super) const COMMANDS: &[CommandRow] = &[
    CommandRow {
        command: Command::Run,
        name: "run",
        about: "Run a program under a policy",
        more: system::RUN,
        examples: &[examples::RUN, system::REACH],
        usage: Some("portshim run [OPTIONS] -- CMD [ARG]..."),
        operand: Some(Operand {
            name: "CMD",
            help: "The program and its arguments",
            number: Number::Rest,
            put: |options, value| {
                options.command.push(value);
                Ok(())
            },
            ..OPERAND
        }),
    },
    CommandRow {
        command: Command::Show,
        name: "show",
        about: "Show what a policy comes to, scope by scope, and where each part came from",
        examples: &[examples::SHOW, examples::ANY_PORT],
        ..ROW
    },
    CommandRow {
        command: Command::Check,
        name: "check",
        about: "Check a policy file: every error with its place and a remedy",
        examples: &[examples::CHECK],
        operand: Some(Operand {
            name: "FILE",
            help: "The policy file",
            choices: Choices::Path,
            put: |options, value| path(value).map(|path| options.file = path),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Explain,
        name: "explain",
        about: "Tell what would happen to one port, and which rule says so",
        examples: &[examples::EXPLAIN, examples::ANY_PORT],
        operand: Some(Operand {
            name: "PORT[/SCOPE]",
            help: "The port, in all scopes or in one: 8080, 53/udp, 5000/tcp4",
            put: |options, value| text(value).map(|port| options.port = port),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Env,
        name: "env",
        about: "Print the variables that load the policy without portshim",
        more: system::ENV,
        examples: &[examples::ENV],
        ..ROW
    },
    CommandRow {
        command: Command::Capture,
        name: "capture",
        about: "Print this host's own port settings as a policy file",
        examples: &[examples::CAPTURE],
        ..ROW
    },
    CommandRow {
        command: Command::Import,
        name: "import",
        about: "Make a policy file of the settings of another system",
        more: "\
FILE is sysctl.conf or the output of `sysctl -a` (Linux, FreeBSD), a registry export (.reg), the \
output of `netsh int ipv4|ipv6 show dynamicport` and `show excludedportrange`, or a script that \
calls netsh. Any of them also serves as a policy file (-c) as it is.",
        examples: &[examples::IMPORT],
        operand: Some(Operand {
            name: "FILE",
            help: "The settings; - means standard input",
            choices: Choices::Path,
            put: |options, value| path(value).map(|path| options.file = path),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Doctor,
        name: "doctor",
        about: "Tell whether a program can be covered, and how; what to do if not",
        more: "Exit status 0: the program is covered in full; 1: in part or not at all.",
        examples: &[examples::DOCTOR],
        operand: Some(Operand {
            name: "CMD",
            help: "The program; arguments after it do not matter",
            number: Number::Rest,
            put: |options, value| {
                options.command.push(value);
                Ok(())
            },
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Ps,
        name: "ps",
        about: "List the sessions that live: what they run, and which ports they have",
        examples: &[examples::PS],
        ..ROW
    },
    CommandRow {
        command: Command::Status,
        name: "status",
        about: "Show how full a live session's ports are, who holds them, and what became of requests",
        examples: &[examples::STATUS],
        ..ROW
    },
    CommandRow {
        command: Command::Who,
        name: "who",
        about: "Tell who has a port: sockets, their state and peers, processes, users, sessions",
        more: "\
Every socket of this host's network, and of the networks that sessions are in, is looked at; with \
--session, those of that session alone. The kernel tells whose socket it is, and not since when: of \
that, the log of a session tells, if it has one. Which process has another user's socket, only that \
user and root may see.\n\n\
Exit status 0: some socket has the port; 1: none has.",
        examples: &[examples::WHO],
        operand: Some(Operand {
            name: "PORT[/SCOPE]",
            help: "The port, in all scopes or in one; or several, as a SPEC",
            put: |options, value| text(value).map(|port| options.port = port),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Reserve,
        name: "reserve",
        about: "Reserve ports in a live session: none of its programs is handed one from now on",
        more: "\
A bind to a reserved port by its number still succeeds. The reservation stays until it is lifted by \
`portshim unreserve`, or the session ends. Several SPECs are reserved all, or none of them.",
        examples: &[examples::RESERVE],
        operand: PORTS,
        ..ROW
    },
    CommandRow {
        command: Command::Unreserve,
        name: "unreserve",
        about: "Lift reservations in a live session",
        more: "\
Each SPEC lifts the oldest reservation that holds all of its ports, in all of its scopes, and lifts it \
whole: 5310/udp one of 5300-5399 for TCP and UDP, too. What was lifted is printed. What the policy \
itself reserves stays.",
        examples: &[examples::UNRESERVE],
        operand: PORTS,
        ..ROW
    },
    CommandRow {
        command: Command::Block,
        name: "block",
        about: "Block ports in a live session: none of its programs can bind one from now on",
        more: "\
Refused while any socket of this host is bound to one of them. The last port of each block is \
printed, the handle that Windows gives. The block stays until it is lifted by `portshim unblock`, or \
the session ends. Several SPECs are blocked all, or none of them.",
        examples: &[examples::BLOCK],
        operand: PORTS,
        ..ROW
    },
    CommandRow {
        command: Command::Unblock,
        name: "unblock",
        about: "Lift blocks in a live session",
        more: "\
Each SPEC lifts the oldest block that begins with its first port, in all of its scopes, and lifts it \
whole: 9000/udp one of 9000-9010 for TCP and UDP, too. What was lifted is printed. What the policy \
itself blocks stays.",
        examples: &[examples::UNBLOCK],
        operand: PORTS,
        ..ROW
    },
    CommandRow {
        command: Command::Netsh,
        name: "netsh",
        about: "Take netsh's own command lines about ports, and answer as netsh does",
        more: "\
What is `active` is a live session: it changes at once, and for as long as it lives. What is \
`persistent`, as changes are unless they say otherwise, is a policy file: -c, PORTSHIM_POLICY_FILE or \
./portshim.toml, which is begun where there is none. Exit status 1: refused, as netsh refuses it.",
        examples: &[examples::NETSH],
        operand: Some(Operand {
            name: "COMMAND",
            help: "What follows `netsh`: interface ipv4|ipv6, then show or set dynamicport, or show, add or \
                   delete excludedportrange",
            number: Number::Rest,
            put: |options, value| text(value).map(|word| options.words.push(word)),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Completions,
        name: "completions",
        about: "Print a script that completes portshim's commands and options in a shell",
        examples: &[examples::COMPLETIONS],
        operand: Some(Operand {
            name: "SHELL",
            help: "The shell",
            choices: Choices::OneOf(|| SHELLS.map(|shell| (shell, "")).into()),
            put: |options, value| text(value).map(|shell| options.shell = shell),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Man,
        name: "man",
        about: "Print a manual page, or write all of them",
        examples: &[examples::MAN],
        operand: Some(Operand {
            name: "COMMAND",
            help: "The command that the page is about, or policy for the policy file; without it, portshim as a whole",
            number: Number::Optional,
            choices: Choices::Offered(pages),
            put: |options, value| text(value).map(|page| options.page = Some(page)),
        }),
        ..ROW
    },
];

/// Names of the pages about commands and the policy file are called.
fn pages() -> Vec<&'static str> {
    COMMANDS.iter().map(|row| row.name).chain([POLICY_PAGE]).collect()
}

impl Command {
    /// The command's row.
    pub(super) fn row(self) -> &'static CommandRow {
        COMMANDS.iter().find(|row| row.command == self).unwrap_or_else(|| unreachable!("each has a row"))
    }
}

/// A value that is text.
pub(super) fn text(value: OsString) -> Result<String, Refused> {
    value.into_string().map_err(|_| Refused::NotUtf8)
}

/// A value that is a path.
pub(super) fn path(value: OsString) -> Result<std::path::PathBuf, Refused> {
    if value.is_empty() { Err(Refused::Empty) } else { Ok(value.into()) }
}
