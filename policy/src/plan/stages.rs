//! The plan: the state machine that serves one request. It proposes, is told the outcome, and
//! proposes again, until a port is found or every one has been tried.

use super::candidates::Candidates;
use super::given::Given;
use super::walk::Walk;
use crate::entropy::Entropy;
use crate::model::{Fault, Sharing, exhausted};
use crate::ports::{PortRange, Transport};
use crate::region::{BusyPorts, ScopeCounters};

/// Step that the mechanism shall try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the kernel choose inside this range.
    Steer(PortRange),
    /// Make the kernel choose this port, which is believed to be free.
    Aim(u16),
    /// Bind this port, which must be wholly free.
    Pin(u16),
    /// Bind this port although other connections use it, provided that none has the same 4-tuple.
    Share(u16),
    /// The same, although the 4-tuple rests in TIME_WAIT, if the system would take it over.
    Reuse(u16),
    /// No port is left.
    GiveUp(Fault),
}

/// Outcome of the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing has been tried yet.
    Start,
    /// The port, or every port of the run, is taken.
    Taken,
    /// Somebody else of the session is about to take the port, or to leave it: nothing is to be
    /// believed of it.
    Claimed,
    /// This system does not let the range be set, or ignores it.
    Unsteerable,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Some ports inside the steerable range that are believed free.
    Aim,
    /// Runs inside the steerable range, whole.
    Runs,
    /// Ports one by one, but for those that `Runs` covers and those that are believed taken.
    Ports,
    /// Ports outside the steerable range, shared by 4-tuple, but for those that are believed taken
    /// towards the peer.
    SkipShared,
    /// All ports outside the steerable range, shared by 4-tuple.
    Share,
    /// The ports of `Ports` once more, those that are believed taken among them.
    LastPorts,
    /// Ports whose 4-tuples rest in TIME_WAIT: a connect from one may yet be refused, and then its
    /// socket is lost, so there must be no other port left.
    Reuse,
}

/// The stages in their two orders. A plan passes over those that are none of its own.
const RUNS_FIRST: [Stage; 7] =
    [Stage::Aim, Stage::Runs, Stage::Ports, Stage::SkipShared, Stage::Share, Stage::LastPorts, Stage::Reuse];
const PORTS_FIRST: [Stage; 7] =
    [Stage::Ports, Stage::Aim, Stage::Runs, Stage::SkipShared, Stage::Share, Stage::LastPorts, Stage::Reuse];

/// Number of ports believed free that are tried before the kernel looks through all of a run:
/// strangers may hold them.
const AIMS: u8 = 16;
/// The same for datagrams: for a port that is taken, the kernel walks its whole table.
const DATAGRAM_AIMS: u8 = 2;

/// Serves one request. Pure: it touches no socket, and what it knows of the world it is told.
pub struct Plan<'a> {
    given: Given<'a>,
    /// Place where the system can be made to choose, as far as it has not refused.
    steerable: Option<PortRange>,
    stages: &'static [Stage; 7],
    /// Number of them that are over.
    stage: usize,
    /// Some ports can be steered to.
    inside: bool,
    /// Some ports cannot.
    outside: bool,
    /// Ports that are believed taken come last.
    skips_busy: bool,
    /// Number of ports believed free that are still to be tried.
    aims: u8,
    /// The port that was proposed last, where it is taken for everybody if it is for this request.
    proposed: Option<u16>,
    /// The port that the policy's order has come to, where the system was to choose it.
    sought: Option<u16>,
    walk: Option<Walk>,
    runs: Option<Runs>,
    /// Ports that the kernel may have left out of the last run, and that are still to be tried.
    parts: [Option<PortRange>; 3],
}

/// A tour of the runs of a view, from one in its midst and around.
#[derive(Clone, Copy)]
struct Runs {
    start: u16,
    at: u16,
    wrapped: bool,
}

impl Runs {
    /// A tour of one run that is all there is.
    const ALL: Self = Self { start: 0, at: 0, wrapped: true };
}

impl<'a> Plan<'a> {
    /// A plan for what is given, of which nothing has been tried.
    #[must_use]
    pub fn new(given: Given<'a>) -> Self {
        let tcp = given.request.scope.transport() == Transport::Tcp;
        Self {
            given,
            steerable: given.terms.steerable,
            stages: &RUNS_FIRST,
            stage: 0,
            inside: false,
            outside: false,
            skips_busy: false,
            aims: if tcp { AIMS } else { DATAGRAM_AIMS },
            proposed: None,
            sought: None,
            walk: None,
            runs: None,
            parts: [None; 3],
        }
    }

