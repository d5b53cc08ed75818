//! Options as they were read: one field for each flag and operand of [the](super::commands)
//! [tables](super::flags). Where a value is one of a few words, these are made from its variants,
//! and the comments on them are the help that users read.

use clap::ValueEnum;
use clap_complete::Shell;
use portshim_policy::config::Key;
use std::ffi::OsString;
use std::path::PathBuf;

/// Everything that a command line can ask for. A command looks at the fields that it has flags for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) policy: PolicyOptions,
    /// The session that the command is about.
    pub(crate) session: Option<String>,
    /// Name that the session is given.
    pub(crate) name: Option<String>,
    /// File of the report; `-` is standard error.
    pub(crate) report: Option<PathBuf>,
    /// File of the log; `-` is standard error.
    pub(crate) log: Option<PathBuf>,
    pub(crate) log_form: Option<LogForm>,
    /// Set if specific binds that succeed are logged, too.
    pub(crate) log_specific: bool,
    pub(crate) no_follow: bool,
    pub(crate) allow_uncovered: bool,
    /// Means by which the program is to be served.
    pub(crate) engine: Engine,
    /// Extent of what is to be covered.
    pub(crate) cover: Cover,
    /// What becomes of programs that set up io_uring; `None` leaves it to the engine.
    pub(crate) io_uring: Option<IoUring>,
    /// Another word for [`Cover::Tree`].
    pub(crate) strict: bool,
    pub(crate) verbose: bool,
    pub(crate) quiet: bool,
    pub(crate) json: bool,
    pub(crate) hooks: bool,
    pub(crate) once: bool,
    /// Use of colours.
    pub(crate) colour: Colour,
    pub(crate) format: Format,
    pub(crate) metrics_form: MetricsForm,
    /// Place to answer at.
    pub(crate) listen: Option<String>,
    /// Place of the library where the program runs.
    pub(crate) library: Option<String>,
    /// System whose settings are imported.
    pub(crate) preset: Option<String>,
    /// Program with its arguments; the reader makes sure that there is one.
    pub(crate) command: Vec<OsString>,
    /// File to check or import.
    pub(crate) file: PathBuf,
    /// Port to explain or hold, as a SPEC.
    pub(crate) port: String,
    /// Ports to restrict or release, as SPECs.
    pub(crate) specs: Vec<String>,
    /// Scopes to exhaust.
    pub(crate) scopes: Vec<String>,
    /// Number of ports to leave.
    pub(crate) leave: Option<String>,
    /// Time after which what was done is undone.
    pub(crate) time: Option<String>,
    /// State in which a port is held.
    pub(crate) state: State,
    /// Process that heads those that the command is about.
    pub(crate) process: Option<String>,
    /// Command line of netsh.
    pub(crate) words: Vec<String>,
    /// Shell to complete in; the reader makes sure that there is one.
    pub(crate) shell: Option<Shell>,
    /// Command whose page is asked for.
    pub(crate) page: Option<String>,
    /// Folder that all pages are written to.
    pub(crate) all: Option<PathBuf>,
}

/// Policy that the user asked for, as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyOptions {
    /// The policy file.
    pub(crate) file: Option<PathBuf>,
    /// The keys that options set, in the order of their table, with their values.
    pub(crate) keys: Vec<(&'static Key, OsString)>,
}

/// State in which `portshim collide` holds a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// A socket is bound to it, and nothing else.
    #[default]
    Bound,
    /// A server listens there, and accepts nobody; with UDP as bound.
    Listening,
    /// A connection of TCP rests there in TIME_WAIT.
    #[cfg(target_os = "linux")]
    TimeWait,
}

impl State {
    /// Tells whether a port is held so by what a connection leaves behind, which only TCP has.
    pub(crate) fn rests(self) -> bool {
        match self {
            Self::Bound | Self::Listening => false,
            #[cfg(target_os = "linux")]
            Self::TimeWait => true,
        }
    }
}

/// Use of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// In a terminal, unless NO_COLOR is set; CLICOLOR_FORCE stands for always.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Colour {
    /// The user's wish; `None` for none.
    pub(crate) fn wish(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::Always => Some(true),
            Self::Never => Some(false),
        }
    }
}

/// Form of a log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Words with spaces between them.
    Text,
    /// An object a line, which tells more: peers, durations, ports that are given back.
    Json,
}

/// Format in which metrics are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricsForm {
    /// OpenMetrics 1.0.
    #[value(name = "openmetrics")]
    #[default]
    OpenMetrics,
    /// Prometheus' own, which the textfile collector reads.
    Prometheus,
}

/// Means by which programs are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// The library where it reaches the program whole, else the supervisor.
    #[default]
    Auto,
    /// A library in the program; what it does not reach is refused.
    Preload,
    /// A supervisor outside of it, which the kernel tells of its calls.
    Supervise,
    /// A supervisor that makes its sockets, and is told of no other call.
    Sockets,
    /// As auto; on trial, a guest in static programs and Go's, for x86-64.
    Inside,
}

/// Extent of what is to be covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cover {
    /// The program, and its children as far as the engine reaches them.
    #[default]
    Program,
    /// Every call of every process below it, the resolver's as well.
    Tree,
}

/// What becomes of a program that sets up io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IoUring {
    /// There is none (ENOSYS), and programs do without.
    Refuse,
    /// What is asked of it is not covered, and the process is told of.
    Allow,
}

/// Format in which `portshim env` writes variables.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For a POSIX shell to eval.
    #[default]
    Shell,
    /// A drop-in for a service's unit file.
    Systemd,
    /// Instructions for a Dockerfile.
    Docker,
    /// The env list of a container in a pod's description.
    Kubernetes,
    /// One JSON object.
    Json,
}
