//! Openings: where the first step is plain to see without a plan.

use super::cases::{Case, SECRET, case};
use portshim_policy::model::{Order, Rules, ScopeRules};
use portshim_policy::plan::{Given, Mechanism, Opening, Outcome, Plan, Step, Terms, Try};
use portshim_policy::ports::{PortRange, PortSet};
use proptest::prelude::*;

/// One range of ports, of which nothing is kept back.
fn solid() -> impl Strategy<Value = Case> {
    (case(), 1u16..65000, 0u16..80, prop::sample::select(&[Order::Native, Order::Sequential, Order::RandomStart][..]))
        .prop_map(|(mut case, first, more, order)| {
            let dynamic: PortSet = [PortRange::new(first, first + more).unwrap()].into_iter().collect();
            let scope = ScopeRules { dynamic, ..ScopeRules::default() };
            case.rules = Rules { order, seed: None, scopes: std::array::from_fn(|_| scope.clone()), ..case.rules };
            case.request.limit = PortRange::ALL;
            case
        })
}

/// Every step is in vain.
struct Refusing {
    steps: Vec<Step>,
    unsteerable: bool,
}

impl Refusing {
    fn outcome_of(&mut self, step: Step) -> Outcome {
        self.steps.push(step);
        if self.unsteerable && matches!(step, Step::Steer(_)) { Outcome::Unsteerable } else { Outcome::Taken }
    }
}

impl Mechanism for Refusing {
    type Answer = ();

    fn steer(&mut self, run: PortRange) -> Try<()> {
        Try::Again(self.outcome_of(Step::Steer(run)))
    }

    fn aim(&mut self, port: u16) -> Try<()> {
        Try::Again(self.outcome_of(Step::Aim(port)))
    }

    fn pin(&mut self, port: u16) -> Try<()> {
        Try::Again(self.outcome_of(Step::Pin(port)))
    }

    fn share(&mut self, port: u16) -> Try<()> {
        Try::Again(self.outcome_of(Step::Share(port)))
    }

    fn reuse(&mut self, port: u16) -> Try<()> {
        Try::Again(self.outcome_of(Step::Reuse(port)))
    }
}

proptest! {
    /// Where the first step is plain to see, it is the plan's own, and the plan goes on from it.
    #[test]
    fn an_opening_is_the_first_step_of_the_plan(case in solid(), refused in any::<bool>()) {
        let region = case.region();
        let rules = region.rules_for(&[b"any"]).unwrap();
        let (request, hint) = (&case.request, region.hint(case.request.scope));
        let terms = Terms::of(rules, request.scope, request.dual, || case.steerable);
        let given = Given { rules, ledger: region.ledger.at_large(), hint, towards: None, request, terms: &terms };
        let mut entropy = rules.entropy(request.scope, SECRET);
        let opening = given.opening(&mut entropy);
        let mut refusing = Refusing { steps: Vec::new(), unsteerable: refused };
        let tried = opening.step.map(|step| refusing.outcome_of(step));
        prop_assert!(Plan::serve(&given, opening, tried, &mut refusing, entropy).is_err());
        let whole = case.region();
        let rules = whole.rules_for(&[b"any"]).unwrap();
        let hint = whole.hint(request.scope);
        let given = Given { rules, ledger: whole.ledger.at_large(), hint, towards: None, request, terms: &terms };
        let mut expected = Refusing { steps: Vec::new(), unsteerable: refused };
        let entropy = rules.entropy(request.scope, SECRET);
        prop_assert!(Plan::serve(&given, Opening::default(), None, &mut expected, entropy).is_err());
        prop_assert_eq!(refusing.steps, expected.steps);
    }
}