    /// Ports that the request may get, all stages together.
    #[must_use]
    pub fn view(&self) -> Candidates<'a> {
        self.given.view()
    }

    /// The next thing to try, after `outcome`.
    pub fn next(&mut self, outcome: Outcome, entropy: &mut impl Entropy) -> Step {
        let sought = self.sought.take();
        match outcome {
            Outcome::Start => self.begin(entropy),
            Outcome::Taken => {
                if let (Some(hint), Some(port)) = (self.given.hint, self.proposed.take()) {
                    hint.mark(port);
                }
            }
            Outcome::Claimed => self.proposed = None,
            Outcome::Unsteerable => {
                self.steerable = None;
                (self.stage, self.walk, self.runs, self.parts) = (0, None, None, [None; 3]);
                self.begin(entropy);
                // The order has moved on: it does not come to this port again before all others.
                if let Some(step) = sought.map(Step::Pin) {
                    self.propose(step);
                    return step;
                }
            }
        }
        while let Some(stage) = self.stages.get(self.stage) {
            if let Some(step) = self.step_of(*stage, entropy) {
                self.propose(step);
                return step;
            }
            self.stage += 1;
            (self.walk, self.runs) = (None, None);
        }
        Step::GiveUp(exhausted(self.given.request.call, self.given.request.scope.transport()))
    }

    /// Remembers of `step` what its outcome teaches.
    fn propose(&mut self, step: Step) {
        self.proposed = match step {
            Step::Pin(port) => Some(port),
            // Another connection may be made from it all the same.
            _ if self.given.request.is_connection() => None,
            Step::Aim(port) => Some(port),
            Step::Steer(run) if run.len() == 1 => Some(run.first()),
            _ => None,
        };
    }

    /// Finds out what decides about stages; each stage is looked at when its turn comes. Where some
    /// ports can be steered to and others not, which come first is drawn in proportion, so that the
    /// kernel's choice and ours together stay even.
    fn begin(&mut self, entropy: &mut impl Entropy) {
        let (inside, outside) = self.reach();
        (self.inside, self.outside) = (inside > 0, outside > 0);
        let ports_first =
            self.given.terms.native && self.inside && self.outside && entropy.below(inside + outside) >= inside;
        self.stages = if ports_first { &PORTS_FIRST } else { &RUNS_FIRST };
        // A connection can be made from a port that others use, where the kernel chooses it.
        self.skips_busy = self.believes(self.given.hint) && (self.given.terms.native || !self.shares() || !self.inside);
    }

    /// Next step of a stage, if it belongs to this plan and has not come to its end.
    fn step_of(&mut self, stage: Stage, entropy: &mut impl Entropy) -> Option<Step> {
        let has_ports = !self.given.terms.native || self.outside;
        let shares = self.outside && self.shares();
        match stage {
            Stage::Aim if self.has_runs() && self.given.is_worth_aiming() => self.next_aim(entropy).map(Step::Aim),
            Stage::Runs if self.has_runs() => self.next_run(entropy).map(Step::Steer),
            Stage::Ports if has_ports => self.next_port(self.skips_busy, entropy),
            Stage::SkipShared if shares && self.believes(self.given.towards) => {
                self.next_walked(self.outside(), self.given.towards, entropy).map(Step::Share)
            }
            Stage::Share if shares => self.next_walked(self.outside(), None, entropy).map(Step::Share),
            Stage::LastPorts if has_ports && self.skips_busy => self.next_port(false, entropy),
            Stage::Reuse if shares => self.next_walked(self.outside(), None, entropy).map(Step::Reuse),
            _ => None,
        }
    }

    fn has_runs(&self) -> bool {
        self.given.terms.native && self.inside
    }

    /// Tells whether connections may share their ports.
    fn shares(&self) -> bool {
        self.given.request.is_connection() && self.given.rules.sharing() == Sharing::Tuple
    }

    /// Tells whether something is believed that may decide: what a seed repeats must not depend on
    /// what has been learned.
    fn believes(&self, hint: Option<&BusyPorts>) -> bool {
        hint.is_some_and(|hint| hint.count() > 0) && self.given.rules.seed().is_none()
    }

    /// Number of ports that can be steered to, and how many cannot. Where all can or none, "all" is
    /// not counted.
    fn reach(&self) -> (u32, u32) {
        let (Some(hull), Some(range)) = (self.given.terms.hull, self.steerable) else { return (0, 1) };
        if range.encloses(hull) {
            (1, 0)
        } else if range.intersect(hull).is_none() {
            (0, 1)
        } else {
            (self.view().within(range).count(), self.outside().count())
        }
    }

    /// The ports that cannot be steered to.
    fn outside(&self) -> Candidates<'a> {
        match self.steerable {
            Some(range) => self.view().without(range),
            None => self.view(),
        }
    }

    fn live(&self) -> &'a ScopeCounters {
        self.given.rules.live(self.given.request.scope)
    }

    fn next_aim(&mut self, entropy: &mut impl Entropy) -> Option<u16> {
        self.aims = self.aims.checked_sub(1)?;
        let run = self.steerable?.intersect(self.given.terms.hull?)?;
        self.view().skip_busy(self.given.hint).aim(run, entropy)
    }

    fn next_port(&mut self, skips_busy: bool, entropy: &mut impl Entropy) -> Option<Step> {
        let view = if self.given.terms.native { self.outside() } else { self.view() };
        let port = self.next_walked(view, if skips_busy { self.given.hint } else { None }, entropy)?;
        Some(match self.steerable {
            Some(range) if range.contains(port) => {
                self.sought = Some(port);
                Step::Steer(PortRange::single(port))
            }
            _ => Step::Pin(port),
        })
    }

    /// The next port of a view in the policy's order; without those that `hint` believes taken.
    fn next_walked(
        &mut self,
        view: Candidates<'a>,
        hint: Option<&'a BusyPorts>,
        entropy: &mut impl Entropy,
    ) -> Option<u16> {
        let live = self.live();
        let walk = self
            .walk
            .get_or_insert_with(|| Walk::new(self.given.rules.order(), self.given.request, &view, live, entropy));
        walk.next(&view, hint, live, entropy)
    }

    fn next_run(&mut self, entropy: &mut impl Entropy) -> Option<PortRange> {
        for part in self.parts.iter_mut().rev() {
            if let Some(part) = part.take() {
                return Some(part);
            }
        }
        let run = self.next_whole_run(entropy)?;
        self.parts = self.left_out_of(run);
        Some(run)
    }

    /// The ports that the kernel may leave out of `run`.
    #[inline]
    fn left_out_of(&self, run: PortRange) -> [Option<PortRange>; 3] {
        if run.len().is_multiple_of(2) || run.len() == 1 || self.given.request.scope.transport() != Transport::Tcp {
            return [None; 3];
        }
        // Linux looks at an even number of ports (`remaining &= ~1` in inet_csk_find_open_port): of
        // an odd run it leaves out the first or the last, of its upper half with SO_REUSEADDR the
        // same. For a connection, whose run has no halves, it did so before 6.8
        // (__inet_hash_connect).
        let half = run.first() + ((run.len() >> 2) << 1) as u16;
        let has_halves = !self.given.request.is_connection() || self.given.rules.sharing() == Sharing::Exclusive;
        [Some(run.last()), Some(run.first()), has_halves.then_some(half)].map(|port| port.map(PortRange::single))
    }

    fn next_whole_run(&mut self, entropy: &mut impl Entropy) -> Option<PortRange> {
        if let Some(run) = self.given.only_run().filter(|_| self.runs.is_none()) {
            self.runs = Some(Runs::ALL);
            return Some(run);
        }
        let view = self.view().within(self.steerable?);
        let Some(runs) = self.runs else {
            let run = view.run_around(view.ranked(entropy.below(view.count()))?);
            self.runs = Some(match run.last().checked_add(1) {
                Some(at) => Runs { start: run.first(), at, wrapped: false },
                None => Runs { start: run.first(), at: 0, wrapped: true },
            });
            return Some(run);
        };
        let ahead = if runs.wrapped { None } else { view.at_or_above(runs.at) };
        let (port, wrapped) = match ahead {
            Some(port) => (port, false),
            None => (view.at_or_above(if runs.wrapped { runs.at } else { 0 })?, true),
        };
        if wrapped && port >= runs.start {
            return None;
        }
        let run = view.run_around(port);
        self.runs = Some(match run.last().checked_add(1) {
            Some(at) => Runs { at, wrapped, ..runs },
            // The end of all ports. From here the tour goes on at 0, but once only: sets may change
            // meanwhile.
            None if wrapped => Runs { at: runs.start, wrapped, ..runs },
            None => Runs { at: 0, wrapped: true, ..runs },
        });
        Some(run)
    }
}
