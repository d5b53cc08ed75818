//! Serving: what a call needs, and what the mechanism makes of it on a duplicate of the socket.

mod bind;
mod connect;
mod got;
mod send;
mod what;

pub(crate) use got::On;
pub(crate) use send::unsettled;
pub(crate) use what::What;

use crate::listener::Reply;
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::{Kind, Socket};
use portshim_policy::ports::Transport;
use std::ffi::c_int;

/// A call to serve.
pub(crate) struct Asked<'a> {
    pub(crate) on: On<'a>,
    /// A duplicate of the program's descriptor.
    pub(crate) fd: c_int,
    /// Address of the socket, where it has been asked for.
    pub(crate) local: Option<Address>,
    pub(crate) what: What,
}

/// Serves a call.
pub(crate) fn serve(asked: &Asked<'_>) -> Reply {
    let Asked { on, fd, local, what } = asked;
    if let What::Bind(local) = what {
        return bind::bind(*on, *fd, local);
    }
    // Its address has the family of a socket.
    let Some(local) = local.or_else(|| Address::local(*fd).ok()) else { return Reply::Continue };
    if let What::Send { flags, peer } = what
        && flags & libc::MSG_FASTOPEN == 0
        && !on.client.confined
    {
        // No TCP socket gets a port by such a send.
        let socket = Socket::unasked(*fd, local.family()).filter(|socket| socket.transport == Transport::Udp);
        return socket.map_or(Reply::Continue, |socket| send::send(*on, &socket, &local, *flags, peer.as_ref()));
    }
    let Kind::Served(socket) = Socket::asked_of(*fd, local.family()) else { return Reply::Continue };
    match what {
        What::Listen(backlog) => bind::listen(*on, &socket, &local, *backlog),
        What::Connect(peer) => connect::connect(*on, &socket, &local, peer),
        What::Send { flags, peer } => send::send(*on, &socket, &local, *flags, peer.as_ref()),
        What::Bind(_) | What::LimitsItself => Reply::Continue,
    }
}
