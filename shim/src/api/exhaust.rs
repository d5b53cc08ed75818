//! The part of `portshim.h` that tests use: to be out of ports, in this process and its children
//! or in the whole session, until that is released.

use super::{answer, enter, in_turn, number, ports, restriction, scope_set};
use crate::system::errno::{EINVAL, ENOENT, ENOTCONN, ERANGE};
use crate::system::{Result, in_use, liveness, session};
use core::ffi::{c_int, c_uint};
use portshim_mechanism::session::Session;
use portshim_policy::model::Restriction;
use portshim_policy::plan::Candidates;
use portshim_policy::ports::{PortRange, Scope, ScopeSet, gaps};
use portshim_policy::region::{Entry, Maker};

/// Number of ports that can be left at most, and of ranges that can be named.
const MOST_LEFT: usize = 128;
pub(super) const MOST_RANGES: usize = 128;

/// `int portshim_exhaust(unsigned scopes, unsigned leave, int whom)`: a handle.
#[unsafe(no_mangle)]
extern "C" fn portshim_exhaust(scopes: c_uint, leave: c_uint, whom: c_int) -> c_int {
    answer(exhaust(scopes, leave, whom))
}

pub(super) fn exhaust(scopes: c_uint, leave: c_uint, whom: c_int) -> Result<c_int> {
    let (scopes, maker) = (scope_set(scopes)?, maker(whom)?);
    let session = session().ok_or(ENOTCONN)?;
    if leave as usize > MOST_LEFT {
        return Err(EINVAL);
    }
    let mut left = [[PortRange::ALL; MOST_LEFT]; 4];
    let mut counts = [0; 4];
    for scope in scopes.iter() {
        counts[scope.index()] = free(session, scope, &mut left[scope.index()][..leave as usize])?;
    }
    let left_of = |scope: Scope| &left[scope.index()][..counts[scope.index()]];
    withhold(scopes, maker, left_of)
}

/// `int portshim_only(const unsigned *ranges, size_t count, unsigned scopes, int whom)`: a handle.
///
/// # Safety
/// `ranges` must hold `count` pairs of a first and a last port.
#[unsafe(no_mangle)]
unsafe extern "C" fn portshim_only(ranges: *const c_uint, count: usize, scopes: c_uint, whom: c_int) -> c_int {
    if ranges.is_null() || count == 0 || count > MOST_RANGES {
        return answer(Err(EINVAL));
    }
    // SAFETY: portshim_only's caller passes `count` pairs of numbers.
    let pairs = unsafe { core::slice::from_raw_parts(ranges.cast::<[c_uint; 2]>(), count) };
    answer(only(pairs, scopes, whom))
}

pub(super) fn only(pairs: &[[c_uint; 2]], scopes: c_uint, whom: c_int) -> Result<c_int> {
    let maker = maker(whom)?;
    let session = session().ok_or(ENOTCONN)?;
    let mut kept = [PortRange::ALL; MOST_RANGES];
    for (range, [first, last]) in kept.iter_mut().zip(pairs) {
        *range = ports(*first, *last, scopes)?.0;
    }
    let (kept, scopes) = (&kept[..pairs.len()], scope_set(scopes)?);
    let ledger = session.ledger(PortRange::ALL, scopes);
    let some = |scope: Scope, range: &PortRange| {
        Candidates::new(session.rules, ledger, scope, false, *range).at_or_above(range.first()).is_some()
    };
    if !scopes.iter().all(|scope| kept.iter().any(|range| some(scope, range))) {
        return Err(ERANGE);
    }
    withhold(scopes, maker, |_| kept)
}

/// `int portshim_restrict(int act, unsigned first, unsigned last, unsigned scopes, int whom)`: a
/// handle.
#[unsafe(no_mangle)]
extern "C" fn portshim_restrict(act: c_int, first: c_uint, last: c_uint, scopes: c_uint, whom: c_int) -> c_int {
    answer(restriction(act).ok_or(EINVAL).and_then(|act| restrict(act, first, last, scopes, whom)))
}

pub(super) fn restrict(act: Restriction, first: c_uint, last: c_uint, scopes: c_uint, whom: c_int) -> Result<c_int> {
    let (range, scopes) = ports(first, last, scopes)?;
    enter(act, range, scopes, maker(whom)?).map(|entry| handle(entry.number))
}

/// `int portshim_release(int handle)`.
#[unsafe(no_mangle)]
extern "C" fn portshim_release(released: c_int) -> c_int {
    answer(release(released))
}

pub(super) fn release(released: c_int) -> Result<c_int> {
    let me = liveness::me();
    let fits = |entry: &Entry| {
        entry.maker.owner.is(&me)
            && if released == 0 { entry.act == Restriction::Exhaust } else { handle(entry.number) == released }
    };
    let lifted = in_turn(|change| change.lift_all(fits))?;
    if lifted == 0 && released != 0 { Err(ENOENT) } else { Ok(0) }
}

/// For whom an entry of this process holds.
fn maker(whom: c_int) -> Result<Maker> {
    match whom {
        0 | 1 => Ok(Maker { tree: whom == 1, ..liveness::me().into() }),
        _ => Err(EINVAL),
    }
}

/// The handle of the entries of a number: more than 0.
fn handle(number: u64) -> c_int {
    (number % c_int::MAX as u64) as c_int + 1
}

/// Fills `left` with the lowest ports that wildcard binds of `scope` may get and nobody uses, and
/// says how many there are.
fn free(session: Session, scope: Scope, left: &mut [PortRange]) -> Result<usize> {
    let ledger = session.ledger(PortRange::ALL, scope.into());
    let view = Candidates::new(session.rules, ledger, scope, false, PortRange::ALL);
    let busy = |port| session.hint(scope).is_some_and(|hint| hint.contains(port));
    let next = |from| {
        let mut port = view.at_or_above(from);
        while let Some(taken) = port.filter(|port| busy(*port)) {
            port = taken.checked_add(1).and_then(|from| view.at_or_above(from));
        }
        port
    };
    in_use::unused(scope, next, left)
}

/// Keeps all ports of `scopes` but those of `left` from wildcard binds. Scopes of which the same
/// ports are left are taken together.
fn withhold<'a>(scopes: ScopeSet, maker: Maker, left: impl Fn(Scope) -> &'a [PortRange]) -> Result<c_int> {
    let alike = |one: Scope| scopes.iter().filter(|other| left(*other) == left(one)).collect::<ScopeSet>();
    let firsts = scopes.iter().filter(|scope| alike(*scope).iter().next() == Some(*scope));
    let ports = firsts.flat_map(|scope| gaps(left(scope)).map(move |range| (range, alike(scope))));
    in_turn(|change| change.exhaust(ports.clone(), maker))?.map(handle).map_err(number)
}
