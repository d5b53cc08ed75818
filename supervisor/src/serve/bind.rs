//! `bind` and `listen`.

use super::got::{INTERCEPTOR, On, got, has_port, returned};
use crate::listener::Reply;
use portshim_mechanism::linux::kernel::{errno, sockets};
use portshim_mechanism::linux::serve::InterceptedCall;
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::{Kind, Socket};
use portshim_mechanism::session::About;
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::{Transport, scopes_of};
use portshim_policy::region::Verdict;
use std::ffi::c_int;

/// Binds a socket to `local`.
pub(super) fn bind(on: On<'_>, fd: c_int, local: &Address) -> Reply {
    // The kernel refuses an address of another family than the socket's.
    if local.port() == 0
        && local.is_whole()
        && !on.client.confined
        && let Some(socket) = Socket::unasked(fd, local.family())
    {
        return to_any(on, &socket, local);
    }
    let Kind::Served(socket) = Socket::asked(fd) else { return Reply::Continue };
    if !local.fits_bind(socket.family) {
        return Reply::Continue;
    }
    if local.port() != 0 {
        return specific(on, &socket, local);
    }
    if socket.binds_address_only() { Reply::Continue } else { to_any(on, &socket, local) }
}

/// Binds a socket to any port at `local`.
fn to_any(on: On<'_>, socket: &Socket, local: &Address) -> Reply {
    let original = || returned(sockets::bind(socket.fd, local.storage(), local.len()));
    got(on, &InterceptedCall::of(on.session, socket, Call::Bind, local, &original, &INTERCEPTOR)).into()
}

/// Refuses a specific bind where the policy does.
fn specific(on: On<'_>, socket: &Socket, local: &Address) -> Reply {
    let (scope, dual) = socket.scope(local, None);
    let (session, port) = (on.session, local.port());
    let is_privileged = || u32::from(port) < session.rules.unprivileged_start() && !on.client.may_bind_privileged();
    if !session.blocks(port, scopes_of(scope, dual)) && !is_privileged() {
        return Reply::Continue;
    }
    session.note(Call::Bind, scope, Verdict::Refused, port, About::default());
    Reply::Error(errno::of(Fault::Blocked))
}

/// Lets a socket listen, which has the address `local`.
pub(super) fn listen(on: On<'_>, socket: &Socket, local: &Address, backlog: c_int) -> Reply {
    if socket.transport == Transport::Udp || has_port(socket, local) {
        return Reply::Continue;
    }
    let original = || returned(sockets::listen(socket.fd, backlog));
    got(on, &InterceptedCall::of(on.session, socket, Call::Listen, local, &original, &INTERCEPTOR)).into()
}
