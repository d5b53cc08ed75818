//! Coverage: what a preloaded library reaches of a program, and what keeps it from reaching the
//! rest.

use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;

/// Share of a program's networking that is served from the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(windows, expect(dead_code, reason = "a process is reached wholly there, or not at all"))]
pub(crate) enum Coverage {
    /// All that goes through its C library.
    Full,
    /// Some of it.
    Partial(Obstacle),
    /// Nothing.
    None(Obstacle),
}

impl Coverage {
    /// The word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial(_) => "partial",
            Self::None(_) => "none",
        }
    }

    /// Obstacle.
    pub(crate) fn obstacle(&self) -> Option<&Obstacle> {
        match self {
            Self::Full => None,
            Self::Partial(obstacle) | Self::None(obstacle) => Some(obstacle),
        }
    }
}

/// Reason why the library does not reach a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(windows, expect(dead_code, reason = "all but the last are about preloading"))]
pub(crate) enum Obstacle {
    /// No loader runs, so nothing can be loaded into it.
    Static,
    /// Go makes its system calls itself; C code in the program (cgo) is reached.
    Go,
    /// It runs as another user or group than the one who starts it.
    SetId,
    /// It has file capabilities.
    Capabilities,
    /// It is linked with liburing, whose requests no function of the C library sees.
    IoUring,
    /// Its loader belongs to another C library.
    Loader(String),
    /// Its C library is older than portshim's library needs.
    OldLibrary {
        /// Version: `2.31`.
        theirs: String,
        /// The oldest that will do.
        needed: String,
    },
    /// It is for another machine or word size.
    Machine {
        /// Machine: `32-bit x86`.
        theirs: String,
        /// The one that the library is for.
        ours: String,
    },
}

impl Obstacle {
    /// A name for programs to read.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Go => "go",
            Self::SetId => "set-id",
            Self::Capabilities => "capabilities",
            Self::IoUring => "io-uring",
            Self::Loader(_) => "foreign-libc",
            Self::OldLibrary { .. } => "old-libc",
            Self::Machine { .. } => "foreign-machine",
        }
    }
}

impl Obstacle {
    /// Tells whether it may well be none: programs ask io_uring for files more often than for
    /// sockets.
    pub(crate) fn is_doubtful(&self) -> bool {
        *self == Self::IoUring
    }

    /// Tells whether the program's loader, asked for the library, would end it instead of passing
    /// that by, or may do so.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::OldLibrary { .. } | Self::Loader(_))
    }
}

/// A program about to be launched.
#[derive(Debug)]
pub(crate) struct Program {
    /// Name that the user typed.
    pub(crate) typed: OsString,
    /// The file it names.
    pub(crate) path: PathBuf,
    /// Files that execute it, first the file itself, then its interpreter, then that one's.
    pub(crate) steps: Vec<Step>,
    /// Set if the file has neither a format nor a `#!` line, so that the shell runs it.
    pub(crate) by_shell: bool,
    /// Extent to which a preload reaches.
    pub(crate) coverage: Coverage,
    /// Variables that have to be added to the environment for the preload to be tolerated.
    pub(crate) adjustments: Vec<Adjustment>,
}

/// One file in the chain from a script to the program that interprets it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// The file.
    pub(crate) path: PathBuf,
    /// Description of it.
    pub(crate) kind: String,
}

/// An addition to an environment variable that holds a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Adjustment {
    /// The variable.
    pub(crate) variable: &'static str,
    /// Text that is appended to it.
    pub(crate) value: &'static str,
    /// Between what was there before and the addition.
    #[serde(skip)]
    pub(crate) separator: &'static str,
    /// Reason.
    pub(crate) reason: &'static str,
}
