//! The engine that serves a program: a library in it, or a supervisor outside of it.

use crate::args::{Cover, Engine, IoUring, Options};
use crate::coverage::{Obstacle, Program, ServedBy};
use crate::environment::is_switched_off;
use crate::messages::{self, Failure};
use crate::platform::{self, Way};
use portshim_policy::model::{Hurdle, Own, Rules, hurdle};

/// Means by which a program is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// By a library in it.
    Inside,
    /// By a supervisor.
    Outside(Way),
    /// By the supervisor that serves this process already: the process of that number.
    Below(u32, Way),
    /// By a library, although a supervisor would reach more: why there is none, and whether there
    /// would be one if each socket might have one of several runs of ports.
    Hindered(String, bool),
}

impl Served {
    /// Reason why no supervisor serves it, although one would reach more; and whether one would if
    /// each socket might have one of several runs of ports.
    pub(super) fn hindrance(&self) -> Option<(&str, bool)> {
        match self {
            Self::Hindered(why, if_cut) => Some((why, *if_cut)),
            Self::Inside | Self::Outside(_) | Self::Below(..) => None,
        }
    }

    /// Tells whether a library is loaded as well, into the program or children of it.
    pub(super) fn loads(&self, args: &Options, program: &Program) -> bool {
        let is_other = matches!(program.coverage.obstacle(), Some(Obstacle::Machine { .. }));
        !self.is_outside() || !matches!(args.engine, Engine::Supervise | Engine::Sockets) && !is_other
    }

    /// Whoever serves it.
    pub(super) fn by(&self, args: &Options, program: &Program) -> ServedBy {
        let reaches = program.coverage.obstacle().is_none_or(Obstacle::is_doubtful);
        let is_brought = || args.engine == Engine::Inside && platform::keeps_guest_out(program).is_none();
        match self.way() {
            None => ServedBy::Library,
            Some(Way::Calls) if is_brought() => ServedBy::Guest,
            Some(_) if reaches && self.loads(args, program) => ServedBy::Both,
            Some(Way::Calls) => ServedBy::Supervisor,
            Some(Way::Sockets) => ServedBy::Sockets,
        }
    }

    /// Tells whether a supervisor serves it.
    pub(super) fn is_outside(&self) -> bool {
        self.way().is_some()
    }

    /// Way in which a supervisor serves it, if one does.
    pub(super) fn way(&self) -> Option<Way> {
        match self {
            Self::Outside(way) | Self::Below(_, way) => Some(*way),
            Self::Inside | Self::Hindered(..) => None,
        }
    }
}

/// Tells whether the program is to do without io_uring: where nothing is said, a supervisor's is.
pub(super) fn refuses_rings(args: &Options, supervised: bool) -> bool {
    !is_switched_off() && args.io_uring.map_or(supervised, |how| how == IoUring::Refuse)
}

/// The means by which a program is to be served under these rules. An error where a supervisor was
/// asked for, and cannot be had.
pub(super) fn engine(args: &Options, program: &Program, rules: &[Rules]) -> Result<Served, Failure> {
    let obstacle = program.coverage.obstacle();
    let asked = matches!(args.engine, Engine::Supervise | Engine::Sockets) || args.cover == Cover::Tree || args.strict;
    let chooses = matches!(args.engine, Engine::Auto | Engine::Inside);
    let useful = chooses && obstacle.is_some_and(|obstacle| !obstacle.is_doubtful());
    if is_switched_off() || args.engine == Engine::Preload && !asked {
        return Ok(Served::Inside);
    }
    let outer = platform::outer_supervisor();
    if let Some((supervisor, Way::Calls)) = outer {
        return Ok(Served::Below(supervisor, Way::Calls));
    }
    if !asked && !useful {
        return Ok(Served::Inside);
    }
    // That the kernel can be steered shows by there being such a supervisor.
    let hindrance = || outer.map_or_else(|| platform::hindrance(obstacle, Way::Sockets), |_| None);
    let hindered = |cut| unfit(args, program, rules, cut).or_else(hindrance);
    let if_cut = || is_cut(rules) && hindered(true).is_none();
    let why = match outer {
        Some((supervisor, way)) => match hindered(args.allow_uncovered) {
            None => return Ok(Served::Below(supervisor, way)),
            Some(why) => messages::unfit_below(&why),
        },
        None if args.engine == Engine::Sockets => match hindered(args.allow_uncovered) {
            None => return Ok(Served::Outside(Way::Sockets)),
            Some(why) => return Err(messages::no_sockets(&why, if_cut())),
        },
        None => match platform::hindrance(obstacle, Way::Calls) {
            None => return Ok(Served::Outside(Way::Calls)),
            Some(why) if args.engine == Engine::Supervise => why,
            Some(why) => match hindered(args.allow_uncovered) {
                None => return Ok(Served::Outside(Way::Sockets)),
                Some(other) if other == why => why,
                Some(other) => messages::neither_way(&why, &other),
            },
        },
    };
    if asked { Err(messages::no_supervisor(&why)) } else { Ok(Served::Hindered(why, if_cut())) }
}

/// Tells whether the ports of some rules are cut into several runs, of which each socket that is
/// made gets one.
pub(super) fn is_cut(rules: &[Rules]) -> bool {
    let host = platform::host();
    let own = Own { range: host.port_range(), kept: &host.reserved[0], unprivileged_start: u16::MAX };
    rules.iter().any(|rules| matches!(hurdle(rules, &own, false), Some(Hurdle::Hole(..))))
}

/// What of the policy, or of what else was asked for, is not done by who does nothing but make
/// sockets. Of a program that a library reaches, that does it. `cut` as in [`hurdle`].
fn unfit(args: &Options, program: &Program, rules: &[Rules], cut: bool) -> Option<String> {
    let host = platform::host();
    let own = Own { range: host.port_range(), kept: &host.reserved[0], unprivileged_start: host.unprivileged_start };
    let met = rules.iter().find_map(|rules| hurdle(rules, &own, cut));
    let met = met.map(|hurdle| messages::hurdle(&hurdle, host.port_range()));
    met.or_else(|| {
        let sockets = Served::Outside(Way::Sockets).by(args, program) == ServedBy::Sockets;
        (args.log.is_some() && sockets).then(|| messages::NOTHING_TO_LOG.into())
    })
}
