//! Table of the commands.

use super::table::{Choices, Command, CommandRow, Number, Operand, choice, choices, path, text};
use super::{examples, system};
use clap_complete::Shell;
use portshim_policy::ports::ScopeSet;

/// Name of the program, and of what is made from the table as a whole.
pub(super) const PORTSHIM: &str = "portshim";
pub(super) const ABOUT: &str = "Run any program with its ports under a policy";
pub(super) const MORE: &str = "\
portshim runs an unmodified program so that every port that the program did not choose itself \
comes from your policy: ports that may be handed out, ports that never are, ports that may not \
be bound at all. No root, no kernel change, the host's own network.";

/// Name of the page about the policy file.
pub(super) const POLICY_PAGE: &str = "policy";

const ROW: CommandRow =
    CommandRow { command: Command::Run, about: "", more: "", examples: &[], usage: None, operand: None };

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
        about: "Show what a policy comes to, scope by scope, and where each part came from",
        examples: &[examples::SHOW, examples::ANY_PORT],
        ..ROW
    },
    CommandRow {
        command: Command::Presets,
        about: "List the presets: range, order of choice, way of sharing",
        examples: &[examples::PRESETS],
        ..ROW
    },
    CommandRow {
        command: Command::Check,
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
        command: Command::Schema,
        about: "Print what a policy file may hold as a JSON schema, for editors",
        examples: &[examples::SCHEMA],
        ..ROW
    },
    CommandRow {
        command: Command::Explain,
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
        about: "Print the variables that load the policy without portshim",
        more: system::ENV,
        examples: &[examples::ENV],
        ..ROW
    },
    CommandRow {
        command: Command::Capture,
        about: "Print this host's own port settings as a policy file",
        examples: &[examples::CAPTURE],
        ..ROW
    },
    CommandRow {
        command: Command::Import,
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
        about: "List the sessions that live: what they run, and which ports they have",
        more: "\
With -v, the processes too, and what of each is not covered. In JSON: who serves it (engine), how far \
(coverage: full, partial or none), and why not in full (not_covered).",
        examples: &[examples::PS],
        ..ROW
    },
    CommandRow {
        command: Command::Status,
        about: "Show how full a live session's ports are, who holds them, and what became of requests",
        more: "\
Below a process stands what of it is not covered, and why; where nothing does, it is covered in full. In \
JSON: who serves it (engine), how far (coverage: full, partial or none), and why not (not_covered).",
        examples: &[examples::STATUS],
        ..ROW
    },
    CommandRow {
        command: Command::Top,
        about: "Watch the sessions: ports in use, requests, processes, a map of the ports",
        more: "\
Keys: up and down choose a session, left and right the scope of the map; r reserves ports in that \
session, b blocks them, u and n lift that again; p pauses, q quits. What is drawn is looked at once a \
second, or less often where that takes long.",
        examples: &[examples::TOP],
        ..ROW
    },
    CommandRow {
        command: Command::Metrics,
        about: "Print the live sessions as metrics for Prometheus, or answer whoever asks for them",
        more: "\
Sessions of this user are told of: ports allowed, free and in use, requests by what became of them, \
processes. A counter begins anew with each session, which its label `session` tells apart.",
        examples: &[examples::METRICS],
        ..ROW
    },
    CommandRow {
        command: Command::Who,
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
        command: Command::Exhaust,
        about: "Let a live session, or one of its processes, run out of ports at once, for a test",
        more: "\
Every wildcard bind then fails as on a host whose ports are all in use; specific binds go on, and so do \
sockets that have a port. With --process it holds for that process and those that descend from it, as long \
as the process lives. It stays until `portshim release`, until the time of --for is over, or until the \
session ends.",
        examples: &[examples::EXHAUST, examples::ANY_PORT],
        operand: Some(Operand {
            name: "SCOPE",
            help: "What runs out: tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6; all of them unless given",
            number: Number::Any,
            choices: Choices::Offered(|| ScopeSet::NAMES.map(|(name, _)| name).into()),
            put: |options, value| text(value).map(|scope| options.scopes.push(scope)),
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Only,
        about: "Leave a live session, or one of its processes, these ports and no others, for a test",
        more: "\
Of the ports that the policy hands out, wildcard binds get these alone, in the scopes that a SPEC is for. \
The rest is as with `portshim exhaust`.",
        examples: &[examples::ONLY],
        operand: PORTS,
        ..ROW
    },
    CommandRow {
        command: Command::Release,
        about: "Undo `portshim exhaust` and `portshim only`",
        more: "\
What was done to the whole session is undone, or with --process what was done to that process, be it by \
itself. That there is nothing to undo is no error.",
        examples: &[examples::RELEASE],
        ..ROW
    },
    CommandRow {
        command: Command::Collide,
        about: "Hold a port as a stranger would, for a test",
        more: "\
The port is held outside every session: at all addresses, in all scopes that are named, until Ctrl-C \
(or another end of it), until the time of --for is over, or for as long as CMD runs, whose exit status it \
then has. \
Without CMD a line on standard output says that it is held.",
        examples: &[system::COLLIDE],
        usage: Some("portshim collide [OPTIONS] PORT[/SCOPE] [-- CMD [ARG]...]"),
        operand: Some(Operand {
            name: "PORT[/SCOPE]",
            help: "The port, in all scopes or in some: 8080, 8080/tcp; and CMD, the program to run meanwhile",
            number: Number::OneAndRest,
            put: |options, value| {
                if options.port.is_empty() {
                    return text(value).map(|port| options.port = port);
                }
                options.command.push(value);
                Ok(())
            },
            ..OPERAND
        }),
    },
    CommandRow {
        command: Command::Netsh,
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
        about: "Print a script that completes portshim's commands and options in a shell",
        examples: &[examples::COMPLETIONS],
        operand: Some(Operand {
            name: "SHELL",
            help: "The shell",
            choices: Choices::OneOf(choices::<Shell>),
            put: |options, value| choice(&value).map(|shell| options.shell = Some(shell)),
            ..OPERAND
        }),
        ..ROW
    },
    CommandRow {
        command: Command::Man,
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
    COMMANDS.iter().map(CommandRow::name).chain([POLICY_PAGE]).collect()
}

impl Command {
    /// The command's row.
    pub(super) fn row(self) -> &'static CommandRow {
        COMMANDS.iter().find(|row| row.command == self).unwrap_or_else(|| unreachable!("each has a row"))
    }
}
