//! Carries a whole plan out.

use crate::session::Session;
use portshim_policy::model::Fault;
use portshim_policy::plan::{Given, Mechanism, Opening, Plan, Request, Terms, Try};
use portshim_policy::region::LedgerView;

/// Carries a plan for `request` out, whose scope has these `terms`. One that found no port begins
/// anew where the dynamic ports have been replaced meanwhile. The step of `opening` may have been
/// `tried`.
///
/// # Errors
/// The [`Fault`] to report, where no port is left.
pub fn run_plan<M: Mechanism>(
    session: Session,
    mechanism: &mut M,
    request: &Request,
    ledger: LedgerView<'_>,
    terms: &Terms,
    opening: Opening,
    tried: Option<Try<M::Answer>>,
) -> Result<M::Answer, Fault> {
    let tried = match tried {
        Some(Try::Done(answer)) => return Ok(answer),
        Some(Try::Again(outcome)) => Some(outcome),
        None => None,
    };
    let rules = session.rules;
    let towards = if request.peer == 0 {
        None
    } else {
        session.peers().and_then(|peers| peers.find(request.peer).map(|place| peers.hint(place)))
    };
    let given = Given { rules, ledger, hint: session.hint(request.scope), towards, request, terms };
    let served = Plan::serve(&given, opening, tried, mechanism, rules.entropy(request.scope, session.secret()));
    if served.is_ok() { served } else { run_again(session, mechanism, given, served) }
}

/// Goes on where no port was found.
#[cold]
fn run_again<M: Mechanism>(
    session: Session,
    mechanism: &mut M,
    given: Given<'_>,
    mut served: Result<M::Answer, Fault>,
) -> Result<M::Answer, Fault> {
    let Given { rules, request, terms, .. } = given;
    let entropy = || rules.entropy(request.scope, session.secret());
    if mechanism.begins_to_wait() {
        served = Plan::serve(&given, Opening::default(), None, mechanism, entropy());
    }
    if served.is_err() && rules.revision() != terms.revision {
        let terms = Terms::of(rules, request.scope, request.dual, || mechanism.steerable(request.scope));
        let request = Request { limit: mechanism.limit(terms.hull), ..*request };
        let given = Given { request: &request, terms: &terms, ..given };
        served = Plan::serve(&given, Opening::default(), None, mechanism, entropy());
    }
    served
}
