//! Account of what a plan is made from.

use super::candidates::Candidates;
use super::request::Request;
use super::terms::Terms;
use crate::ports::PortRange;
use crate::region::{BusyPorts, LedgerView, SharedRules};

/// Account of what a plan is made from.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The rules for the program.
    pub rules: &'a SharedRules,
    /// Account of what reservations and blocks at run time add to them.
    pub ledger: LedgerView<'a>,
    /// The ports of the scope that are believed taken, where anything is: the plan goes by it, and
    /// learns.
    pub hint: Option<&'a BusyPorts>,
    /// The ports that are believed taken towards the peer. That is for the mechanism to learn.
    pub towards: Option<&'a BusyPorts>,
    /// The request.
    pub request: &'a Request,
    /// Account of what the rules said of its scope.
    pub terms: &'a Terms,
}

impl<'a> Given<'a> {
    /// Yields what the request may get.
    pub(super) fn view(&self) -> Candidates<'a> {
        Candidates::new(self.rules, self.ledger, self.request.scope, self.request.dual, self.request.limit)
    }

    /// The run that is tried first, where that is plain to see: it is the only one, and not so full
    /// that to find a free port here is faster.
    #[inline]
    pub(super) fn sole_run(&self) -> Option<PortRange> {
        self.only_run().filter(|_| self.terms.native && !self.is_worth_aiming())
    }

    /// The one run that there is, where nothing but the rules has a say in it.
    #[inline]
    pub(super) fn only_run(&self) -> Option<PortRange> {
        self.terms.all_steerable().filter(|hull| self.is_only(*hull))
    }

    /// Tells whether every port of the hull may be had, as nothing but the rules has a say in it.
    #[inline]
    pub(super) fn is_only(&self, hull: PortRange) -> bool {
        self.terms.solid && self.ledger.is_empty() && self.request.limit.encloses(hull)
    }

    /// Tells whether the run is so full that to find a free port here is faster than to let the
    /// kernel look for one.
    #[inline]
    pub(super) fn is_worth_aiming(&self) -> bool {
        if self.request.is_connection() {
            return false;
        }
        let (Some(hull), Some(range), Some(hint)) = (self.terms.hull, self.terms.steerable, self.hint) else {
            return false;
        };
        hull.intersect(range).is_some_and(|range| self.request.is_crowded(range, self.terms.solid, hint))
    }
}
