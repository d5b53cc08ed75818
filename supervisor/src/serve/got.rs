//! Parts that every kind of call takes: on whose behalf it is served, and what becomes of it.

use crate::client::Client;
use crate::listener::Reply;
use portshim_mechanism::linux::kernel::call::Result;
use portshim_mechanism::linux::kernel::{errno, sockets};
use portshim_mechanism::linux::serve::{self, InterceptedCall, Interceptor, Original, tell_uncovered};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Socket;
use portshim_mechanism::session::Session;
use std::ffi::c_int;

/// On whose behalf a call is served, and by which rules.
#[derive(Clone, Copy)]
pub(crate) struct On<'a> {
    pub(crate) client: &'a Client,
    pub(crate) session: Session,
}

/// Nothing is remembered of descriptors here: the kernel says what a socket has.
pub(super) static INTERCEPTOR: Interceptor = Interceptor {
    bind: |fd, address| sockets::bind(fd, address.storage(), address.len()),
    is_known_bound: |_| false,
    learn_unseen: |_, _| (),
};

/// Outcome of a call that was served.
pub(super) enum Outcome {
    /// The value that it has returned, or the error.
    Answered(isize, c_int),
    /// It was not made in the program's stead.
    Left,
}

/// Has the mechanism serve a call, and counts the port that it got.
pub(super) fn got<O: Original>(on: On<'_>, call: &InterceptedCall<'_, O>) -> Outcome {
    if on.client.confined {
        tell_uncovered(on.session, call.call, call.socket, 0);
        return Outcome::Left;
    }
    let Some(served) = serve::serve(call) else { return Outcome::Left };
    let error = errno::get();
    if let Some(grant) = &served.grant {
        on.session.note(grant.call, grant.scope, grant.how, grant.port, call.about());
    }
    Outcome::Answered(served.answer, error)
}

/// The value that a call returns that was made here.
pub(super) fn returned(result: Result<()>) -> isize {
    result.map_or_else(errno::fail, |()| 0)
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Left => Self::Continue,
            Outcome::Answered(answer, error) if answer < 0 => Self::Error(error),
            Outcome::Answered(answer, _) => Self::Value(answer as i64),
        }
    }
}

/// Tells whether a socket, whose address is `local`, surely has a port.
pub(super) fn has_port(socket: &Socket, local: &Address) -> bool {
    socket.surely_has_port(local, INTERCEPTOR.is_known_bound)
}
