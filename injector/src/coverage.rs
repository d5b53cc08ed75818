//! Coverage: what a preloaded library reaches of a program, and what keeps it from reaching the
//! rest.

use portshim_policy::region::Presence;
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;
use strum::{Display, IntoStaticStr};

/// Share of the requests for ports that is served from the policy: of a program that is about to be
/// launched, or of a process. `Why` says what is missing.
#[derive(Clone, Debug, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Coverage<Why = Obstacle> {
    /// All that goes through its C library, or every call of it.
    Full,
    /// Some of it.
    Partial(Why),
    /// Nothing.
    None(Why),
}

impl<Why> Coverage<Why> {
    /// Obstacle.
    pub(crate) fn obstacle(&self) -> Option<&Why> {
        match self {
            Self::Full => None,
            Self::Partial(why) | Self::None(why) => Some(why),
        }
    }
}

/// Whoever serves a process.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum ServedBy {
    /// The library in it.
    Library,
    /// A supervisor outside of it.
    Supervisor,
    /// A supervisor that makes its sockets, and no more.
    Sockets,
    /// The library, and a supervisor what that does not see.
    Both,
    /// A guest that a supervisor has brought into it, and the supervisor what that does not see.
    Guest,
}

/// Reason why a process that runs is not served in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// The library does not reach its program, or not all of it.
    Program(Obstacle),
    /// The library is not in it, although it could be.
    Absent,
    /// It switches portshim off.
    SwitchedOff,
    /// Its supervisor has ended.
    Abandoned,
    /// What it asks of io_uring, which it has set up.
    Ring,
    /// Its sockets are limited as they are made, and nobody is told of its calls.
    Sockets,
    /// These hooks could not be placed: a bit for each, by its place in its system's table.
    Hooks(u32),
    /// So many requests were left to the system, because its sandbox left no way to serve them.
    Sandbox(u64),
    /// The library was sent for, and has not said that it is there.
    Awaited,
    /// It is for another machine than the library.
    OtherMachine,
    /// The library cannot be loaded into it.
    Unreached,
}

impl Gap {
    /// The gap that there is where the library has come so far; `None` where it is wholly there, or
    /// need not be.
    pub(crate) fn of(presence: Presence) -> Option<Self> {
        match presence {
            Presence::Here { missing: 0 } | Presence::Brought | Presence::Supervised { ring: false } => None,
            Presence::Supervised { ring: true } => Some(Self::Ring),
            Presence::Here { missing } => Some(Self::Hooks(missing)),
            Presence::Awaited => Some(Self::Awaited),
            Presence::OtherMachine => Some(Self::OtherMachine),
            Presence::Unreached => Some(Self::Unreached),
        }
    }
}

/// What is known of a process, by looking at it.
#[cfg_attr(windows, expect(dead_code, reason = "there is no supervisor, and a region lists who is in it"))]
pub(crate) enum Standing {
    /// The library is in it, and reaches so much of its program.
    Inside(Coverage),
    /// There is no library in it, and the kernel tells somebody of its calls, or refuses some. What
    /// keeps a library out of its program, if anything does.
    Filtered(Option<Obstacle>),
    /// Neither.
    Outside(Option<Obstacle>),
    SwitchedOff,
}

/// Reason why the library does not reach a program. Programs read its word.
#[derive(Clone, Debug, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
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
    #[strum(serialize = "foreign-libc")]
    Loader(String),
    /// Its C library is older than portshim's library needs.
    #[strum(serialize = "old-libc")]
    OldLibrary {
        /// Version: `2.31`.
        theirs: String,
        /// The oldest that will do.
        needed: String,
    },
    /// It is for another machine or word size.
    #[strum(serialize = "foreign-machine")]
    Machine {
        /// Machine: `32-bit x86`.
        theirs: String,
        /// The one that the library is for.
        ours: String,
    },
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
