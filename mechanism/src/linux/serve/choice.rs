//! The kernel's choice: the program's own call is made, and the kernel chooses a port inside a run.

use super::intercepted::{InterceptedCall, Original};
use crate::linux::kernel::errno;
use crate::linux::socket::address::Address;
use crate::linux::socket::steering;
use portshim_policy::model::{Call, exhausted};
use portshim_policy::plan::is_sparse;
use portshim_policy::ports::{PortRange, Scope, Transport};

/// Knowledge of the port that a socket got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// Its number.
    Port(u16),
    /// The kernel chose, and nobody looked.
    Unseen,
    /// Nothing, not even whether there is one.
    Unknown,
}

/// Outcome of a call in which the kernel chose.
#[derive(Clone, Copy)]
pub(super) enum Chosen {
    /// It is over: this is what it returned, and the port that the socket got.
    Done(isize, Got),
    /// It failed for want of a port.
    Taken,
    /// It has got a port outside the run.
    Missed(isize, Got),
}

/// Makes the program's own call, for which the kernel chooses inside `run`. With `unseen`, nobody
/// looks at the port. The socket may have had one all along where that is `unsure`.
#[inline(always)]
pub(super) fn choose<O: Original + ?Sized>(
    intercepted: &InterceptedCall<'_, O>,
    run: PortRange,
    unseen: bool,
    unsure: bool,
) -> Chosen {
    let answer = intercepted.original.call();
    if answer < 0 && is_exhausted(intercepted) {
        return Chosen::Taken;
    }
    if unsure || !intercepted.is_under_way(answer) {
        return Chosen::Done(answer, Got::Unknown);
    }
    if unseen {
        return Chosen::Done(answer, if run.len() == 1 { Got::Port(run.first()) } else { Got::Unseen });
    }
    let looked = match intercepted.original.got() {
        Some(port) => judged(port, run),
        None => look(intercepted.socket.fd, run),
    };
    match looked {
        Ok(got) => Chosen::Done(answer, got),
        Err(got) => Chosen::Missed(answer, got),
    }
}

/// The port that the kernel chose; an error where that is not in `run`: the host's range has
/// changed since we looked.
#[inline(never)]
pub(super) fn look(fd: core::ffi::c_int, run: PortRange) -> Result<Got, Got> {
    judged(Address::local(fd).map_or(0, |local| local.port()), run)
}

#[inline(always)]
fn judged(port: u16, run: PortRange) -> Result<Got, Got> {
    match port {
        0 => Ok(Got::Unknown),
        port if run.contains(port) => {
            steering::confirm();
            Ok(Got::Port(port))
        }
        port => Err(Got::Port(port)),
    }
}

/// Tells whether it need not be seen which port of `run` a new socket gets, where the scope's lie
/// in `hull`: nobody wants to know, or there is but one, and in this very moment the kernel was
/// seen to choose where it was told to.
#[inline(always)]
pub(super) fn may_go_unseen<O: Original + ?Sized>(
    intercepted: &InterceptedCall<'_, O>,
    scope: Scope,
    hull: Option<PortRange>,
    run: PortRange,
) -> bool {
    (run.len() == 1 || is_worthless(intercepted, scope, hull))
        && intercepted.socket.untouched
        && intercepted.binds
        && !intercepted.session.logs()
        && steering::recently_confirmed()
}

/// Tells whether it is of no use to know which port a socket gets.
#[inline(always)]
fn is_worthless<O: Original + ?Sized>(
    intercepted: &InterceptedCall<'_, O>,
    scope: Scope,
    hull: Option<PortRange>,
) -> bool {
    let session = intercepted.session;
    let sparse = is_sparse(session.rules, scope, hull, session.hint(scope));
    if !sparse {
        (intercepted.interceptor.learn_unseen)(session, scope);
    }
    sparse
}

/// Tells whether the program's own call has just failed for want of a port.
#[cold]
fn is_exhausted<O: Original + ?Sized>(intercepted: &InterceptedCall<'_, O>) -> bool {
    intercepted.original.error() == errno::of(exhausted(intercepted.call, intercepted.socket.transport))
        && !is_bound_datagram(intercepted)
}

/// Tells whether a failed datagram call found the socket bound: then its EAGAIN speaks of a full
/// buffer.
fn is_bound_datagram<O: Original + ?Sized>(intercepted: &InterceptedCall<'_, O>) -> bool {
    intercepted.socket.transport == Transport::Udp
        && intercepted.call != Call::Bind
        && Address::local(intercepted.socket.fd).is_ok_and(|local| local.port() != 0)
}
