//! Serves one request on Windows: what is asked of the plan, and what the program is told.

use super::intercepted::InterceptedCall;
use super::mechanism::WindowsMechanism;
use crate::grant::Grant;
use crate::run_plan::run_plan;
use crate::windows::kernel::errno;
use portshim_policy::plan::{Opening, Request, Terms};
use portshim_policy::ports::{PortRange, scopes_of};
use portshim_policy::region::Verdict;
use windows_sys::Win32::Networking::WinSock::WSAEACCES;

/// Outcome of a request.
pub struct Served {
    /// Result of the program's call.
    pub answer: i32,
    /// The port that it got, if it is to be counted.
    pub grant: Option<Grant>,
}

/// Serves a call: what the program's call returns. The last error is as that call would leave it.
///
/// `has_got` is called once the socket has its port, with `true` where it has been made exclusive
/// for that and stays so; and before the program's own call, which may take long. Whoever ends that
/// by closing the socket may see its number stand for another one when it comes back.
pub fn serve(intercepted: &InterceptedCall<'_>, has_got: &dyn Fn(bool)) -> Served {
    let session = intercepted.session;
    let rules = session.rules;
    let (scope, dual) = intercepted.socket.scope(&intercepted.local, intercepted.peer.as_ref());
    let request = Request {
        call: intercepted.call,
        scope,
        dual,
        reuse: false, // an order of Linux's own, which no preset has on Windows
        limit: PortRange::ALL,
        peer: intercepted.peer.map_or(0, |peer| session.hash(&intercepted.local, &peer)),
    };
    let scopes = scopes_of(scope, dual);
    let mut attempt = WindowsMechanism::new(intercepted, scopes, has_got);
    // Winsock cannot be made to choose inside a range.
    let terms = Terms::of(rules, scope, dual, || None);
    let ledger = session.ledger(terms.hull.unwrap_or(PortRange::ALL), scopes);
    let answer = match run_plan(session, &mut attempt, &request, ledger, &terms, Opening::default(), None) {
        Ok(answer) => answer,
        // What Windows itself keeps back is not used up.
        Err(_) if attempt.met_none_but_kept_back() => {
            session.note(intercepted.call, scope, Verdict::Refused, 0, intercepted.about());
            errno::fail(WSAEACCES)
        }
        Err(fault) => {
            session.note(intercepted.call, scope, Verdict::Exhausted, 0, intercepted.about());
            errno::fail(errno::of(fault))
        }
    };
    let left = errno::get();
    let (call, how, single, towards) = (intercepted.call, Verdict::Pinned, false, None);
    let grant = attempt.port().map(|port| Grant { call, how, scope, scopes, port, single, towards });
    drop(attempt);
    errno::set(left);
    Served { answer, grant }
}
