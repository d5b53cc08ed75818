//! `bind` and `listen`.

use super::exits::{interceptor, next_bind};
use crate::linux::memory::{is_beyond_asking, read_address, taken_address};
use crate::linux::serve::{Exit, serve, unserved};
use crate::linux::{original, start};
use crate::session::Session;
use core::ffi::c_int;
use libc::{sockaddr, socklen_t};
use portshim_mechanism::linux::kernel::call::Result;
use portshim_mechanism::linux::kernel::{errno, process};
use portshim_mechanism::linux::known::fd_cache;
use portshim_mechanism::linux::known::sockets::{self, surely_has_port};
use portshim_mechanism::linux::serve::{InterceptedCall, Interceptor, Original, tell_uncovered};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_mechanism::session::About;
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::{Transport, scopes_of};
use portshim_policy::region::{Recorded, Verdict};

/// # Safety
/// As for bind(2).
pub(crate) unsafe fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    let call = unsafe { Bind::of(fd, address, len) };
    bind_as(Exit::Library, fd, address, len, &call) as c_int
}

/// A program's bind(2), which leaves through the next library.
struct Bind {
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
}

impl Bind {
    /// # Safety
    /// As for bind(2).
    #[inline(always)]
    unsafe fn of(fd: c_int, address: *const sockaddr, len: socklen_t) -> Self {
        Self { fd, address, len }
    }
}

impl Original for Bind {
    #[inline(always)]
    fn call(&self) -> isize {
        // SAFETY: as `of` was promised.
        unsafe { original::bind::next(self.fd, self.address, self.len) as isize }
    }

    #[inline(always)]
    fn bind(&self, _interceptor: &Interceptor, fd: c_int, address: &Address) -> Result<()> {
        next_bind(fd, address)
    }
}

/// Binds by `original`, which is the program's call and leaves by `exit`.
pub(super) fn bind_by(
    exit: Exit,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
    original: &dyn Original,
) -> isize {
    bind_as(exit, fd, address, len, &|| original.call())
}

/// As [`bind_by`], compiled for one kind of call.
#[inline(always)]
fn bind_as<O: Original>(exit: Exit, fd: c_int, address: *const sockaddr, len: socklen_t, original: &O) -> isize {
    let Some(session) = start::serving() else { return original.call() };
    let Some(socket) = sockets::served(fd) else { return original.call() };
    let Some(local) = read_address(address, len).filter(|a| a.fits_bind(socket.family)) else {
        return bind_unread(session, &socket, address, len, original);
    };
    let seen = fd_cache::get(fd);
    let answer = if local.port() != 0 {
        match refused(session, &socket, &local) {
            None => named(session, &socket, &local, original),
            Some(None) => return bind_by(exit, fd, address, len, original),
            Some(Some(answer)) => answer,
        }
    } else if socket.binds_address_only() {
        return original.call();
    } else {
        let call = Call::Bind;
        match serve(&InterceptedCall::of(session, &socket, call, &local, original, interceptor(exit)), exit) {
            Some(answer) => answer,
            None => return bind_by(exit, fd, address, len, original),
        }
    };
    if answer == 0 {
        match socket.transport {
            Transport::Tcp => fd_cache::mark_bound(fd, seen),
            Transport::Udp => fd_cache::mark_settled(fd, seen),
        }
    }
    answer
}

/// Binds to an address that could not be read, or that the kernel will not take.
#[cold]
fn bind_unread(
    session: Session,
    socket: &Socket,
    address: *const sockaddr,
    len: socklen_t,
    original: &dyn Original,
) -> isize {
    let answer = original.call();
    let blind = answer == 0 && is_beyond_asking(address.cast(), len);
    if blind && taken_address(address, len).is_some_and(|local| local.port() == 0) {
        tell_uncovered(session, Call::Bind, socket, answer);
    }
    answer
}

/// Makes a specific bind that is not refused.
#[inline(always)]
fn named<O: Original>(session: Session, socket: &Socket, local: &Address, original: &O) -> isize {
    let answer = original.call();
    if answer == 0 && session.records(Recorded::SPECIFIC) {
        session.log_specific(socket.scope(local, None).0, local.port());
    }
    answer
}

/// Yields what a specific bind returns that is refused; `Some(None)` where the descriptor is not
/// what was remembered of it: that has been forgotten.
#[inline(never)]
fn refused(session: Session, socket: &Socket, local: &Address) -> Option<Option<isize>> {
    if !is_blocked(session, socket, local) {
        return None;
    }
    if socket.confirmed().is_none() {
        fd_cache::forget(socket.fd);
        return Some(None);
    }
    Some(Some(refuse(session, socket, local)))
}

/// Tells whether a specific bind to this address is refused.
fn is_blocked(session: Session, socket: &Socket, local: &Address) -> bool {
    let (scope, dual) = socket.scope(local, None);
    session.blocks(local.port(), scopes_of(scope, dual)) || is_privileged(session, local.port())
}

/// Tells whether the policy keeps `port` for programs with privilege, which this one has not. Where
/// the host does so as well, the kernel refuses by itself.
fn is_privileged(session: Session, port: u16) -> bool {
    u32::from(port) < session.rules.unprivileged_start() && !process::may_bind_privileged()
}

fn refuse(session: Session, socket: &Socket, local: &Address) -> isize {
    session.note(Call::Bind, socket.scope(local, None).0, Verdict::Refused, local.port(), About::default());
    errno::set(errno::of(Fault::Blocked));
    -1
}

/// # Safety
/// As for listen(2).
pub(crate) unsafe fn listen(fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    listen_by(Exit::Library, fd, &|| unsafe { original::listen::next(fd, backlog) } as isize) as c_int
}

/// Listens by `original`, which is the program's call and leaves by `exit`.
pub(super) fn listen_by(exit: Exit, fd: c_int, original: &dyn Fn() -> isize) -> isize {
    let Some(session) = start::serving() else { return original() };
    let Some(socket) = sockets::served(fd) else { return original() };
    if socket.transport == Transport::Udp {
        if socket.confirmed().is_some() {
            return original();
        }
        fd_cache::forget(fd);
        return listen_by(exit, fd, original);
    }
    let Ok(local) = sockets::local(&socket) else { return unserved(session, &socket, Call::Listen, original) };
    if surely_has_port(&socket, &local) {
        fd_cache::invalidate(fd);
        return original();
    }
    let call = Call::Listen;
    serve(&InterceptedCall::of(session, &socket, call, &local, &original, interceptor(exit)), exit)
        .unwrap_or_else(|| listen_by(exit, fd, original))
}
