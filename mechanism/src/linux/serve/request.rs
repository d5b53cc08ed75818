//! One request on Linux: what is asked of the plan, and what the program is told.

use super::intercepted::InterceptedCall;
use super::mechanism::{Got, LinuxMechanism};
use crate::grant::Grant;
use crate::linux::kernel::errno;
use crate::linux::socket::address::Address;
use crate::linux::socket::facts::Socket;
use crate::linux::socket::options::{LocalPortRange, refuses_address};
use crate::linux::socket::steering::{self, Reach};
use crate::port_lock::{PATIENCE, PortLock};
use crate::run_plan::run_plan;
use crate::session::Session;
use portshim_policy::model::{Call, Fault, Sharing};
use portshim_policy::plan::Request;
use portshim_policy::ports::{PortRange, Scope, scopes_of};
use portshim_policy::region::Verdict;

/// What came of a request.
pub struct Served {
    /// What the program's call returns.
    pub answer: isize,
    /// The port that it got, if it is to be counted.
    pub grant: Option<Grant>,
}

/// Serves an intercepted call. `errno` is set as that call would set it. `None` where the descriptor is not what it was
/// taken for: nothing has been done.
#[inline]
pub fn serve(intercepted: &InterceptedCall<'_>) -> Option<Served> {
    let (scope, dual) = intercepted.socket.scope(&intercepted.local, intercepted.peer.as_ref());
    let reach = steering::reach(&intercepted.socket, scope, intercepted.session.rules);
    // Of a socket that no call has touched, nothing is asked until it is to be changed.
    if !intercepted.socket.untouched && !intercepted.may_change() {
        return None;
    }
    let before = errno::get();
    let served = answered(intercepted, scope, dual, reach)?;
    if served.answer >= 0 {
        errno::set(before);
    }
    Some(served)
}

/// Carries the plan out. `None` as in [`serve`].
fn answered(intercepted: &InterceptedCall<'_>, scope: Scope, dual: bool, reach: Reach) -> Option<Served> {
    let rules = intercepted.session.rules;
    let steerable = reach.steerable;
    let left_to_kernel = rules.leaves_choice(scope, steerable);
    // A closed TCP socket that shows a port may have lost it. To the kernel that makes no difference; where
    // we choose, we have to know.
    let mut unsure = intercepted.local.port() != 0;
    if unsure && !left_to_kernel {
        if refuses_address(intercepted.socket.fd, &intercepted.local) {
            return Some(Served { answer: reconnect(intercepted), grant: None });
        }
        unsure = false;
    }
    let range = LocalPortRange::of(&intercepted.socket, reach.own, intercepted.session.programs_limit_sockets());
    let request = intercepted.request(scope, dual, &range, left_to_kernel);
    let ledger =
        intercepted.session.ledger(rules.scope(scope).hull().unwrap_or(PortRange::ALL), scopes_of(scope, dual));
    let mut mechanism = LinuxMechanism::new(intercepted, scope, range, unsure, left_to_kernel);
    let renewed = |mechanism: &LinuxMechanism<'_>| {
        let limit = mechanism.limit(rules.scope(scope).hull());
        Request { limit, ..request }
    };
    let mut whole = |steerable| run_plan(intercepted.session, &mut mechanism, request, ledger, steerable, renewed);
    let mut served = whole(steerable);
    if served.is_err() && steering::reload_again() {
        served = whole(steering::reach(&intercepted.socket, scope, rules).steerable);
    }
    mechanism.put_back();
    let mut grant = None;
    let answer = match served {
        Ok(None) => return None,
        Err(_) if !intercepted.may_change() => return None,
        Ok(Some(answer)) if mechanism.how() == Verdict::Uncovered => {
            tell_uncovered_of(intercepted.session, intercepted.call, &intercepted.socket, scope, answer);
            answer
        }
        Ok(Some(answer)) => {
            grant = granted(intercepted, &mechanism, scope, dual, unsure, answer);
            answer
        }
        Err(fault) => refused(intercepted, &mechanism, scope, unsure, fault),
    };
    Some(Served { answer, grant })
}

/// The port that was got, after the program's own call. Many a call that fails has taken one all the same.
#[inline]
fn granted(
    intercepted: &InterceptedCall<'_>,
    mechanism: &LinuxMechanism<'_>,
    scope: Scope,
    dual: bool,
    unsure: bool,
    answer: isize,
) -> Option<Grant> {
    let certain = !unsure && (answer >= 0 || errno::get() == libc::EINPROGRESS);
    let port = match mechanism.got() {
        Got::Port(port) if certain => port,
        Got::Unseen if certain => 0,
        _ => Address::local(intercepted.socket.fd).map_or(0, |local| local.port()),
    };
    let has_got = certain || port != 0 && !(unsure && port == intercepted.local.port());
    has_got.then(|| Grant {
        call: intercepted.call,
        how: mechanism.how(),
        scope,
        scopes: scopes_of(scope, dual),
        port,
        single: mechanism.is_for_one(),
        towards: mechanism.shared_towards().filter(|_| mechanism.got() == Got::Port(port)),
    })
}

/// Answers where the plan has found no port.
#[cold]
fn refused(
    intercepted: &InterceptedCall<'_>,
    mechanism: &LinuxMechanism<'_>,
    scope: Scope,
    unsure: bool,
    fault: Fault,
) -> isize {
    if !mechanism.has_asked() && intercepted.is_bound_after_all(unsure) {
        return (intercepted.original)();
    }
    if mechanism.is_hindered() {
        mechanism.record_address_again();
        let answer = (intercepted.original)();
        tell_uncovered_of(intercepted.session, intercepted.call, &intercepted.socket, scope, answer);
        return answer;
    }
    intercepted.session.note(intercepted.call, scope, Verdict::Exhausted, 0);
    if intercepted.call != Call::Bind {
        mechanism.record_address_again();
    }
    errno::fail(intercepted.refusal(fault))
}

/// Makes the program's own call on a socket that has kept its port. No connection that shares ports may be about to have this
/// one, and to the same peer.
#[cold]
fn reconnect(intercepted: &InterceptedCall<'_>) -> isize {
    let shares = intercepted.is_tcp_connect() && intercepted.session.rules.sharing() == Sharing::Tuple;
    let slot = intercepted.session.region.header.claim(intercepted.local.port());
    let mut patience = PATIENCE;
    let mut claim = if shares { PortLock::on(slot, &mut patience) } else { None };
    if let Some(claim) = &mut claim {
        claim.shorten();
    }
    (intercepted.original)()
}

/// Tells the session that the kernel chose a port, if it did.
#[cold]
pub fn tell_uncovered(session: Session, call: Call, socket: &Socket, answer: isize) {
    let (scope, _) = socket.scope(&Address::any(socket.family), None);
    tell_uncovered_of(session, call, socket, scope, answer);
}

#[cold]
fn tell_uncovered_of(session: Session, call: Call, socket: &Socket, scope: Scope, answer: isize) {
    let port = Address::local(socket.fd).map_or(0, |local| local.port());
    if answer >= 0 || errno::get() == libc::EINPROGRESS || port != 0 {
        session.note(call, scope, Verdict::Uncovered, port);
    }
}
