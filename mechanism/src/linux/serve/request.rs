//! One request on Linux: what is asked of the plan, and what the program is told.

use super::choice::{Chosen, Got, choose, may_go_unseen};
use super::intercepted::{InterceptedCall, Original};
use super::mechanism::LinuxMechanism;
use super::steer::unbind;
use crate::grant::Grant;
use crate::linux::kernel::call::Result;
use crate::linux::kernel::errno;
use crate::linux::socket::address::Address;
use crate::linux::socket::facts::Socket;
use crate::linux::socket::options::{LocalPortRange, bind_as_recorded, refuses_address};
use crate::linux::socket::steering::{self, Reach};
use crate::port_lock::{PATIENCE, PortLock};
use crate::run_plan::run_plan;
use crate::session::{About, Session};
use core::ffi::c_int;
use portshim_policy::model::{Call, Fault, Sharing};
use portshim_policy::plan::{Given, Mechanism, Opening, Request, Step, Terms, is_dense};
use portshim_policy::ports::{PortRange, Scope, scopes_of};
use portshim_policy::region::{LedgerView, Verdict};

/// Outcome of a request.
pub struct Served {
    /// Result of the program's call.
    pub answer: isize,
    /// The port that it got, if it is to be counted.
    pub grant: Option<Grant>,
}

/// Serves an intercepted call. The error number is set as that call would set it. `None` where the
/// descriptor is not what it was taken for: nothing has been done.
#[inline]
pub fn serve<O: Original>(intercepted: &InterceptedCall<'_, O>) -> Option<Served> {
    let (scope, dual) = intercepted.socket.scope(intercepted.local, intercepted.peer);
    // Of a socket that no call has touched, nothing is asked until it is to be changed.
    if !intercepted.socket.untouched && !intercepted.may_change() {
        return None;
    }
    let before = intercepted.original.error();
    let mut reach = Reach::default();
    let terms = Terms::of(intercepted.session.rules, scope, dual, || {
        reach = steering::reach(intercepted.socket, scope, intercepted.session.rules);
        reach.steerable
    });
    let first = at_once(intercepted, scope, dual, &terms, reach);
    let served = match first {
        First::Done(served) => served,
        First::Open(opening, tried) if intercepted.socket.unasked => {
            once_asked(intercepted.erased(), scope, dual, reach, opening, tried)
        }
        First::Open(opening, tried) => at_length(&intercepted.erased(), scope, dual, terms, reach, opening, tried),
    }?;
    if served.answer >= 0 {
        intercepted.original.set_error(before);
    }
    Some(served)
}

/// Outcome of the first step of a plan.
enum First {
    /// The call is over.
    Done(Option<Served>),
    /// It goes on, with what came of that step where it could be tried.
    Open(Opening, Option<Opened>),
}

/// Outcome of a step that was tried.
#[derive(Clone, Copy)]
enum Opened {
    /// The kernel chose.
    Chosen(Chosen),
    /// This port could not be bound.
    Refused(u16, c_int),
}

/// Takes the first step of the plan on a new socket, where it is plain to see and no option has to
/// be set for it. On another one it takes the step that is the same whatever options the program
/// has set: to leave the choice to the kernel. One of which nothing has been asked is also limited
/// to a run for that, before all is asked.
#[inline(always)]
fn at_once<O: Original>(
    intercepted: &InterceptedCall<'_, O>,
    scope: Scope,
    dual: bool,
    terms: &Terms,
    reach: Reach,
) -> First {
    let InterceptedCall { session, socket, call, .. } = *intercepted;
    if !intercepted.binds || !intercepted.is_plain() || !socket.untouched && !terms.leave_choice() {
        return First::Open(Opening::default(), None);
    }
    let (rules, ledger, hint) = (session.rules, session.region.ledger.at_large(), session.hint(scope));
    let request = Request { call, scope, dual, reuse: false, limit: PortRange::ALL, peer: 0 };
    let given = Given { rules, ledger, hint, towards: None, request: &request, terms };
    let opening = given.opening(&mut rules.entropy(scope, session.secret()));
    let opened = match opening.step {
        Some(Step::Steer(run)) if run.len() > 1 && (reach.own == Some(run) || socket.unasked) => {
            let shares = intercepted.is_tcp_connect();
            if shares && (rules.sharing() == Sharing::Exclusive || is_dense(run, hint)) {
                return First::Open(opening, None);
            }
            let unseen = may_go_unseen(intercepted, scope, terms.hull, run);
            if !unseen && !intercepted.may_change() {
                return First::Done(None);
            }
            let limited = if reach.own == Some(run) { None } else { Some(limited(socket, run)) };
            if limited.as_ref().is_some_and(Option::is_none) {
                return First::Open(opening, None);
            }
            match choose(intercepted, run, unseen, false) {
                Chosen::Done(answer, got) if socket.unasked && !is_port(socket, got) => {
                    return First::Done(Some(Served { answer, grant: None }));
                }
                Chosen::Done(answer, got) => {
                    let grant = granted(intercepted, got, scope, dual, false, answer);
                    return First::Done(Some(Served { answer, grant }));
                }
                chosen => Opened::Chosen(chosen),
            }
        }
        Some(Step::Pin(port)) => {
            if !intercepted.may_change() {
                return First::Done(None);
            }
            let address = intercepted.local.with_port(port);
            let answer = match call {
                Call::Bind => intercepted.original.bind(intercepted.interceptor, socket.fd, &address).map(|()| 0),
                _ => bind_before(intercepted, &address),
            };
            match answer {
                Ok(answer) => {
                    let grant = granted(intercepted, Got::Port(port), scope, dual, false, answer);
                    let grant = grant.map(|grant| Grant { how: Verdict::Pinned, ..grant });
                    return First::Done(Some(Served { answer, grant }));
                }
                Err(error) => Opened::Refused(port, error),
            }
        }
        _ => return First::Open(opening, None),
    };
    First::Open(opening, Some(opened))
}

