//! `bind` and `listen`.

use super::exits::interceptor;
use crate::linux::memory::{is_beyond_asking, read_address, taken_address};
use crate::linux::serve::{Exit, serve, unserved};
use crate::linux::sockets::{self, surely_has_port};
use crate::linux::{fd_cache, original, start};
use crate::session::Session;
use core::ffi::c_int;
use libc::{sockaddr, socklen_t};
use portshim_mechanism::linux::kernel::{errno, process};
use portshim_mechanism::linux::serve::{InterceptedCall, tell_uncovered};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::{Transport, scopes_of};
use portshim_policy::region::Verdict;

/// # Safety
/// As for bind(2).
pub(crate) unsafe fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    bind_by(Exit::Library, fd, address, len, &|| unsafe { original::bind::next(fd, address, len) } as isize) as c_int
}

/// Binds by `original`, which is the program's call and leaves by `exit`.
pub(super) fn bind_by(
    exit: Exit,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
    original: &dyn Fn() -> isize,
) -> isize {
    let Some(session) = start::session() else { return original() };
    let Some(socket) = sockets::served(fd) else { return original() };
    let Some(local) = read_address(address, len).filter(|a| a.fits_bind(socket.family)) else {
        let answer = original();
        let blind = answer == 0 && is_beyond_asking(address.cast(), len);
        if blind && taken_address(address, len).is_some_and(|local| local.port() == 0) {
            tell_uncovered(session, Call::Bind, &socket, answer);
        }
        return answer;
    };
    let seen = fd_cache::get(fd);
    let answer = if local.port() != 0 {
        if is_blocked(session, &socket, &local) {
            if socket.confirmed().is_none() {
                fd_cache::forget(fd);
                return bind_by(exit, fd, address, len, original);
            }
            refuse(session, &socket, &local)
        } else {
            original()
        }
    } else if socket.binds_address_only() {
        return original();
    } else {
        let call = Call::Bind;
        match serve(&InterceptedCall::of(session, socket, call, local, original, interceptor(exit)), exit) {
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

/// Whether a specific bind to this address is refused.
fn is_blocked(session: Session, socket: &Socket, local: &Address) -> bool {
    let (scope, dual) = socket.scope(local, None);
    session.blocks(local.port(), scopes_of(scope, dual)) || is_privileged(session, local.port())
}

/// Whether the policy keeps `port` for programs with privilege, which this one has not. Where the host does so
/// as well, the kernel refuses by itself.
fn is_privileged(session: Session, port: u16) -> bool {
    u32::from(port) < session.rules.unprivileged_start() && !process::may_bind_privileged()
}

fn refuse(session: Session, socket: &Socket, local: &Address) -> isize {
    session.note(Call::Bind, socket.scope(local, None).0, Verdict::Refused, local.port());
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
    let Some(session) = start::session() else { return original() };
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
    serve(&InterceptedCall::of(session, socket, call, local, original, interceptor(exit)), exit)
        .unwrap_or_else(|| listen_by(exit, fd, original))
}
