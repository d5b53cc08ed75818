//! The loop between a plan and whoever carries it out.

use super::stages::{Outcome, Plan, Step};
use crate::entropy::Entropy;
use crate::model::Fault;
use crate::ports::PortRange;

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try<T> {
    /// The call is over, well or badly: this is what the program gets.
    Done(T),
    /// The call can go on: tell the plan.
    Again(Outcome),
}

/// Carries out the steps of a plan on one socket.
pub trait Mechanism {
    /// What the program's call returns.
    type Answer;

    /// Makes the system choose inside `run`.
    fn steer(&mut self, run: PortRange) -> Try<Self::Answer>;

    /// Makes the system choose `port`, which is believed to be free.
    fn aim(&mut self, port: u16) -> Try<Self::Answer>;

    /// Takes `port`, which must be wholly free.
    fn pin(&mut self, port: u16) -> Try<Self::Answer>;

    /// Takes `port` beside other connections, provided that none has the same 4-tuple.
    fn share(&mut self, port: u16) -> Try<Self::Answer>;

    /// As [`Mechanism::share`], although the 4-tuple rests in TIME_WAIT, if the system would take it over.
    fn reuse(&mut self, _port: u16) -> Try<Self::Answer> {
        Try::Again(Outcome::Taken)
    }

    /// Whether the plan, which has found no port, shall be tried once more: ports were passed over because others of the
    /// session were about to take them, or to leave them. From now on they are waited for.
    fn begins_to_wait(&mut self) -> bool {
        false
    }
}

impl Plan<'_> {
    /// Lets `mechanism` try what the plan proposes until the call is over.
    ///
    /// # Errors
    /// The [`Fault`] to report, where no port is left.
    pub fn drive<M: Mechanism>(&mut self, mechanism: &mut M, entropy: &mut dyn Entropy) -> Result<M::Answer, Fault> {
        let mut outcome = Outcome::Start;
        loop {
            let tried = match self.next(outcome, entropy) {
                Step::Steer(run) => mechanism.steer(run),
                Step::Aim(port) => mechanism.aim(port),
                Step::Pin(port) => mechanism.pin(port),
                Step::Share(port) => mechanism.share(port),
                Step::Reuse(port) => mechanism.reuse(port),
                Step::GiveUp(fault) => return Err(fault),
            };
            match tried {
                Try::Done(answer) => return Ok(answer),
                Try::Again(next) => outcome = next,
            }
        }
    }
}
