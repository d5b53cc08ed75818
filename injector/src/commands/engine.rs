//! The engine that serves a program: a library in it, or a supervisor outside of it.

use crate::args::{Cover, Engine, IoUring, Options};
use crate::coverage::{Obstacle, Program, ServedBy};
use crate::environment::is_switched_off;
use crate::messages::{self, Failure};
use crate::platform;

/// Means by which a program is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// By a library in it.
    Inside,
    /// By a supervisor.
    Outside,
    /// By the supervisor that serves this process already: the process of that number.
    Below(u32),
    /// By a library, although a supervisor would reach more: why there is none.
    Hindered(String),
}

impl Served {
    /// Reason why no supervisor serves it, although one would reach more.
    pub(super) fn hindrance(&self) -> Option<&str> {
        match self {
            Self::Hindered(why) => Some(why),
            Self::Inside | Self::Outside | Self::Below(_) => None,
        }
    }

    /// Tells whether a library is loaded as well, into the program or children of it.
    pub(super) fn loads(&self, args: &Options, program: &Program) -> bool {
        let is_other = matches!(program.coverage.obstacle(), Some(Obstacle::Machine { .. }));
        !self.is_outside() || args.engine != Engine::Supervise && !is_other
    }

    /// Whoever serves it.
    pub(super) fn by(&self, args: &Options, program: &Program) -> ServedBy {
        let reaches = program.coverage.obstacle().is_none_or(Obstacle::is_doubtful);
        let is_brought = || args.engine == Engine::Inside && platform::can_bring(program);
        match self.is_outside() {
            false => ServedBy::Library,
            true if is_brought() => ServedBy::Guest,
            true if reaches && self.loads(args, program) => ServedBy::Both,
            true => ServedBy::Supervisor,
        }
    }

    /// Tells whether a supervisor serves it.
    pub(super) fn is_outside(&self) -> bool {
        matches!(self, Self::Outside | Self::Below(_))
    }
}

/// Tells whether the program is to do without io_uring: where nothing is said, a supervisor's is.
pub(super) fn refuses_rings(args: &Options, supervised: bool) -> bool {
    !is_switched_off() && args.io_uring.map_or(supervised, |how| how == IoUring::Refuse)
}

/// The means by which a program is to be served. An error where a supervisor was asked for, and
/// cannot be had.
pub(super) fn engine(args: &Options, program: &Program) -> Result<Served, Failure> {
    let obstacle = program.coverage.obstacle();
    let asked = args.engine == Engine::Supervise || args.cover == Cover::Tree || args.strict;
    let chooses = matches!(args.engine, Engine::Auto | Engine::Inside);
    let useful = chooses && obstacle.is_some_and(|obstacle| !obstacle.is_doubtful());
    if is_switched_off() || args.engine == Engine::Preload && !asked {
        return Ok(Served::Inside);
    }
    if let Some(supervisor) = platform::outer_supervisor() {
        return Ok(Served::Below(supervisor));
    }
    if !asked && !useful {
        return Ok(Served::Inside);
    }
    match platform::hindrance(obstacle) {
        None => Ok(Served::Outside),
        Some(why) if asked => Err(messages::no_supervisor(&why)),
        Some(why) => Ok(Served::Hindered(why)),
    }
}
