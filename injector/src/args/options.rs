//! Options as they were read: one field for each flag and operand of [the](super::commands)
//! [tables](super::flags).

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
    /// Shell to complete in.
    pub(crate) shell: String,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Bound,
    Listening,
    #[cfg(target_os = "linux")]
    TimeWait,
}

impl State {
    /// The states, the words that name them, and their help.
    pub(super) const ALL: &[(Self, &'static str, &'static str)] = &[
        (Self::Bound, "bound", "A socket is bound to it, and nothing else"),
        (Self::Listening, "listening", "A server listens there, and accepts nobody; with UDP as bound"),
        #[cfg(target_os = "linux")]
        (Self::TimeWait, "time-wait", "A connection of TCP rests there in TIME_WAIT"),
    ];

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

impl Colour {
    /// The uses, the words that name them, and their help.
    pub(super) const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Auto, "auto", "In a terminal, unless NO_COLOR is set; CLICOLOR_FORCE stands for always"),
        (Self::Always, "always", "Everywhere"),
        (Self::Never, "never", "Nowhere"),
    ];

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogForm {
    Text,
    Json,
}

impl LogForm {
    /// The forms, the words that name them, and their help.
    pub(super) const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::Text, "text", "Words with spaces between them"),
        (Self::Json, "json", "An object a line, which tells more: peers, durations, ports that are given back"),
    ];
}

/// Format in which metrics are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MetricsForm {
    #[default]
    OpenMetrics,
    Prometheus,
}

impl MetricsForm {
    /// The formats, the words that name them, and their help.
    pub(super) const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::OpenMetrics, "openmetrics", "OpenMetrics 1.0"),
        (Self::Prometheus, "prometheus", "Prometheus' own, which the textfile collector reads"),
    ];
}

/// Means by which programs are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Engine {
    /// By a library where one reaches the program, else by a supervisor.
    #[default]
    Auto,
    Preload,
    Supervise,
    Sockets,
    /// As [`Self::Auto`], with a guest in programs that load no library.
    Inside,
}

impl Engine {
    /// The engines, the words that name them, and their help.
    #[cfg_attr(windows, expect(dead_code, reason = "there is one engine"))]
    pub(super) const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Auto, "auto", "The library where it reaches the program whole, else the supervisor"),
        (Self::Preload, "preload", "A library in the program; what it does not reach is refused"),
        (Self::Supervise, "supervise", "A supervisor outside of it, which the kernel tells of its calls"),
        (Self::Sockets, "sockets", "A supervisor that makes its sockets, and is told of no other call"),
        (Self::Inside, "inside", "As auto; on trial, a guest in static programs and Go's, for x86-64"),
    ];
}

/// Extent of what is to be covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cover {
    /// The program, and what of its children the engine reaches.
    #[default]
    Program,
    /// Every call of every process below it.
    Tree,
}

impl Cover {
    /// Extents, the words that name them, and their help.
    #[cfg_attr(windows, expect(dead_code, reason = "nothing covers a tree there"))]
    pub(super) const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::Program, "program", "The program, and its children as far as the engine reaches them"),
        (Self::Tree, "tree", "Every call of every process below it, the resolver's as well"),
    ];
}

/// What becomes of a program that sets up io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IoUring {
    /// It learns that there is none.
    Refuse,
    Allow,
}

impl IoUring {
    /// Both, the words that name them, and their help.
    #[cfg_attr(windows, expect(dead_code, reason = "Linux alone has it"))]
    pub(super) const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::Refuse, "refuse", "There is none (ENOSYS), and programs do without"),
        (Self::Allow, "allow", "What is asked of it is not covered, and the process is told of"),
    ];
}

/// Format in which `portshim env` writes variables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Format {
    #[default]
    Shell,
    Systemd,
    Docker,
    Kubernetes,
    Json,
}

impl Format {
    /// The formats, the words that name them, and their help.
    pub(super) const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Shell, "shell", "For a POSIX shell to eval"),
        (Self::Systemd, "systemd", "A drop-in for a service's unit file"),
        (Self::Docker, "docker", "Instructions for a Dockerfile"),
        (Self::Kubernetes, "kubernetes", "The env list of a container in a pod's description"),
        (Self::Json, "json", "One JSON object"),
    ];
}
