//! Joining: a connection takes a port that others use as well, if none of theirs has the same
//! 4-tuple.

use super::choice::Got;
use super::intercepted::Waits;
use super::mechanism::{Beside, LinuxMechanism, Tried};
use crate::linux::kernel::signals::Quiet;
use crate::linux::kernel::tcp_table::State;
use crate::linux::kernel::{memory, process, sockets};
use crate::linux::socket::address::Address;
use crate::linux::socket::options::{NonBlocking, ReuseCleared, bind_as_recorded};
use crate::linux::socket::tuples::Tuples;
use crate::linux::socket::{route, steering};
use crate::port_lock::{PATIENCE, PortLock};
use portshim_policy::plan::{Outcome, Try};
use portshim_policy::region::Verdict;

impl<'a> LinuxMechanism<'a> {
    /// Tells whether a socket is bound to `port` that `bind` has given it: the kernel's own choice
    /// would not let a connection join it there.
    fn is_single(&self, port: u16) -> bool {
        let header = &self.intercepted.session.region.header;
        let Some(keeper) = header.keeper(port) else { return false };
        let lives = process::is_alive(keeper);
        if !lives {
            header.end_single(port, keeper);
        }
        lives
    }

    /// From asking to connecting, nobody else of the session may be about to take the same tuple.
    pub(super) fn claim(&mut self, port: u16) -> Option<PortLock<'a>> {
        let slot = self.intercepted.session.region.header.claim(port);
        let mut claim = PortLock::at_once(slot);
        if claim.is_none() && self.joining.patience.is_some() {
            self.put_back();
            claim = self.joining.patience.as_mut().and_then(|patience| PortLock::on(slot, patience));
        }
        self.joining.passed_by |= claim.is_none();
        claim
    }

    /// Begins to wait for ports that others of the session were about to take, if any was passed
    /// over.
    pub(super) fn begin_to_wait(&mut self) -> bool {
        let begins = self.joining.passed_by && self.joining.patience.is_none();
        if begins {
            self.put_back();
            self.joining.patience = Some(PATIENCE);
        }
        begins
    }

    /// Finds out what sharing needs: who would be at both ends.
    fn beside(&mut self, peer: &Address) -> Result<&mut Beside, Tried> {
        let intercepted = self.intercepted;
        if self.joining.beside.as_ref().is_some_and(|beside| beside.quiet.is_disturbing()) {
            self.put_back();
        }
        if self.joining.beside.is_none() {
            if !steering::is_here(intercepted.socket) {
                return Err(Try::Again(Outcome::Taken)); // of that network, nothing can be asked
            }
            self.pinning.lifted = None;
            let quiet = Quiet::begin();
            let way = route::find(intercepted.socket, intercepted.local, peer).map_err(|error| {
                if route::is_unreachable(error) {
                    Try::Done(Some(intercepted.fail(error)))
                } else {
                    Try::Again(Outcome::Taken)
                }
            })?;
            if self.joining.known.is_none() {
                self.joining.known = intercepted.session.peers().and_then(|peers| {
                    let place = peers.take(intercepted.session.hash(intercepted.local, peer), memory::can_write)?;
                    Some((place, peers.hint(place)))
                });
            }
            self.joining.beside = Some(Beside { tuples: Tuples::on(way, intercepted.socket.interface()), quiet });
        }
        self.joining.beside.as_mut().ok_or(Try::Again(Outcome::Taken))
    }

    /// Tells whether the kernel would make the connection from `port`: which is taken towards the
    /// peer, or is about to be.
    fn is_free(&mut self, port: u16, peer: &Address, resting: bool) -> Result<bool, Tried> {
        let beside = self.beside(peer)?;
        let state = beside.tuples.state(port);
        let free = match state {
            State::Free => true,
            State::Resting(rested) => resting && beside.tuples.takes_over(rested),
            State::Taken => false,
        };
        self.joining.rests |= matches!(state, State::Resting(_));
        if let Some((_, hint)) = self.joining.known {
            if free && hint.contains(port) {
                // Somebody gave it back without a word, who had others perhaps: a process that was
                // killed, or ended.
                hint.clear();
            }
            hint.mark(port);
        }
        Ok(free)
    }

    /// Takes a port that others use as well, or that they used, if no connection of theirs is in
    /// the way.
    pub(super) fn connect_beside(&mut self, port: u16, resting: bool) -> Tried {
        let intercepted = self.intercepted;
        if !intercepted.binds {
            return self.own();
        }
        self.how = Verdict::Shared;
        let Some(peer) = intercepted.peer else { return Try::Again(Outcome::Taken) };
        let Some(mut claim) = self.claim(port) else { return Try::Again(Outcome::Claimed) };
        if self.is_single(port) {
            return Try::Again(Outcome::Taken);
        }
        match self.is_free(port, peer, resting) {
            Ok(true) if claim.renew() => {}
            // Something has kept this thread from running for long.
            Ok(true) => {
                self.joining.passed_by = true;
                return Try::Again(Outcome::Claimed);
            }
            Ok(false) => return Try::Again(Outcome::Taken),
            Err(over) => return over,
        }
        let candidate = intercepted.local.with_port(port);
        let mut lifted = self.pinning.lifted.take().unwrap_or_else(|| ReuseCleared::on(intercepted.socket));
        lifted.share();
        let bound = bind_as_recorded(intercepted.socket.fd, &candidate);
        self.got = if bound.is_ok() { Got::Port(port) } else { Got::Unknown };
        match bound {
            Ok(()) => lifted.keep_shared(),
            Err(libc::EINVAL) => {
                drop(lifted);
                return self.own();
            }
            Err(error) => {
                self.pinning.lifted = Some(lifted);
                return self.answered(port, Err(error));
            }
        }
        // What takes time now delays the program's next call, and a peer may reset the connection
        // meanwhile.
        let quiet = self.joining.beside.take().map(|beside| beside.quiet);
        if intercepted.waits == Waits::Once {
            // Nothing is held for long while the program's own call waits.
            claim.shorten();
            drop(quiet);
            return Try::Done(Some(intercepted.original.call()));
        }
        // The program must not be kept from its signals for as long as the peer takes to answer: so
        // a call of ours starts the connection, and the program's own waits for it.
        let quick = NonBlocking::on(intercepted.socket.fd);
        if !quick.is_certain() {
            drop(claim);
            return Try::Done(Some(intercepted.original.call()));
        }
        let connect = || sockets::connect(intercepted.socket.fd, peer.storage(), peer.len());
        let mut started = connect();
        if quick.was_blocking() && started == Err(libc::EINPROGRESS) {
            // A peer on this machine has answered by now. If it reset the connection before it is
            // asked for what came of it, the program would be told of that too early.
            started = connect();
        }
        drop(claim); // the kernel holds the tuple from here on
        drop(quick);
        drop(quiet);
        Try::Done(Some(match started {
            Err(libc::EALREADY) => intercepted.original.call(),
            Ok(()) => 0,
            Err(error) => intercepted.fail(error),
        }))
    }
}
