//! `bind` and `listen`.

use crate::linux::address::Address;
use crate::linux::drive::{Waits, Wish, serve, tell_uncovered, unserved};
use crate::linux::session::{self, Session};
use crate::linux::socket::Socket;
use crate::linux::{errno, hooks, known, memory, sys};
use core::ffi::c_int;
use libc::{sockaddr, socklen_t};
use portshim_policy::{Call, Fault, Transport, Verdict, scopes_of};

/// # Safety
/// As for bind(2).
pub(crate) unsafe fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    let own = || unsafe { hooks::bind::next(fd, address, len) } as isize;
    let Some(session) = session::get() else { return own() as c_int };
    let Some(socket) = Socket::served(fd) else { return own() as c_int };
    let Some(local) = Address::read(address, len).filter(|a| a.fits_bind(socket.family)) else {
        let answer = own();
        let blind = answer == 0 && memory::is_beyond_asking(address.cast(), len);
        if blind && Address::taken(address, len).is_some_and(|local| local.port() == 0) {
            tell_uncovered(session, Call::Bind, &socket, answer);
        }
        return answer as c_int;
    };
    let seen = known::look(fd);
    let answer = if local.port() != 0 {
        if is_blocked(session, &socket, &local) { refuse() } else { own() }
    } else if socket.binds_address_only() {
        return own() as c_int;
    } else {
        serve(&Wish {
            session,
            socket,
            call: Call::Bind,
            local,
            peer: None,
            binds: true,
            waits: Waits::Once,
            own: &own,
        })
    };
    if answer == 0 {
        match socket.transport {
            Transport::Tcp => known::bind(fd, seen),
            Transport::Udp => known::settle(fd, seen),
        }
    }
    answer as c_int
}

/// Whether a specific bind to this address is refused.
fn is_blocked(session: Session, socket: &Socket, local: &Address) -> bool {
    let (scope, dual) = socket.scope(local, None);
    let blocked = session.blocks(local.port(), scopes_of(scope, dual)) || is_privileged(session, local.port());
    if blocked {
        session.note(Call::Bind, scope, Verdict::Refused, local.port());
    }
    blocked
}

/// Whether the policy keeps `port` for programs with privilege, which this one has not. Where the host does so
/// as well, the kernel refuses by itself.
fn is_privileged(session: Session, port: u16) -> bool {
    u32::from(port) < session.rules.unprivileged_start() && !sys::may_bind_privileged()
}

fn refuse() -> isize {
    errno::set(errno::of(Fault::Blocked));
    -1
}

/// # Safety
/// As for listen(2).
pub(crate) unsafe fn listen(fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    let own = || unsafe { hooks::listen::next(fd, backlog) } as isize;
    let Some(session) = session::get() else { return own() as c_int };
    let Some(socket) = Socket::served(fd).filter(|s| s.transport == Transport::Tcp) else { return own() as c_int };
    let Ok(local) = socket.local() else { return unserved(session, &socket, Call::Listen, &own) as c_int };
    if socket.surely_has_port(&local) {
        known::doubt(fd);
        return own() as c_int;
    }
    serve(&Wish { session, socket, call: Call::Listen, local, peer: None, binds: true, waits: Waits::Once, own: &own })
        as c_int
}
