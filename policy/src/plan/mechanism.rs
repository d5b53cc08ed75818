//! The loop between a plan and whoever carries it out.

use super::given::Given;
use super::opening::Opening;
use super::stages::{Outcome, Plan, Step};
use crate::entropy::Entropy;
use crate::model::Fault;
use crate::ports::{PortRange, Scope};

/// Outcome of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try<T> {
    /// The call is over, well or badly: this is what the program gets.
    Done(T),
    /// The call can go on: tell the plan.
    Again(Outcome),
}

/// Carries out the steps of a plan on one socket.
pub trait Mechanism {
    /// Result of the program's call.
    type Answer;

    /// Makes the system choose inside `run`.
    fn steer(&mut self, run: PortRange) -> Try<Self::Answer>;

    /// Makes the system choose `port`, which is believed to be free.
    fn aim(&mut self, port: u16) -> Try<Self::Answer>;

    /// Takes `port`, which must be wholly free.
    fn pin(&mut self, port: u16) -> Try<Self::Answer>;

    /// Takes `port` beside other connections, provided that none has the same 4-tuple.
    fn share(&mut self, port: u16) -> Try<Self::Answer>;

    /// As [`Mechanism::share`], although the 4-tuple rests in TIME_WAIT, if the system would take
    /// it over.
    fn reuse(&mut self, _port: u16) -> Try<Self::Answer> {
        Try::Again(Outcome::Taken)
    }

    /// The ports that the socket is limited to, where the policy's lie in `hull`.
    fn limit(&self, _hull: Option<PortRange>) -> PortRange {
        PortRange::ALL
    }

    /// Looks up anew inside which ports of `scope` the system can be made to choose for the socket.
    fn steerable(&self, _scope: Scope) -> Option<PortRange> {
        None
    }

    /// Tells whether the plan, which has found no port, shall be tried once more: ports were passed
    /// over because others of the session were about to take them, or to leave them. From now on
    /// they are waited for.
    fn begins_to_wait(&mut self) -> bool {
        false
    }
}

impl<'a> Plan<'a> {
    /// Lets `mechanism` try what a plan for `given` proposes until the call is over. The step of
    /// `opening` may have been tried before: then `tried` is what came of it.
    ///
    /// # Errors
    /// The [`Fault`] to report, where no port is left.
    pub fn serve<M: Mechanism>(
        given: &Given<'a>,
        opening: Opening,
        tried: Option<Outcome>,
        mechanism: &mut M,
        entropy: impl Entropy,
    ) -> Result<M::Answer, Fault> {
        let mut entropy = opening.redrawn(entropy);
        given.take_back(opening);
        let mut plan = Self::new(*given);
        let mut step = plan.next(Outcome::Start, &mut entropy);
        match (opening.step, tried) {
            (Some(first), Some(outcome)) if first == step => step = plan.next(outcome, &mut entropy),
            // The rover has moved on since, or more is believed.
            (Some(Step::Pin(port)), Some(Outcome::Taken)) => {
                given.hint.inspect(|hint| hint.mark(port));
            }
            _ => {}
        }
        loop {
            let tried = match step {
                Step::Steer(run) => mechanism.steer(run),
                Step::Aim(port) => mechanism.aim(port),
                Step::Pin(port) => mechanism.pin(port),
                Step::Share(port) => mechanism.share(port),
                Step::Reuse(port) => mechanism.reuse(port),
                Step::GiveUp(fault) => return Err(fault),
            };
            match tried {
                Try::Done(answer) => return Ok(answer),
                Try::Again(outcome) => step = plan.next(outcome, &mut entropy),
            }
        }
    }
}
