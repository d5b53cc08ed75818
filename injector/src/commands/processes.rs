//! A session's processes, as commands show them.

use crate::coverage::{Coverage, Gap, Program, ServedBy, Standing};
use crate::messages;
use crate::platform::{LiveSession, Process};
use portshim_policy::ports::Scope;
use portshim_policy::region::{Presence, Process as Place, Region};
use serde::Serialize;
use std::sync::atomic::Ordering::Relaxed;

/// A process, for programs to read.
#[derive(Serialize)]
pub(super) struct ShownProcess {
    pub(super) pid: u32,
    /// The name that the kernel knows it by.
    pub(super) name: String,
    /// Its command line.
    pub(super) command: String,
}

impl From<&Process> for ShownProcess {
    fn from(process: &Process) -> Self {
        Self { pid: process.pid, name: process.name.clone(), command: process.command.clone() }
    }
}

/// A process of a session, for programs to read.
#[derive(Serialize)]
pub(super) struct Member {
    #[serde(flatten)]
    pub(super) process: ShownProcess,
    #[serde(flatten)]
    pub(super) reach: ShownReach,
}

impl Member {
    /// `region` is its session's, where that can be read.
    pub(super) fn new(session: &LiveSession, process: &Process, region: Option<&Region>) -> Self {
        Self { process: process.into(), reach: Reach::new(session, process, region).into() }
    }
}

/// How far a process is served, and by whom; by nobody where that is `None`.
pub(super) struct Reach {
    by: Option<ServedBy>,
    pub(super) coverage: Coverage<Gap>,
}

/// The same, for programs to read.
#[derive(Serialize)]
pub(super) struct ShownReach {
    /// `library`, or `supervisor` where that serves it from outside, or `sockets` where that makes
    /// its sockets, or `both`, or `guest`; `null` where nobody does.
    engine: Option<ServedBy>,
    /// `full`, `partial` or `none`.
    coverage: &'static str,
    /// Note on what is not covered; `null` where all is.
    pub(super) not_covered: Option<String>,
}

impl Reach {
    /// Of a process of a live session.
    fn new(session: &LiveSession, process: &Process, region: Option<&Region>) -> Self {
        let place = region.and_then(|region| place_of(process, region));
        let is_supervised = region.is_some_and(|region| region.header.is_supervised())
            || place.is_some_and(|place| matches!(place.presence(), Presence::Supervised { .. }));
        let makes_sockets = region.is_some_and(|region| region.header.makes_sockets());
        match process.standing() {
            Standing::SwitchedOff => Self::none(Gap::SwitchedOff),
            Standing::Filtered(_) if is_supervised && session.abandoned => Self::none(Gap::Abandoned),
            Standing::Filtered(_) if is_supervised => {
                let unasked = if makes_sockets { Self::SOCKETS } else { Self::by(ServedBy::Supervisor, None) };
                place.map_or(unasked, |place| Self::recorded(place, true, makes_sockets))
            }
            Standing::Filtered(obstacle) | Standing::Outside(obstacle) => {
                Self::none(obstacle.map_or(Gap::Absent, Gap::Program))
            }
            // What the library does not see of it, its supervisor does.
            Standing::Inside(reach) if is_supervised => {
                let coverage =
                    place.map_or(Coverage::Full, |place| Self::recorded(place, true, makes_sockets).coverage);
                // A library would not have come in.
                let is_brought = matches!(reach, Coverage::None(_));
                Self { by: Some(if is_brought { ServedBy::Guest } else { ServedBy::Both }), coverage }
            }
            Standing::Inside(Coverage::Partial(obstacle)) => {
                Self { by: Some(ServedBy::Library), coverage: Coverage::Partial(Gap::Program(obstacle)) }
            }
            Standing::Inside(_) => {
                place.map_or(Self::by(ServedBy::Library, None), |place| Self::recorded(place, false, false))
            }
        }
    }

    /// Whose sockets are made.
    const SOCKETS: Self = Self { by: Some(ServedBy::Sockets), coverage: Coverage::Partial(Gap::Sockets) };

    /// Of a process as its session's region has it, which may have ended since. `supervised` tells
    /// of the session, and `makes_sockets` of its supervisor.
    pub(super) fn recorded(place: &Place, supervised: bool, makes_sockets: bool) -> Self {
        let presence = place.presence();
        let by = match presence {
            Presence::Supervised { .. } => ServedBy::Supervisor,
            Presence::Brought => ServedBy::Guest,
            _ if supervised => ServedBy::Both,
            _ => ServedBy::Library,
        };
        match Gap::of(presence) {
            None if makes_sockets && by == ServedBy::Supervisor => Self::SOCKETS,
            None => Self::by(by, Some(place)),
            Some(gap @ (Gap::Hooks(_) | Gap::Ring)) => Self { by: Some(by), coverage: Coverage::Partial(gap) },
            Some(gap) => Self::none(gap),
        }
    }

    /// Of a program that was launched.
    pub(super) fn launched(program: &Program, by: ServedBy) -> Self {
        match program.coverage.clone() {
            Coverage::Partial(why) if by == ServedBy::Library => {
                Self { by: Some(by), coverage: Coverage::Partial(Gap::Program(why)) }
            }
            _ if by == ServedBy::Sockets => Self::SOCKETS,
            Coverage::None(why) if by == ServedBy::Library => Self::none(Gap::Program(why)),
            _ => Self { by: Some(by), coverage: Coverage::Full },
        }
    }

    fn none(gap: Gap) -> Self {
        Self { by: None, coverage: Coverage::None(gap) }
    }

    /// Served by this one, as far as the process's sandbox lets it.
    fn by(by: ServedBy, place: Option<&Place>) -> Self {
        let left = place.map_or(0, |place| {
            Scope::ALL.iter().map(|scope| u64::from(place.counts(*scope).uncovered.load(Relaxed))).sum()
        });
        let coverage = if left > 0 { Coverage::Partial(Gap::Sandbox(left)) } else { Coverage::Full };
        Self { by: Some(by), coverage }
    }
}

impl From<Reach> for ShownReach {
    fn from(Reach { by, coverage }: Reach) -> Self {
        Self { engine: by, coverage: (&coverage).into(), not_covered: coverage.obstacle().map(messages::gap) }
    }
}

/// The place of a process in a region.
pub(super) fn place_of<'a>(process: &Process, region: &'a Region) -> Option<&'a Place> {
    region.processes.all().iter().find(|place| place.owner().is_some_and(|owner| process.is(&owner)))
}
