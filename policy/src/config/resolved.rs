//! A policy in which every question has an answer, and every answer an origin.

use super::origin::Sourced;
use super::problem::Problem;
use super::values::Ports;
use crate::model::{Model, Order, Preset, RestrictionLimits, Rules, Sharing};
use crate::ports::Scope;

/// A resolved policy.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The port model.
    pub preset: Sourced<&'static Preset>,
    /// The rules: one for each `[[process]]`, in order, then the one for all other programs.
    pub rules: Vec<Rules>,
    /// Limits within which the model lets ports be reserved and blocked while programs run.
    pub legal: RestrictionLimits,
    /// Notes on the sources.
    pub notes: Vec<Problem>,
    /// Warnings of parts that will not be done as they were written.
    pub warnings: Vec<Problem>,
    /// Origins of the rules, one entry for each of [`Resolved::rules`].
    pub(super) traces: Vec<Trace>,
    /// The port model with its settings.
    pub model: Model,
}

/// Origins of the parts of one program's rules.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) matches: Option<Sourced<String>>,
    pub(super) order: Sourced<Order>,
    pub(super) sharing: Sourced<Sharing>,
    pub(super) seed: Sourced<Option<u64>>,
    /// Indexed by [`Scope::index`].
    pub(super) dynamic: [Vec<Ports>; 4],
    pub(super) reserved: Vec<Ports>,
    pub(super) blocked: Vec<Ports>,
}

impl Trace {
    pub(super) fn reserved(&self, scope: Scope) -> impl Iterator<Item = &Ports> {
        self.reserved.iter().filter(move |p| p.value.scopes.contains(scope))
    }

    pub(super) fn blocked(&self, scope: Scope) -> impl Iterator<Item = &Ports> {
        self.blocked.iter().filter(move |p| p.value.scopes.contains(scope))
    }
}
