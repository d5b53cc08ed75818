//! Terms: what the rules say of a request's ports as it begins, read once.

use crate::ports::{PortRange, Scope};
use crate::region::SharedRules;

/// Account of what the rules say of the ports of one scope, and where the system can be made to
/// choose.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The rules' revision before anything else was read.
    pub revision: u32,
    /// From the lowest to the highest dynamic port; `None` where there is none.
    pub hull: Option<PortRange>,
    /// Every port of the hull may be handed out, as far as the rules go.
    pub(super) solid: bool,
    /// Ports are chosen as the system itself chooses.
    pub(super) native: bool,
    /// The system can be made to choose inside these ports.
    pub steerable: Option<PortRange>,
}

impl Terms {
    /// The terms of `scope` under `rules`, to sockets that take their port in the other family,
    /// too, where `dual`. What can be steered to may depend on the rules: it is asked for in
    /// between.
    #[must_use]
    #[inline]
    pub fn of(rules: &SharedRules, scope: Scope, dual: bool, steerable: impl FnOnce() -> Option<PortRange>) -> Self {
        let revision = rules.revision();
        let steerable = steerable();
        let extent = rules.scope(scope).extent(dual);
        let solid = extent.is_some_and(|(_, solid)| solid);
        Self { revision, hull: extent.map(|(hull, _)| hull), solid, native: rules.is_native(), steerable }
    }

    /// Tells whether every choice is left to the system: it can be steered to every port.
    #[must_use]
    #[inline]
    pub fn leave_choice(&self) -> bool {
        self.native && self.all_steerable().is_some()
    }

    /// The hull, where all of it can be steered to.
    #[inline]
    pub(super) fn all_steerable(&self) -> Option<PortRange> {
        let hull = self.hull?;
        self.steerable.is_some_and(|range| range.encloses(hull)).then_some(hull)
    }
}
