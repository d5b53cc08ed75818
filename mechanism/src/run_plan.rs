//! Carries a whole plan out.

use crate::session::Session;
use portshim_policy::model::Fault;
use portshim_policy::plan::{Mechanism, Plan, Request};
use portshim_policy::ports::PortRange;
use portshim_policy::region::Ledger;

/// Carries a plan for `request` out. One that found no port begins anew where the dynamic ports have been replaced
/// meanwhile, as `renewed` has it.
///
/// # Errors
/// The [`Fault`] to report, where no port is left.
pub fn run_plan<M: Mechanism>(
    session: Session,
    mechanism: &mut M,
    request: Request,
    ledger: &Ledger,
    steerable: Option<PortRange>,
    renewed: impl FnOnce(&M) -> Request,
) -> Result<M::Answer, Fault> {
    let rules = session.rules;
    let hint = session.hint(request.scope);
    let mut entropy = rules.entropy(request.scope, session.secret());
    let revision = rules.revision();
    let towards = if request.peer == 0 {
        None
    } else {
        session.peers().and_then(|peers| peers.find(request.peer).map(|place| peers.hint(place)))
    };
    let mut plan = Plan::new(rules, ledger, hint, request, steerable).towards(towards);
    let served = plan.drive(mechanism, &mut entropy);
    if served.is_ok() {
        return served;
    }
    if mechanism.begins_to_wait() {
        plan = Plan::new(rules, ledger, hint, request, steerable).towards(towards);
        let served = plan.drive(mechanism, &mut entropy);
        if served.is_ok() {
            return served;
        }
    }
    if rules.revision() == revision {
        return served;
    }
    plan = Plan::new(rules, ledger, hint, renewed(mechanism), steerable).towards(towards);
    plan.drive(mechanism, &mut entropy)
}
