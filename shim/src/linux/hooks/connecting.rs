//! `connect`, and what TCP Fast Open makes of a send.

use crate::linux::address::Address;
use crate::linux::drive::{Exit, Waits, Wish, serve, unserved};
use crate::linux::options::repair_range;
use crate::linux::session::{self, Session};
use crate::linux::socket::Socket;
use crate::linux::{held, hooks, known, memory};
use core::cell::Cell;
use core::ffi::c_int;
use libc::{sockaddr, socklen_t};
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;

/// # Safety
/// As for connect(2).
pub(crate) unsafe fn connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    through(Exit::Library, fd, address, len, &|| unsafe { hooks::connect::next(fd, address, len) } as isize) as c_int
}

/// # Safety
/// As for connect(2).
pub(crate) unsafe fn __connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    through(Exit::Library, fd, address, len, &|| unsafe { hooks::__connect::next(fd, address, len) } as isize) as c_int
}

/// Connects by `own`, which is the program's call and leaves by `exit`.
pub(super) fn through(
    exit: Exit,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
    own: &dyn Fn() -> isize,
) -> isize {
    let Some(session) = session::get() else { return own() };
    let Some(socket) = Socket::served(fd) else { return own() };
    let peer = Address::read(address, len);
    if peer.is_none() && !memory::is_beyond_asking(address.cast(), len) {
        return own();
    }
    if peer.is_some_and(|peer| peer.family() == libc::AF_UNSPEC) {
        let answer = own();
        repair_range(fd);
        known::unsettle();
        held::release(fd);
        if socket.transport == Transport::Udp {
            known::lose_port(fd);
        }
        return answer;
    }
    let served = match socket.transport {
        Transport::Tcp => tcp(session, socket, peer, Waits::Repeated, exit, own),
        Transport::Udp => {
            let Ok(local) = socket.local() else { return own() };
            if socket.surely_has_port(&local) {
                return own();
            }
            // The kernel binds a datagram socket before it looks at the peer's address at all.
            let (call, waits, confirmed) = (Call::Connect, Waits::Once, Cell::new(None));
            serve(&Wish { session, socket, call, local, peer, binds: true, waits, own, exit, confirmed })
        }
    };
    let Some(answer) = served else { return through(exit, fd, address, len, own) };
    if peer.is_none() {
        // It may have been undone.
        known::doubt(fd);
        known::unsettle();
    }
    answer
}

/// Connects a TCP socket to `peer`, which may be unknown. `None` where the descriptor turns out to be something else.
pub(super) fn tcp(
    session: Session,
    socket: Socket,
    peer: Option<Address>,
    waits: Waits,
    exit: Exit,
    own: &dyn Fn() -> isize,
) -> Option<isize> {
    let Ok(local) = socket.local() else { return Some(unserved(session, &socket, Call::Connect, own)) };
    if socket.surely_has_port(&local) {
        known::doubt(socket.fd); // should the connection fail, the port may be lost
        return Some(own());
    }
    let binds = peer.is_none_or(|peer| {
        peer.family() == socket.family && peer.is_whole() && !(peer.is_mapped() && socket.is_v6_only())
    });
    let (call, confirmed) = (Call::Connect, Cell::new(None));
    serve(&Wish { session, socket, call, local, peer, binds, waits, own, exit, confirmed })
}
