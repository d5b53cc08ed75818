//! Pinning: the socket is bound to a port by its number, which must be wholly free.

use super::choice::Got;
use super::mechanism::{LinuxMechanism, Tried};
use crate::linux::socket::options::{ReuseCleared, bind_as_recorded};
use crate::linux::socket::steering;
use core::ffi::c_int;
use portshim_policy::model::{Call, Sharing};
use portshim_policy::plan::{Outcome, Try};
use portshim_policy::ports::Transport;
use portshim_policy::region::Verdict;

impl LinuxMechanism<'_> {
    fn lift(&mut self) -> &mut ReuseCleared {
        self.pinning.lifted.get_or_insert_with(|| ReuseCleared::on(self.intercepted.socket))
    }

    /// Outcome of a bind to `port` that has failed on a new socket.
    pub(super) fn refused(&mut self, port: u16, error: c_int) -> Tried {
        self.how = Verdict::Pinned;
        self.answered(port, Err(error))
    }

    /// Takes `port`, if it is wholly free.
    pub(super) fn bind_alone(&mut self, port: u16) -> Tried {
        self.how = Verdict::Pinned;
        let intercepted = self.intercepted;
        if !intercepted.binds {
            return self.own();
        }
        if self.joining.beside.is_some() {
            self.put_back();
        }
        // A new socket has no option that it must not have.
        let reuses = !intercepted.socket.untouched && self.lift().reuses_address();
        let shared = self.sharing == Some(Sharing::Tuple);
        let joined = shared
            || reuses
                && intercepted.socket.transport == Transport::Tcp
                && intercepted.session.rules.sharing() == Sharing::Tuple;
        // From here to connecting, or listening, no connection that shares ports may get in
        // between.
        let mut claim = if joined { self.claim(port) } else { None };
        if joined && claim.is_none() {
            return Try::Again(Outcome::Claimed);
        }
        let candidate = intercepted.local.with_port(port);
        if let Some(lifted) = &mut self.pinning.lifted {
            lifted.keep_alone();
        }
        if intercepted.call == Call::Bind {
            let bound = (intercepted.interceptor.bind)(intercepted.socket.fd, &candidate);
            self.pinning.single = joined && bound.is_ok();
            return self.answered(port, bound);
        }
        let lifted = self.pinning.lifted.take().unwrap_or_else(|| ReuseCleared::on(intercepted.socket));
        let bound = bind_as_recorded(intercepted.socket.fd, &candidate);
        self.got = if bound.is_ok() { Got::Port(port) } else { Got::Unknown };
        match bound {
            Ok(()) if shared => lifted.keep_shared(),
            Ok(()) | Err(libc::EINVAL) => drop(lifted), // EINVAL: another thread has been faster
            Err(error) if steering::is_forbidden(error, port) => {
                drop(lifted);
                return self.uncovered();
            }
            Err(error) => {
                self.pinning.lifted = Some(lifted);
                return self.answered(port, Err(error));
            }
        }
        // Calls that may block hold nothing for long. `listen` does not, and must not lose the
        // port.
        if let Some(claim) = claim.as_mut().filter(|_| intercepted.call != Call::Listen) {
            claim.shorten();
        }
        Try::Done(Some(intercepted.original.once_bound()))
    }
}
