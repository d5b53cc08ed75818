//! `connect`, and what TCP Fast Open makes of a send.

use super::exits::interceptor;
use crate::linux::memory::{is_beyond_asking, read_address};
use crate::linux::serve::{Exit, serve, unserved};
use crate::linux::{original, start};
use crate::session::Session;
use core::ffi::c_int;
use libc::{sockaddr, socklen_t};
use portshim_mechanism::linux::known::sockets::{self, surely_has_port};
use portshim_mechanism::linux::known::{fd_cache, fd_ports};
use portshim_mechanism::linux::serve::{InterceptedCall, Waits};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_mechanism::linux::socket::options::repair_range;
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;

/// # Safety
/// As for connect(2).
pub(crate) unsafe fn connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    through(Exit::Library, fd, address, len, &|| unsafe { original::connect::next(fd, address, len) } as isize) as c_int
}

/// # Safety
/// As for connect(2).
pub(crate) unsafe fn __connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    through(Exit::Library, fd, address, len, &|| unsafe { original::__connect::next(fd, address, len) } as isize)
        as c_int
}

/// Connects by `original`, which is the program's call and leaves by `exit`.
pub(super) fn through(
    exit: Exit,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
    original: &dyn Fn() -> isize,
) -> isize {
    let Some(session) = start::serving() else { return original() };
    let Some(socket) = sockets::served(fd) else { return original() };
    let peer = read_address(address, len);
    if peer.is_none() && !is_beyond_asking(address.cast(), len) {
        return original();
    }
    let may_disconnect = peer.is_none_or(|peer| peer.family() == libc::AF_UNSPEC);
    if may_disconnect {
        // Before the call as well as after it: a signal handler may jump out of it once the port is
        // lost.
        fd_cache::may_lose_port(fd);
    }
    if may_disconnect && peer.is_some() {
        let answer = original();
        repair_range(fd);
        fd_cache::may_lose_port(fd);
        fd_ports::release(fd);
        if socket.transport == Transport::Udp {
            fd_cache::lose_port(fd);
        }
        return answer;
    }
    let served = match socket.transport {
        Transport::Tcp => tcp(session, &socket, peer.as_ref(), Waits::Repeated, exit, original),
        Transport::Udp => {
            let Ok(local) = sockets::local(&socket) else { return original() };
            if surely_has_port(&socket, &local) {
                let answer = original();
                if may_disconnect {
                    fd_cache::may_lose_port(fd);
                }
                return answer;
            }
            // The kernel binds a datagram socket before it looks at the peer's address at all.
            let call = Call::Connect;
            serve(
                &InterceptedCall {
                    peer: peer.as_ref(),
                    ..InterceptedCall::of(session, &socket, call, &local, &original, interceptor(exit))
                },
                exit,
            )
        }
    };
    let Some(answer) = served else { return through(exit, fd, address, len, original) };
    if may_disconnect {
        fd_cache::may_lose_port(fd);
    }
    answer
}

/// Connects a TCP socket to `peer`, which may be unknown. `None` where the descriptor turns out to
/// be something else.
pub(super) fn tcp(
    session: Session,
    socket: &Socket,
    peer: Option<&Address>,
    waits: Waits,
    exit: Exit,
    original: &dyn Fn() -> isize,
) -> Option<isize> {
    let Ok(local) = sockets::local(socket) else { return Some(unserved(session, socket, Call::Connect, original)) };
    if surely_has_port(socket, &local) {
        fd_cache::invalidate(socket.fd); // should the connection fail, the port may be lost
        return Some(original());
    }
    let binds = peer.is_none_or(|peer| {
        peer.family() == socket.family && peer.is_whole() && !(peer.is_mapped() && socket.is_v6_only())
    });
    let call = Call::Connect;
    serve(
        &InterceptedCall {
            peer,
            binds,
            waits,
            ..InterceptedCall::of(session, socket, call, &local, &original, interceptor(exit))
        },
        exit,
    )
}
