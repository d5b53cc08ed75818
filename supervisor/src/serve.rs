//! Serving: what a call needs, and what the mechanism makes of it on a duplicate of the socket.

mod bind;
mod connect;
mod got;
mod send;
mod what;

pub(crate) use got::On;
pub(crate) use send::is_settled;
pub(crate) use what::What;

use crate::listener::Reply;
use portshim_mechanism::linux::socket::facts::{Kind, Socket};
use std::ffi::c_int;

/// A call to serve.
pub(crate) struct Asked<'a> {
    pub(crate) on: On<'a>,
    /// A duplicate of the program's descriptor.
    pub(crate) fd: c_int,
    pub(crate) what: What,
}

/// Serves a call.
pub(crate) fn serve(asked: &Asked<'_>) -> Reply {
    let on = asked.on;
    let Kind::Served(socket) = Socket::asked(asked.fd) else { return Reply::Continue };
    match asked.what {
        What::Bind(local) => bind::bind(on, &socket, &local),
        What::Listen(backlog) => bind::listen(on, &socket, backlog),
        What::Connect(peer) => connect::connect(on, &socket, &peer),
        What::Send { flags, peer } => send::send(on, &socket, flags, peer.as_ref()),
        What::LimitsItself => Reply::Continue,
    }
}