/// Limits a socket that no program has limited to `run`, until this is dropped.
#[cold]
fn limited(socket: &Socket, run: PortRange) -> Option<LocalPortRange> {
    let mut range = LocalPortRange::of(socket, None, false);
    range.steer(run).is_ok().then_some(range)
}

/// Tells whether a socket of which only the protocol is known has got a port by `bind`: not where
/// that only records the address, nor where the socket is raw and shows its protocol.
fn is_port(socket: &Socket, got: Got) -> bool {
    matches!(got, Got::Port(port) if c_int::from(port) != socket.protocol || socket.once_asked().is_some())
}

/// Goes on with a socket of which only the protocol was known. Where it turns out to be of another
/// network than `before` was the reach of, all begins anew. `None` as in [`serve`], and where it is
/// none that is served.
#[cold]
fn once_asked(
    intercepted: InterceptedCall<'_>,
    scope: Scope,
    dual: bool,
    before: Reach,
    opening: Opening,
    opened: Option<Opened>,
) -> Option<Served> {
    let socket = intercepted.socket.once_asked()?;
    if opened.is_none() && intercepted.call == Call::Bind && socket.binds_address_only() {
        return None;
    }
    let rules = intercepted.session.rules;
    let known = InterceptedCall { socket: &socket, ..intercepted };
    let mut reach = Reach::default();
    let terms = Terms::of(rules, scope, dual, || {
        reach = steering::reach(&socket, scope, rules);
        reach.steerable
    });
    if reach == before {
        return at_length(&known, scope, dual, terms, reach, opening, opened);
    }
    steering::beware_of_others();
    if let Some(Opened::Chosen(Chosen::Missed(..))) = opened {
        unbind(&socket);
    }
    at_length(&known, scope, dual, terms, reach, Opening::default(), None)
}

/// Binds the socket to an address, and makes the program's own call.
///
/// # Errors
/// Of the bind: the program's call has not been made.
#[inline(never)]
fn bind_before<O: Original>(intercepted: &InterceptedCall<'_, O>, address: &Address) -> Result<isize> {
    bind_as_recorded(intercepted.socket.fd, address)?;
    Ok(intercepted.original.call())
}

/// Carries the plan out, of which a first step may have been tried. `None` as in [`serve`].
#[inline(never)]
fn at_length(
    intercepted: &InterceptedCall<'_>,
    scope: Scope,
    dual: bool,
    terms: Terms,
    reach: Reach,
    opening: Opening,
    opened: Option<Opened>,
) -> Option<Served> {
    let left_to_kernel = terms.leave_choice();
    // A closed TCP socket that shows a port may have lost it. To the kernel that makes no
    // difference; where we choose, we have to know.
    let mut unsure = intercepted.local.port() != 0;
    if unsure && !left_to_kernel {
        if refuses_address(intercepted.socket.fd, intercepted.local) {
            return Some(Served { answer: reconnect(intercepted), grant: None });
        }
        unsure = false;
    }
    let range = LocalPortRange::of(intercepted.socket, reach.own, intercepted.session.programs_limit_sockets());
    let request = intercepted.request(scope, dual, range.limit(terms.hull), left_to_kernel);
    let ledger = intercepted.session.ledger(terms.hull.unwrap_or(PortRange::ALL), scopes_of(scope, dual));
    let mut mechanism = LinuxMechanism::new(intercepted, scope, range, unsure, left_to_kernel);
    let tried = opened.map(|opened| match opened {
        Opened::Chosen(chosen) => mechanism.conclude(chosen),
        Opened::Refused(port, error) => mechanism.refused(port, error),
    });
    let mut served = run_plan(intercepted.session, &mut mechanism, &request, ledger, &terms, opening, tried);
    if served.is_err() && steering::reload_again() {
        served = run_anew(&mut mechanism, &request, ledger);
    }
    mechanism.put_back();
    let mut grant = None;
    let answer = match served {
        Ok(None) => return None,
        Err(_) if !intercepted.may_change() => return None,
        Ok(Some(answer)) if mechanism.how() == Verdict::Uncovered => {
            tell_uncovered_of(intercepted, scope, answer);
            answer
        }
        Ok(Some(answer)) => {
            let got = mechanism.got();
            grant = granted(intercepted, got, scope, dual, unsure, answer).map(|grant| Grant {
                how: mechanism.how(),
                single: mechanism.is_for_one(),
                towards: mechanism.shared_towards().filter(|_| got == Got::Port(grant.port)),
                ..grant
            });
            answer
        }
        Err(fault) => refused(intercepted, &mechanism, scope, unsure, fault),
    };
    Some(Served { answer, grant })
}

