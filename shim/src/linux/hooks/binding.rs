//! `bind` and `listen`.

use crate::linux::address::Address;
use crate::linux::drive::{Exit, Waits, Wish, serve, tell_uncovered, unserved};
use crate::linux::session::{self, Session};
use crate::linux::socket::Socket;
use crate::linux::{errno, hooks, known, memory, sys};
use core::cell::Cell;
use core::ffi::c_int;
use libc::{sockaddr, socklen_t};
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::{Transport, scopes_of};
use portshim_policy::region::Verdict;

/// # Safety
/// As for bind(2).
pub(crate) unsafe fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    bind_by(Exit::Library, fd, address, len, &|| unsafe { hooks::bind::next(fd, address, len) } as isize) as c_int
}

/// Binds by `own`, which is the program's call and leaves by `exit`.
pub(super) fn bind_by(
    exit: Exit,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
    own: &dyn Fn() -> isize,
) -> isize {
    let Some(session) = session::get() else { return own() };
    let Some(socket) = Socket::served(fd) else { return own() };
    let Some(local) = Address::read(address, len).filter(|a| a.fits_bind(socket.family)) else {
        let answer = own();
        let blind = answer == 0 && memory::is_beyond_asking(address.cast(), len);
        if blind && Address::taken(address, len).is_some_and(|local| local.port() == 0) {
            tell_uncovered(session, Call::Bind, &socket, answer);
        }
        return answer;
    };
    let seen = known::look(fd);
    let answer = if local.port() != 0 {
        if is_blocked(session, &socket, &local) {
            if socket.confirmed().is_none() {
                known::forget(fd);
                return bind_by(exit, fd, address, len, own);
            }
            refuse(session, &socket, &local)
        } else {
            own()
        }
    } else if socket.binds_address_only() {
        return own();
    } else {
        let (call, waits, confirmed) = (Call::Bind, Waits::Once, Cell::new(None));
        match serve(&Wish { session, socket, call, local, peer: None, binds: true, waits, own, exit, confirmed }) {
            Some(answer) => answer,
            None => return bind_by(exit, fd, address, len, own),
        }
    };
    if answer == 0 {
        match socket.transport {
            Transport::Tcp => known::bind(fd, seen),
            Transport::Udp => known::settle(fd, seen),
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
    u32::from(port) < session.rules.unprivileged_start() && !sys::may_bind_privileged()
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
    listen_by(Exit::Library, fd, &|| unsafe { hooks::listen::next(fd, backlog) } as isize) as c_int
}

/// Listens by `own`, which is the program's call and leaves by `exit`.
pub(super) fn listen_by(exit: Exit, fd: c_int, own: &dyn Fn() -> isize) -> isize {
    let Some(session) = session::get() else { return own() };
    let Some(socket) = Socket::served(fd) else { return own() };
    if socket.transport == Transport::Udp {
        if socket.confirmed().is_some() {
            return own();
        }
        known::forget(fd);
        return listen_by(exit, fd, own);
    }
    let Ok(local) = socket.local() else { return unserved(session, &socket, Call::Listen, own) };
    if socket.surely_has_port(&local) {
        known::doubt(fd);
        return own();
    }
    let (call, waits, confirmed) = (Call::Listen, Waits::Once, Cell::new(None));
    serve(&Wish { session, socket, call, local, peer: None, binds: true, waits, own, exit, confirmed })
        .unwrap_or_else(|| listen_by(exit, fd, own))
}
