//! The command line: one table of commands and options, from which help, man pages and completions
//! are made too.

mod complaint;
mod examples;
mod options;
#[cfg(unix)]
mod quick;
#[cfg_attr(target_os = "linux", path = "cli/system/linux.rs")]
#[cfg_attr(windows, path = "cli/system/windows.rs")]
mod system;

pub(crate) use options::PolicyOptions;

use crate::failure::Failure;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// The command that is in a hurry.
const RUN: &str = "run";
/// Asks for help with the command that follows.
const HELP: &str = "help";
/// How wide help may become, in characters.
const WIDTH: usize = 100;

/// Run any program with its ports under a policy
///
/// portshim runs an unmodified program so that every port that the program did not choose itself
/// comes from your policy: ports that may be handed out, ports that never are, ports that may not
/// be bound at all. No root, no kernel change, the host's own network.
#[derive(Parser)]
#[command(name = "portshim", version, max_term_width = WIDTH, after_help = examples::PORTSHIM)]
#[command(subcommand_required = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What portshim can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Run(Run),
    /// Show what a policy comes to, scope by scope, and where each part came from
    #[command(after_help = examples::SHOW)]
    Show(Show),
    /// Check a policy file: every error with its place and a remedy
    #[command(after_help = examples::CHECK)]
    Check(Check),
    /// Tell what would happen to one port, and which rule says so
    #[command(after_help = examples::EXPLAIN)]
    Explain(Explain),
    /// Print the variables that load the policy without portshim
    #[command(long_about = system::ENV, after_help = examples::ENV)]
    Env(Env),
    /// Print this host's own port settings as a policy file
    #[command(after_help = examples::CAPTURE)]
    Capture,
    /// Make a policy file of the settings of another system
    ///
    /// FILE is sysctl.conf or the output of `sysctl -a` (Linux, FreeBSD), a registry export (.reg), the
    /// output of `netsh int ipv4|ipv6 show dynamicport` and `show excludedportrange`, or a script that
    /// calls netsh. Any of them also serves as a policy file (-c) as it is.
    #[command(after_help = examples::IMPORT)]
    Import(Import),
    /// Tell whether a program can be covered, and how; what to do if not
    ///
    /// Exit status 0: the program is covered in full; 1: in part or not at all.
    #[command(after_help = examples::DOCTOR)]
    Doctor(Doctor),
    /// List the sessions that live: what they run, and which ports they have
    #[command(after_help = examples::PS)]
    Ps(Ps),
    /// Show how full a live session's ports are, who holds them, and what became of requests
    #[command(after_help = examples::STATUS)]
    Status(Status),
    /// Reserve ports in a live session: none of its programs is handed one from now on
    ///
    /// A bind to a reserved port by its number still succeeds. The reservation stays until it is lifted by
    /// `portshim unreserve`, or the session ends. Several SPECs are reserved all, or none of them.
    #[command(after_help = examples::RESERVE)]
    Reserve(Ports),
    /// Lift reservations in a live session
    ///
    /// Each SPEC lifts the oldest reservation that holds all of its ports, in all of its scopes, and lifts it
    /// whole: 5310/udp one of 5300-5399 for TCP and UDP, too. What was lifted is printed. What the policy
    /// itself reserves stays.
    #[command(after_help = examples::UNRESERVE)]
    Unreserve(Ports),
    /// Block ports in a live session: none of its programs can bind one from now on
    ///
    /// Refused while any socket of this host is bound to one of them. The last port of each block is
    /// printed, the handle that Windows gives. The block stays until it is lifted by `portshim unblock`, or
    /// the session ends. Several SPECs are blocked all, or none of them.
    #[command(after_help = examples::BLOCK)]
    Block(Ports),
    /// Lift blocks in a live session
    ///
    /// Each SPEC lifts the oldest block that begins with its first port, in all of its scopes, and lifts it
    /// whole: 9000/udp one of 9000-9010 for TCP and UDP, too. What was lifted is printed. What the policy
    /// itself blocks stays.
    #[command(after_help = examples::UNBLOCK)]
    Unblock(Ports),
    /// Take netsh's own command lines about ports, and answer as netsh does
    ///
    /// What is `active` is a live session: it changes at once, and for as long as it lives. What is
    /// `persistent`, as changes are unless they say otherwise, is a policy file: -c, PORTSHIM_POLICY_FILE or
    /// ./portshim.toml, which is begun where there is none. Exit status 1: refused, as netsh refuses it.
    #[command(after_help = examples::NETSH)]
    Netsh(Netsh),
    /// Print a script that completes portshim's commands and options in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
    /// Print a manual page
    #[command(after_help = examples::MAN)]
    Man(Man),
}

/// Run a program under a policy
#[derive(Args, Debug)]
#[command(long_about = system::RUN, after_help = format!("{}\n\n{}", examples::RUN, system::REACH))]
#[command(override_usage = "portshim run [OPTIONS] -- CMD [ARG]...", max_term_width = WIDTH)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// Stay, and report when the program ends what the policy did until then: a table on standard error, or
    /// in FILE, as JSON where its name ends in .json
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub(crate) report: Option<PathBuf>,
    /// Stay, and until the program ends write a line for every port of its session handed out or refused,
    /// in FILE: JSON where its name ends in .json or .jsonl; - means standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Do not follow into children whose environment the program made from scratch
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// Launch a program even if the policy does not reach all of it
    #[arg(long)]
    pub(crate) allow_uncovered: bool,
    /// Say on standard error what is done before the program starts
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Keep warnings back
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, num_args = 1..)]
    pub(crate) command: Vec<OsString>,
}

/// `portshim show`.
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// For programs to read
    #[arg(long)]
    pub(crate) json: bool,
}

