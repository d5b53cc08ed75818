//! The plan: the state machine that serves one request. It proposes, is told the outcome, and
//! proposes again, until a port is found or every one has been tried.

use super::candidates::Candidates;
use super::request::Request;
use super::walk::Walk;
use crate::entropy::Entropy;
use crate::model::{Fault, Order, Sharing, exhausted};
use crate::ports::{PortRange, Transport};
use crate::region::{BusyPorts, Ledger, ScopeCounters, SharedRules};

/// What the mechanism shall try.
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

/// What came of the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing has been tried yet.
    Start,
    /// The port, or every port of the run, is taken.
    Taken,
    /// Somebody else of the session is about to take the port, or to leave it: nothing is to be believed of it.
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
    /// Ports one by one; the flags leave out those that `Runs` covers, and those that are believed taken.
    Ports { unsteerable: bool, skip_busy: bool },
    /// Ports outside the steerable range, shared by 4-tuple; the flag leaves out those that are believed taken
    /// towards the peer.
    Share { skip_busy: bool },
    /// The same ports, those whose 4-tuples rest in TIME_WAIT: a connect from one may yet be refused, and then its
    /// socket is lost, so there must be no other port left.
    Reuse,
}

/// How many ports believed free are tried before the kernel looks through all of a run: strangers may hold them.
const AIMS: u8 = 16;
/// The same for datagrams: for a port that is taken, the kernel walks its whole table.
const DATAGRAM_AIMS: u8 = 2;

/// Serves one request. Pure: it touches no socket, and what it knows of the world it is told.
pub struct Plan<'a> {
    rules: &'a SharedRules,
    ledger: &'a Ledger,
    hint: Option<&'a BusyPorts>,
    /// What is believed of ports towards the peer.
    towards: Option<&'a BusyPorts>,
    request: Request,
    steerable: Option<PortRange>,
    stages: [Option<Stage>; 7],
    stage: usize,
    /// How many ports believed free are still to be tried.
    aims: u8,
    /// The port that was proposed last, where it is taken for everybody if it is for this request.
    proposed: Option<u16>,
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

impl<'a> Plan<'a> {
    /// A plan for `request` under `rules` and what `ledger` adds to them, where the kernel can be made to
    /// choose inside `steerable`. It goes by `hint`, and learns, where there is one.
    #[must_use]
    pub fn new(
        rules: &'a SharedRules,
        ledger: &'a Ledger,
        hint: Option<&'a BusyPorts>,
        request: Request,
        steerable: Option<PortRange>,
    ) -> Self {
        Self {
            rules,
            ledger,
            hint,
            towards: None,
            request,
            steerable,
            stages: [None; 7],
            stage: 0,
            aims: if request.scope.transport() == Transport::Tcp { AIMS } else { DATAGRAM_AIMS },
            proposed: None,
            walk: None,
            runs: None,
            parts: [None; 3],
        }
    }

    /// Goes by what is believed of ports towards the peer, too. That is for the mechanism to learn.
    #[must_use]
    pub fn towards(self, peer: Option<&'a BusyPorts>) -> Self {
        Self { towards: peer, ..self }
    }

