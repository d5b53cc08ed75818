//! `connect`. A connection is begun here without waiting for it; where the program waits, its own
//! call does.

use super::got::{INTERCEPTOR, On, Outcome, got, has_port, returned};
use crate::listener::Reply;
use portshim_mechanism::linux::kernel::sockets;
use portshim_mechanism::linux::serve::{InterceptedCall, Waits};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_mechanism::linux::socket::options::NonBlocking;
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;
use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

/// Connects a socket, which has the address `local`, to `peer`.
pub(super) fn connect(on: On<'_>, socket: &Socket, local: &Address, peer: &Address) -> Reply {
    if peer.family() == libc::AF_UNSPEC {
        may_lose_port(on);
        return Reply::Continue;
    }
    if local.port() != 0 {
        // Should the connection fail.
        may_lose_port(on);
    }
    if has_port(socket, local) {
        return Reply::Continue;
    }
    match socket.transport {
        Transport::Udp => {
            let original = || returned(sockets::connect(socket.fd, peer.storage(), peer.len()));
            // The kernel binds a datagram socket before it looks at the peer's address at all.
            let call = InterceptedCall::of(on.session, socket, Call::Connect, local, &original, &INTERCEPTOR);
            got(on, &InterceptedCall { peer: Some(peer), ..call }).into()
        }
        Transport::Tcp => {
            // The program is to wait for a connection that is under way.
            let waits = Cell::new(false);
            let original = || begun(socket, peer, &waits);
            let outcome = tcp(on, socket, local, peer, Waits::Repeated, &original);
            match outcome {
                Outcome::Answered(answer, libc::EINPROGRESS | libc::EALREADY) if answer < 0 && waits.get() => {
                    Reply::Continue
                }
                outcome => outcome.into(),
            }
        }
    }
}

/// Notes that a socket may lose its port, of which a library may remember that it has one: in
/// another process even.
fn may_lose_port(on: On<'_>) {
    on.session.region.header.epoch.fetch_add(1, Relaxed);
}

/// Begins a connection. `waits` is set where the program's own call is to wait for its end.
fn begun(socket: &Socket, peer: &Address, waits: &Cell<bool>) -> isize {
    let quick = NonBlocking::on(socket.fd);
    let begun = sockets::connect(socket.fd, peer.storage(), peer.len());
    waits.set(quick.was_blocking());
    drop(quick);
    returned(begun)
}

/// Connects a TCP socket to `peer`, by `original`.
pub(super) fn tcp(
    on: On<'_>,
    socket: &Socket,
    local: &Address,
    peer: &Address,
    waits: Waits,
    original: &impl Fn() -> isize,
) -> Outcome {
    let binds = peer.family() == socket.family && peer.is_whole() && !(peer.is_mapped() && socket.is_v6_only());
    let call = InterceptedCall::of(on.session, socket, Call::Connect, local, original, &INTERCEPTOR);
    got(on, &InterceptedCall { peer: Some(peer), binds, waits, ..call })
}