/// Carries a plan out once more: where the kernel chooses has changed.
#[cold]
fn run_anew(
    mechanism: &mut LinuxMechanism<'_>,
    request: &Request,
    ledger: LedgerView<'_>,
) -> core::result::Result<Option<isize>, Fault> {
    let InterceptedCall { session, socket, .. } = *mechanism.intercepted;
    let steerable = || steering::reach(socket, request.scope, session.rules).steerable;
    let terms = Terms::of(session.rules, request.scope, request.dual, steerable);
    let request = Request { limit: mechanism.limit(terms.hull), ..*request };
    run_plan(session, mechanism, &request, ledger, &terms, Opening::default(), None)
}

/// The port that was got, after the program's own call. Many a call that fails has taken one all
/// the same, but for `bind`.
#[inline(always)]
fn granted<O: Original + ?Sized>(
    intercepted: &InterceptedCall<'_, O>,
    got: Got,
    scope: Scope,
    dual: bool,
    unsure: bool,
    answer: isize,
) -> Option<Grant> {
    let certain = !unsure && intercepted.is_under_way(answer);
    if !certain && intercepted.call == Call::Bind {
        return None;
    }
    let port = match got {
        Got::Port(port) if certain => port,
        Got::Unseen if certain => 0,
        _ => port_of(intercepted.socket.fd),
    };
    let has_got = certain || port != 0 && !(unsure && port == intercepted.local.port());
    let (call, how, scopes) = (intercepted.call, Verdict::Steered, scopes_of(scope, dual));
    has_got.then_some(Grant { call, how, scope, scopes, port, single: false, towards: None })
}

#[inline(never)]
fn port_of(fd: c_int) -> u16 {
    Address::local(fd).map_or(0, |local| local.port())
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
        return intercepted.original.call();
    }
    if mechanism.is_hindered() {
        mechanism.record_address_again();
        let answer = intercepted.original.call();
        tell_uncovered_of(intercepted, scope, answer);
        return answer;
    }
    intercepted.session.note(intercepted.call, scope, Verdict::Exhausted, 0, intercepted.about());
    if intercepted.call != Call::Bind {
        mechanism.record_address_again();
    }
    intercepted.fail(intercepted.refusal(fault))
}

/// Makes the program's own call on a socket that has kept its port. No connection that shares ports
/// may be about to have this one, and to the same peer.
#[cold]
fn reconnect(intercepted: &InterceptedCall<'_>) -> isize {
    let shares = intercepted.is_tcp_connect() && intercepted.session.rules.sharing() == Sharing::Tuple;
    let slot = intercepted.session.region.header.claim(intercepted.local.port());
    let mut patience = PATIENCE;
    let mut claim = if shares { PortLock::on(slot, &mut patience) } else { None };
    if let Some(claim) = &mut claim {
        claim.shorten();
    }
    intercepted.original.call()
}

/// Tells the session that the kernel chose a port, if it did.
#[cold]
pub fn tell_uncovered(session: Session, call: Call, socket: &Socket, answer: isize) {
    let (scope, _) = socket.scope(&Address::any(socket.family), None);
    let is_under_way = answer >= 0 || errno::get() == libc::EINPROGRESS;
    note_uncovered(session, call, socket, scope, is_under_way);
}

fn tell_uncovered_of(intercepted: &InterceptedCall<'_>, scope: Scope, answer: isize) {
    let InterceptedCall { session, call, socket, .. } = *intercepted;
    note_uncovered(session, call, socket, scope, intercepted.is_under_way(answer));
}

#[cold]
fn note_uncovered(session: Session, call: Call, socket: &Socket, scope: Scope, is_under_way: bool) {
    let port = Address::local(socket.fd).map_or(0, |local| local.port());
    if is_under_way || port != 0 {
        session.note(call, scope, Verdict::Uncovered, port, About::default());
    }
}
