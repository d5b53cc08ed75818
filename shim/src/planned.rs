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
#[inline(never)]
pub(crate) fn planned<M: Mechanism>(
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
    let towards = session.peers().and_then(|peers| peers.find(request.peer).map(|place| peers.hint(place)));
    let plan = |request| Plan::new(rules, ledger, hint, request, steerable).towards(towards);
    let mut served = plan(request).drive(mechanism, &mut entropy);
    if served.is_err() && mechanism.begins_to_wait() {
        served = plan(request).drive(mechanism, &mut entropy);
    }
    if served.is_ok() || rules.revision() == revision {
        return served;
    }
    plan(renewed(mechanism)).drive(mechanism, &mut entropy)
}