    /// What the request may get, all stages together.
    #[must_use]
    pub fn view(&self) -> Candidates<'a> {
        Candidates::new(self.rules, self.ledger, self.request.scope, self.request.dual, self.request.limit)
    }

    /// The next thing to try, after `outcome`.
    pub fn next(&mut self, outcome: Outcome, entropy: &mut dyn Entropy) -> Step {
        match outcome {
            Outcome::Start => self.stage(entropy),
            Outcome::Taken => {
                if let (Some(hint), Some(port)) = (self.hint, self.proposed.take()) {
                    hint.mark(port);
                }
            }
            Outcome::Claimed => self.proposed = None,
            Outcome::Unsteerable => {
                self.steerable = None;
                (self.stage, self.walk, self.runs, self.parts) = (0, None, None, [None; 3]);
                self.stage(entropy);
            }
        }
        while let Some(Some(stage)) = self.stages.get(self.stage).copied() {
            let step = match stage {
                Stage::Aim => self.next_aim(entropy).map(Step::Aim),
                Stage::Runs => self.next_run(entropy).map(Step::Steer),
                Stage::Ports { unsteerable, skip_busy } => self.next_port(unsteerable, skip_busy, entropy),
                Stage::Share { skip_busy } => {
                    let hint = if skip_busy { self.towards } else { None };
                    self.next_walked(self.outside(), hint, entropy).map(Step::Share)
                }
                Stage::Reuse => self.next_walked(self.outside(), None, entropy).map(Step::Reuse),
            };
            if let Some(step) = step {
                self.proposed = match step {
                    Step::Pin(port) => Some(port),
                    // Another connection may be made from it all the same.
                    _ if self.is_connection() => None,
                    Step::Aim(port) => Some(port),
                    Step::Steer(run) if run.len() == 1 => Some(run.first()),
                    _ => None,
                };
                return step;
            }
            self.stage += 1;
            (self.walk, self.runs) = (None, None);
        }
        Step::GiveUp(exhausted(self.request.call, self.request.scope.transport()))
    }

    /// Lays out the stages. Where some ports can be steered to and others not, which come first is
    /// drawn in proportion, so that the kernel's choice and ours together stay even.
    fn stage(&mut self, entropy: &mut dyn Entropy) {
        let kernel_chooses = self.rules.order() == Order::Native && self.rules.seed().is_none();
        let share = self.is_connection() && self.rules.sharing() == Sharing::Tuple;
        let (inside, outside) = self.reach();
        let runs_first = kernel_chooses && outside > 0 && inside > 0 && entropy.below(inside + outside) < inside;
        let runs = kernel_chooses && inside > 0;
        let ports = !kernel_chooses || outside > 0;
        // What a seed repeats must not depend on what has been learned. And a connection can be made from a port that
        // others use, where the kernel chooses it.
        let learned = self.hint.is_some_and(|hint| hint.count() > 0) && self.rules.seed().is_none();
        let believes = learned && (kernel_chooses || !share || inside == 0);
        let unsteerable = kernel_chooses;
        let first_ports = ports.then_some(Stage::Ports { unsteerable, skip_busy: believes });
        let share = share && outside > 0;
        let believes_peer = self.towards.is_some_and(|hint| hint.count() > 0) && self.rules.seed().is_none();
        let first_share = (share && believes_peer).then_some(Stage::Share { skip_busy: true });
        let reuse = share.then_some(Stage::Reuse);
        let share = share.then_some(Stage::Share { skip_busy: false });
        let last_ports = (ports && believes).then_some(Stage::Ports { unsteerable, skip_busy: false });
        let aim = (runs && self.is_worth_aiming()).then_some(Stage::Aim);
        let runs = runs.then_some(Stage::Runs);
        let order = if ports && !runs_first {
            [first_ports, aim, runs, first_share, share, last_ports, reuse]
        } else {
            [aim, runs, first_ports, first_share, share, last_ports, reuse]
        };
        self.stages = [None; 7];
        for (slot, stage) in self.stages.iter_mut().zip(order.into_iter().flatten()) {
            *slot = Some(stage);
        }
    }

    fn is_connection(&self) -> bool {
        self.request.is_connection()
    }

    /// Whether the run is so full that to find a free port here is faster than to let the kernel look for one.
    fn is_worth_aiming(&self) -> bool {
        let extent = self.rules.scope(self.request.scope).extent(self.request.dual);
        let (Some((hull, solid)), Some(range), Some(hint)) = (extent, self.steerable, self.hint) else { return false };
        !self.is_connection() && hull.intersect(range).is_some_and(|range| self.request.is_crowded(range, solid, hint))
    }

    /// How many ports can be steered to, and how many cannot. Where all can or none, "all" is not counted.
    fn reach(&self) -> (u32, u32) {
        let hull = self.rules.scope(self.request.scope).hull();
        let (Some(hull), Some(range)) = (hull, self.steerable) else { return (0, 1) };
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
        self.rules.live(self.request.scope)
    }

    fn next_aim(&mut self, entropy: &mut dyn Entropy) -> Option<u16> {
        self.aims = self.aims.checked_sub(1)?;
        let run = self.steerable?.intersect(self.rules.scope(self.request.scope).hull()?)?;
        self.view().skip_busy(self.hint).aim(run, entropy)
    }

    fn next_port(&mut self, unsteerable: bool, skip_busy: bool, entropy: &mut dyn Entropy) -> Option<Step> {
        let view = if unsteerable { self.outside() } else { self.view() };
        let port = self.next_walked(view, if skip_busy { self.hint } else { None }, entropy)?;
        Some(match self.steerable {
            Some(range) if range.contains(port) => Step::Steer(PortRange::single(port)),
            _ => Step::Pin(port),
        })
    }

    /// The next port of a view in the policy's order; without those that `hint` believes taken.
    fn next_walked(
        &mut self,
        view: Candidates<'a>,
        hint: Option<&'a BusyPorts>,
        entropy: &mut dyn Entropy,
    ) -> Option<u16> {
        let live = self.live();
        let walk = self.walk.get_or_insert_with(|| Walk::new(self.rules.order(), &self.request, &view, live, entropy));
        walk.next(&view, hint, live, entropy)
    }

    fn next_run(&mut self, entropy: &mut dyn Entropy) -> Option<PortRange> {
        for part in self.parts.iter_mut().rev() {
            if let Some(part) = part.take() {
                return Some(part);
            }
        }
        let run = self.next_whole_run(entropy)?;
        let tcp = self.request.scope.transport() == Transport::Tcp;
        // A connection that shall have its port alone is bound first.
        let binds = !self.is_connection() || self.rules.sharing() == Sharing::Exclusive;
        if tcp && binds && run.len() % 2 == 1 && run.len() > 1 {
            // Linux looks at an even number of ports (`remaining &= ~1` in inet_csk_find_open_port): of an odd run
            // it leaves out the first or the last, of its upper half with SO_REUSEADDR the same.
            let half = run.first() + ((run.len() >> 2) << 1) as u16;
            self.parts = [run.last(), run.first(), half].map(|port| Some(PortRange::single(port)));
        }
        Some(run)
    }

    fn next_whole_run(&mut self, entropy: &mut dyn Entropy) -> Option<PortRange> {
        let view = self.view().within(self.steerable?);
        let Some(runs) = self.runs else {
            let count = view.count();
            let run = view.run_around(view.ranked(entropy.below(count))?);
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
            // The end of all ports. From here the tour goes on at 0, but once only: sets may change meanwhile.
            None if wrapped => Runs { at: runs.start, wrapped, ..runs },
            None => Runs { at: 0, wrapped: true, ..runs },
        });
        Some(run)
    }
}
