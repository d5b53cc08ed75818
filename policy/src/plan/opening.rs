//! Openings: the first step of a plan, where that is plain to see without one.

use super::given::Given;
use super::stages::Step;
use super::walk;
use crate::entropy::Entropy;
use crate::model::{Call, Order};
use crate::ports::Transport;

/// The first step of a plan, and what was drawn on the way to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The step, where it is plain to see.
    pub step: Option<Step>,
    drawn: Option<u64>,
    /// Place of the rover before, if it was moved for the step.
    rover: Option<u32>,
}

impl Opening {
    /// A source of chance that begins with what was drawn.
    pub(super) fn redrawn<E: Entropy>(self, mut rest: E) -> impl Entropy {
        let mut drawn = self.drawn;
        move || drawn.take().unwrap_or_else(|| rest.next())
    }
}

impl Given<'_> {
    /// Undoes what `opening`, whose step was tried in vain, has moved on: a plan begins with the
    /// same step then.
    pub(super) fn take_back(&self, opening: Opening) {
        if let (Some(Step::Pin(port)), Some(before)) = (opening.step, opening.rover) {
            self.rules.live(self.request.scope).rove_back(port, before);
        }
    }

    /// The first step of the plan, where the ports are one range: all of it, where the system
    /// chooses, or for `bind` and for datagrams the port that the policy's order begins with. A
    /// rover moves on to that port.
    #[must_use]
    #[inline(always)]
    pub fn opening(&self, entropy: &mut impl Entropy) -> Opening {
        match self.sole_run() {
            Some(run) => Opening { step: Some(Step::Steer(run)), ..Opening::default() },
            None => self.first_port(entropy),
        }
    }

    #[inline(always)]
    fn first_port(&self, entropy: &mut impl Entropy) -> Opening {
        let Some(hull) = self.terms.hull.filter(|hull| self.is_only(*hull)) else { return Opening::default() };
        let inside = self.terms.steerable.is_some_and(|range| range.intersect(hull).is_some());
        let begins_so = self.request.call == Call::Bind || self.request.scope.transport() == Transport::Udp;
        if inside || !begins_so || self.request.reuse {
            return Opening::default();
        }
        let (port, drawn) = if self.terms.native {
            let drawn = entropy.next();
            (walk::native_start(self.request.scope.transport(), hull, &mut || drawn), Some(drawn))
        } else if self.rules.order() == Order::Sequential && self.rules.seed().is_none() {
            (Some(self.rules.live(self.request.scope).rover_up(hull.first())), None)
        } else {
            (None, None)
        };
        let nothing = Opening { drawn, ..Opening::default() };
        let Some(port) = port else { return nothing };
        if !hull.contains(port) || self.hint.is_some_and(|hint| hint.contains(port)) {
            return nothing;
        }
        let live = self.rules.live(self.request.scope);
        let rover = (!self.terms.native).then(|| live.rover());
        if rover.is_some() {
            live.rove(port);
        }
        Opening { step: Some(Step::Pin(port)), drawn, rover }
    }
}
