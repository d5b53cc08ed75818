//! An intercepted call: what a program asked for.

use crate::session::{About, Session};
use crate::windows::socket::address::Address;
use crate::windows::socket::facts::Socket;
use portshim_policy::model::Call;

/// A request for a port, and the program's own call that needs it.
pub struct InterceptedCall<'a> {
    /// The session whose rules hold.
    pub session: Session,
    /// The socket.
    pub socket: Socket,
    /// Kind of call.
    pub call: Call,
    /// The address that the socket is about to be bound to.
    pub local: Address,
    /// Destination, as far as that is known.
    pub peer: Option<Address>,
    /// The last error from before the program's call.
    pub before: i32,
    /// The program's own call, past the hook; it sets the last error.
    pub original: &'a dyn Fn() -> i32,
}

impl InterceptedCall<'_> {
    /// Facts of it that an event tells besides. How long it took, nobody measures.
    pub fn about(&self) -> About<'_> {
        About { peer: self.peer.as_ref(), begun: 0 }
    }
}
