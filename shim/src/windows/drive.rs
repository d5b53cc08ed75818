//! Serves one request on Windows: what is asked of the plan, and what the program is told.

use super::address::Address;
use super::attempt::Attempt;
use super::errno;
use super::socket::Socket;
use crate::held::{self, Handed};
use crate::planned::planned;
use crate::session::Session;
use portshim_policy::model::Call;
use portshim_policy::plan::Request;
use portshim_policy::ports::{PortRange, scopes_of};
use portshim_policy::region::Verdict;

/// A request for a port, and the program's own call that needs it.
pub(crate) struct Wish<'a> {
    pub(crate) session: Session,
    pub(crate) socket: Socket,
    pub(crate) call: Call,
    /// The address that the socket is about to be bound to.
    pub(crate) local: Address,
    pub(crate) peer: Option<Address>,
    /// The last error from before the program's call.
    pub(crate) before: i32,
    /// The program's own call, past the hook; it sets the last error.
    pub(crate) own: &'a dyn Fn() -> i32,
}

/// Serves a wish: what the program's call returns. The last error is as that call would leave it.
pub(crate) fn serve(wish: &Wish<'_>) -> i32 {
    let session = wish.session;
    let rules = session.rules;
    let (scope, dual) = wish.socket.scope(&wish.local, wish.peer.as_ref());
    let request = Request {
        call: wish.call,
        scope,
        dual,
        reuse: false, // an order of Linux's own, which no preset has on Windows
        limit: PortRange::ALL,
        peer: wish.peer.map_or(0, |peer| session.hash(&wish.local, &peer)),
    };
    let scopes = scopes_of(scope, dual);
    let mut attempt = Attempt::new(wish, scopes);
    let ledger = session.ledger(rules.scope(scope).hull().unwrap_or(PortRange::ALL), scopes);
    // Winsock cannot be made to choose inside a range.
    let answer = match planned(session, &mut attempt, request, ledger, None, |_| request) {
        Ok(answer) => answer,
        Err(fault) => {
            session.note(wish.call, scope, Verdict::Exhausted, 0);
            errno::fail(errno::of(fault))
        }
    };
    let left = errno::get();
    if let Some(port) = attempt.port() {
        let handed = Handed { call: wish.call, how: Verdict::Pinned, scope, scopes, port, single: false };
        held::hold(session, wish.socket.handle, &handed);
    }
    drop(attempt);
    errno::set(left);
    answer
}