/// `portshim check`.
#[derive(Args)]
pub(crate) struct Check {
    /// The policy file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `portshim explain`.
#[derive(Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// For programs to read
    #[arg(long)]
    pub(crate) json: bool,
    /// The port, in all scopes or in one: 8080, 53/udp, 5000/tcp4
    #[arg(value_name = "PORT[/SCOPE]")]
    pub(crate) port: String,
}

/// `portshim env`.
#[derive(Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// How to write the variables
    #[arg(long, value_name = "FORMAT", value_enum, ignore_case = true, default_value_t = Format::Shell)]
    pub(crate) format: Format,
    /// Where the program will find the library, if not where portshim keeps it
    #[arg(long, value_name = "PATH")]
    pub(crate) library: Option<String>,
    /// Do not follow into children whose environment the program made from scratch
    #[arg(long)]
    pub(crate) no_follow: bool,
}

/// How `portshim env` writes variables.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For a POSIX shell to eval
    Shell,
    /// A drop-in for a service's unit file
    Systemd,
    /// Instructions for a Dockerfile
    Docker,
    /// The env list of a container in a pod's description
    Kubernetes,
    /// One JSON object
    Json,
}

/// `portshim import`.
#[derive(Args)]
pub(crate) struct Import {
    /// Take the settings for those of this system, whatever they look like
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// The settings; - means standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `portshim doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// For programs to read
    #[arg(long)]
    pub(crate) json: bool,
    /// List every function that is hooked, and what for
    #[arg(long)]
    pub(crate) hooks: bool,
    /// The program; arguments after it do not matter
    #[arg(value_name = "CMD", required_unless_present = "hooks", trailing_var_arg = true, num_args = 1..)]
    pub(crate) command: Vec<OsString>,
}

/// `portshim ps`.
#[derive(Args)]
pub(crate) struct Ps {
    /// For programs to read
    #[arg(long)]
    pub(crate) json: bool,
    /// List the processes of each session, and its file
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// The session that a command is about.
#[derive(Args)]
pub(crate) struct Of {
    /// The session: the number of its first process, as `portshim ps` lists it, or of any other; may be left
    /// out where only one session lives
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
}

/// `portshim status`.
#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) session: Of,
    /// For programs to read
    #[arg(long)]
    pub(crate) json: bool,
    /// List every port, however many lines that takes
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `portshim reserve`, `unreserve`, `block` and `unblock`.
#[derive(Args)]
pub(crate) struct Ports {
    #[command(flatten)]
    pub(crate) session: Of,
    /// The ports: 8080 · 4000-4999 · 80,443/tcp · 5000/udp4
    #[arg(value_name = "SPEC", required = true)]
    pub(crate) specs: Vec<String>,
}

/// `portshim netsh`.
#[derive(Args)]
pub(crate) struct Netsh {
    /// The policy file that keeps what is persistent
    #[arg(short = 'c', long = "policy", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) session: Of,
    /// What follows `netsh`: interface ipv4|ipv6, then show or set dynamicport, or show, add or delete
    /// excludedportrange
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, num_args = 1..)]
    pub(crate) words: Vec<String>,
}

/// `portshim completions`.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum, ignore_case = true)]
    pub(crate) shell: clap_complete::Shell,
}

/// `portshim man`.
#[derive(Args)]
pub(crate) struct Man {
    /// The command that the page is about; without it, portshim as a whole
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

/// The whole table, for what is made from it.
pub(crate) fn table() -> clap::Command {
    Cli::command()
}

/// The same, as completions are made from it.
pub(crate) fn table_to_complete() -> clap::Command {
    table().mut_subcommands(|command| command.mut_args(options::completing))
}

/// What the arguments come to.
pub(crate) enum Parsed {
    /// A command to carry out.
    Command(Command),
    /// A text to print: help or the version.
    Text(String),
}

/// Reads the arguments, the first of which is the command's own name.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Parsed, Failure> {
    #[cfg(unix)]
    if args.get(1).is_some_and(|name| name == RUN)
        && let Some(run) = quick::read(&args[2..])
    {
        return Ok(Parsed::Command(Command::Run(run)));
    }
    if args.get(1).is_some_and(|name| name == HELP) {
        return parse_by_table(&asking_for_help(&args));
    }
    parse_by_table(&args)
}

/// `portshim help run …` is `portshim run --help`: whatever stands behind the command is not carried out.
fn asking_for_help(args: &[OsString]) -> Vec<OsString> {
    let command = args.get(2).filter(|word| !word.as_encoded_bytes().starts_with(b"-") && *word != HELP);
    args.first().into_iter().chain(command).cloned().chain([OsString::from("--help")]).collect()
}

fn parse_by_table(args: &[OsString]) -> Result<Parsed, Failure> {
    // A program is waiting to be started: the tables of the other commands are not even made for it.
    if args.get(1).is_some_and(|name| name == RUN) {
        let command = Run::augment_args(clap::Command::new(RUN).bin_name(format!("portshim {RUN}")));
        let matches = command.try_get_matches_from(&args[1..]);
        return parsed(matches.and_then(|matches| Run::from_arg_matches(&matches)).map(Command::Run), args);
    }
    let matches = table().try_get_matches_from(args);
    parsed(matches.and_then(|matches| Cli::from_arg_matches(&matches)).map(|cli| cli.command), args)
}

fn parsed(result: Result<Command, clap::Error>, args: &[OsString]) -> Result<Parsed, Failure> {
    match result {
        Ok(command) => Ok(Parsed::Command(command)),
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Parsed::Text(e.render().to_string()))
        }
        Err(e) => Err(complaint::failure(&e, args)),
    }
}
