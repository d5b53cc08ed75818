//! The common case, in few steps: a new socket of which everything is known, and a policy that leaves no doubt which
//! ports are to be tried first. What is not so common is left to an [attempt](super::attempt).

use super::attempt::Got;
use super::drive::Wish;
use super::host::Reach;
use super::options::{Lifted, RangeOption};
use super::{errno, held, host, sys};
use crate::claim::Claim;
use portshim_policy::model::{Call, Sharing, exhausted};
use portshim_policy::plan::{Request, Step};
use portshim_policy::ports::{PortRange, Scope};
use portshim_policy::region::Verdict;

/// Serves a wish. `None` where it takes more than this; then nothing has been changed that an attempt would mind.
#[inline]
pub(crate) fn serve(wish: &Wish<'_>, scope: Scope, dual: bool, reach: Reach) -> Option<isize> {
    let session = wish.session;
    if !wish.socket.untouched || !wish.binds || session.logs() {
        return None;
    }
    let (rules, steerable) = (session.rules, reach.steerable);
    let peer = wish.peer.filter(|_| wish.is_tcp_connect() && !rules.leaves_choice(scope, steerable));
    let peer = peer.map_or(0, |peer| session.hash(&wish.local, &peer));
    let request = Request { call: wish.call, scope, dual, reuse: false, limit: PortRange::ALL, peer };
    let mut entropy = rules.entropy(scope, session.secret());
    match request.plain_step(rules, &session.region.ledger, session.hint(scope), steerable, &mut entropy)? {
        Step::Steer(_) if !may_steer(wish, scope) => None,
        Step::Steer(run) if reach.own == Some(run) => choose(wish, scope, dual, Got::Unseen),
        _ if !wish.may_change() => None,
        Step::Steer(run) => steer(wish, scope, dual, run, Got::Unseen),
        Step::Aim(port) if host::just_obeyed() => {
            let aimed = steer(wish, scope, dual, PortRange::single(port), Got::Port(port));
            if aimed.is_none() {
                learn(wish, scope, port);
            }
            aimed
        }
        Step::Pin(port) => pin(wish, scope, dual, port),
        _ => None,
    }
}

/// Remembers that `port` was found to be taken.
fn learn(wish: &Wish<'_>, scope: Scope, port: u16) {
    if let Some(hint) = wish.session.hint(scope) {
        hint.mark(port);
    }
}

/// Whether the kernel may be left to choose, and nobody look what: it would let a connection share its port, which one
/// that shall have it alone must not, and it was only just seen to choose where it was told to.
#[inline]
fn may_steer(wish: &Wish<'_>, scope: Scope) -> bool {
    let alone = wish.is_tcp_connect() && wish.session.rules.sharing() == Sharing::Exclusive;
    !alone && held::may_go_unseen(wish.session, scope) && host::just_obeyed()
}

/// Has the kernel choose among the ports of `run`.
#[inline(never)]
fn steer(wish: &Wish<'_>, scope: Scope, dual: bool, run: PortRange, got: Got) -> Option<isize> {
    let mut range = RangeOption::of(&wish.socket, None);
    range.steer(run, false).ok()?;
    choose(wish, scope, dual, got)
}

/// Has the kernel choose.
#[inline]
fn choose(wish: &Wish<'_>, scope: Scope, dual: bool, got: Got) -> Option<isize> {
    let before = errno::get();
    let answer = (wish.own)();
    if answer < 0 && errno::get() == errno::of(exhausted(wish.call, wish.socket.transport)) {
        errno::set(before);
        return None;
    }
    wish.account(scope, dual, Verdict::Steered, got, false, answer);
    if answer >= 0 {
        errno::set(before);
    }
    Some(answer)
}

/// Binds the socket to `port`, if it is free.
#[inline]
fn pin(wish: &Wish<'_>, scope: Scope, dual: bool, port: u16) -> Option<isize> {
    let (before, fd) = (errno::get(), wish.socket.fd);
    let candidate = wish.local.with_port(port);
    let shares = wish.is_tcp_connect() && wish.session.rules.sharing() == Sharing::Tuple;
    // Until it is connected, no other connection that shares ports may come to have this one, and to the same peer.
    let mut claim = if shares { Claim::at_once(wish.session.region.header.claim(port)) } else { None };
    if shares && claim.is_none() {
        return None;
    }
    let bound = if wish.call == Call::Bind {
        wish.bind(&candidate)
    } else {
        sys::bind(fd, candidate.storage(), candidate.len())
    };
    if let Err(error) = bound {
        if error == libc::EADDRINUSE {
            learn(wish, scope, port);
        }
        errno::set(before);
        return None;
    }
    if let Some(claim) = &mut claim {
        Lifted::on(&wish.socket).keep_shared();
        claim.shorten();
    }
    let answer = if wish.call == Call::Bind { 0 } else { (wish.own)() };
    drop(claim);
    wish.account(scope, dual, Verdict::Pinned, Got::Port(port), false, answer);
    if answer >= 0 {
        errno::set(before);
    }
    Some(answer)
}
