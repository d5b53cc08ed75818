//! What a plan would propose first, where that is plain to see: most requests are served by it, without a plan.

use super::candidates::Candidates;
use super::request::Request;
use super::stages::Step;
use super::walk::Walk;
use crate::entropy::Entropy;
use crate::ports::{Parity, PortRange};
use crate::region::{BusyPorts, Ledger, Runs, SharedRules};

impl Request {
    /// What a plan for this request proposes first, where that is plain to see: either every choice is the system's, or
    /// none can be, and nothing but the rules has a say.
    #[must_use]
    pub fn plain_step(
        &self,
        rules: &SharedRules,
        ledger: &Ledger,
        hint: Option<&BusyPorts>,
        steerable: Option<PortRange>,
        entropy: &mut impl Entropy,
    ) -> Option<Step> {
        let (hull, solid) = rules.scope(self.scope).extent(self.dual)?;
        if rules.seed().is_some() || !self.is_alone(ledger, hull) {
            return None;
        }
        match steerable {
            Some(range) if range.encloses(hull) => {}
            Some(range) if range.intersect(hull).is_some() => return None,
            _ if !solid => return None,
            _ => return Walk::first(rules.order(), self, hull, hint, rules.live(self.scope), entropy).map(Step::Pin),
        }
        if !rules.is_native() {
            return None;
        }
        match hint.filter(|hint| !self.is_connection() && self.is_crowded(hull, solid, hint)) {
            None if solid => Some(Step::Steer(hull)),
            None => drawn_run(rules.scope(self.scope).runs(self.dual), entropy).map(Step::Steer),
            Some(_) if solid => {
                let start = hull.first() + entropy.below(hull.len()) as u16;
                BusyPorts::first_free(hint, hull, start, Parity::Any).map(Step::Aim)
            }
            Some(_) => {
                let view = Candidates::new(rules, ledger, self.scope, self.dual, self.limit).skip_busy(hint);
                view.aim(hull, entropy).map(Step::Aim)
            }
        }
    }

    /// Whether nothing but the rules has a say in which ports of `hull` it may get.
    fn is_alone(&self, ledger: &Ledger, hull: PortRange) -> bool {
        ledger.is_empty() && self.limit.encloses(hull)
    }
}

/// One of the runs, in proportion to their sizes.
fn drawn_run(runs: &Runs, entropy: &mut impl Entropy) -> Option<PortRange> {
    runs.around(runs.at(entropy.below(runs.count()?))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::mix;
    use crate::model::rresvport::PrivilegedRange;
    use crate::model::{Call, Order, Rules, ScopeRules, Sharing};
    use crate::plan::stages::{Outcome, Plan};
    use crate::ports::Scope;
    use crate::region::Region;
    use proptest::prelude::*;

    fn range() -> impl Strategy<Value = PortRange> {
        (1..=65535u16, 0..300u16).prop_map(|(first, more)| PortRange::new(first, first.saturating_add(more)).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever is plain to see is what a plan begins with.
        #[test]
        fn it_is_what_a_plan_proposes_first(
            range in range(),
            reserved in proptest::collection::vec(range(), 0..3),
            holes in proptest::collection::vec(any::<u16>(), 0..3),
            order in prop_oneof![Just(Order::Native), proptest::sample::select(&Order::ALL[..])],
            call in proptest::sample::select(&[Call::Bind, Call::Connect, Call::Listen, Call::Send][..]),
            scope in proptest::sample::select(&Scope::ALL[..]),
            sharing in proptest::sample::select(&Sharing::ALL[..]),
            reuse in any::<bool>(),
            peer in any::<u64>(),
            draws in any::<u64>(),
            handed_out in 0..3,
            taken in prop_oneof![proptest::collection::vec(any::<u16>(), 0..10), proptest::collection::vec(any::<u16>(), 200..400)],
            inside in any::<bool>(),
        ) {
            let mut scopes: [ScopeRules; 4] = Default::default();
            scopes[scope.index()].dynamic = [range].into_iter().collect();
            let holes = holes.iter().map(|hole| PortRange::single(range.first().saturating_add(hole % range.len() as u16)));
            scopes[scope.index()].reserved = holes.chain(reserved).collect();
            let rules = Rules {
                matches: None,
                order,
                sharing,
                seed: None,
                privileged: PrivilegedRange::LIBC,
                unprivileged_start: None,
                scopes,
            };
            let request = Request { call, scope, dual: false, reuse, limit: PortRange::ALL, peer };
            let steerable = inside.then_some(PortRange::ALL);
            let first = |plainly: bool| {
                let region = Region::boxed(std::slice::from_ref(&rules));
                let rules = region.rules_for(&[b""]).unwrap();
                let hint = region.hint(scope);
                taken.iter().for_each(|port| hint.unwrap().mark(range.first().saturating_add(port % range.len() as u16)));
                let mut drawn = draws;
                let mut entropy = || { drawn = drawn.wrapping_add(1); mix(drawn) };
                let whole = |entropy: &mut dyn Entropy| {
                    Plan::new(rules, &region.ledger, hint, request, steerable).next(Outcome::Start, entropy)
                };
                for _ in 0..handed_out {
                    whole(&mut entropy);
                }
                if !plainly {
                    return Some(whole(&mut entropy));
                }
                request.plain_step(rules, &region.ledger, hint, steerable, &mut entropy)
            };
            if let Some(plain) = first(true) {
                prop_assert_eq!(Some(plain), first(false));
            }
        }
    }
}
