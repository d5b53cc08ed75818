//! One attempt to serve a wish: carries a plan's steps out on the program's socket.

use super::drive::Wish;
use super::probe::Probe;
use super::{connections, errno, sys};
use crate::claim::{Claim, PATIENCE};
use portshim_policy::model::Call;
use portshim_policy::plan::{Mechanism, Outcome, Try};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet, Transport};
use windows_sys::Win32::Networking::WinSock::{WSAEACCES, WSAEADDRINUSE, WSAEINVAL};

/// The steps of a plan, on one socket.
pub(crate) struct Attempt<'a> {
    wish: &'a Wish<'a>,
    /// Where the port has to be free.
    scopes: ScopeSet,
    /// The sockets that ask for free ports, one for each family, while they have found none.
    probes: [Option<Probe>; 2],
    /// The ports of connections, looked up for the first port that may have one.
    connected: Option<PortSet>,
    /// How many times more this request will wait for another thread's claim.
    patience: u32,
    /// The port that the socket has got.
    port: Option<u16>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(wish: &'a Wish<'a>, scopes: ScopeSet) -> Self {
        Self { wish, scopes, probes: [None, None], connected: None, patience: PATIENCE, port: None }
    }

    /// The port that the socket has got.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether nobody has `port`, as far as it can be asked.
    fn is_free(&mut self, port: u16) -> bool {
        let scopes = self.scopes;
        !self.is_connected(port) && scopes.iter().zip(0..).all(|(scope, n)| self.is_free_in(scope, n, port))
    }

    /// Whether a connection has `port`, be it in TIME_WAIT. That is asked of ports that the session has used: of others the
    /// hint does not speak.
    fn is_connected(&mut self, port: u16) -> bool {
        let (session, scopes) = (self.wish.session, self.scopes);
        let hints = || scopes.iter().map(|scope| session.hint(scope));
        let is_used = hints().any(|hint| hint.is_none_or(|hint| hint.contains(port)));
        if self.wish.socket.transport == Transport::Udp || !is_used {
            return false;
        }
        let connected = self.connected.get_or_insert_with(|| {
            let connected = connections::ports(scopes);
            // What nobody has is believed free again.
            for hint in hints().flatten() {
                let is_over = |port: &u16| hint.contains(*port) && !connected.contains(*port);
                (1..=u16::MAX).filter(is_over).for_each(|port| hint.unmark(port));
            }
            connected
        });
        connected.contains(port)
    }

    fn is_free_in(&mut self, scope: Scope, n: usize, port: u16) -> bool {
        let Some(slot) = self.probes.get_mut(n) else { return true };
        let Some(probe) = slot.take().or_else(|| Probe::of(scope).ok()) else { return true };
        match probe.take(port) {
            Err(WSAEADDRINUSE | WSAEACCES) => {
                *slot = Some(probe);
                false
            }
            _ => true, // dropped, it lets go of the port
        }
    }
}

impl Mechanism for Attempt<'_> {
    type Answer = i32;

    fn steer(&mut self, _run: PortRange) -> Try<i32> {
        Try::Again(Outcome::Unsteerable)
    }

    fn aim(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Unsteerable)
    }

    fn pin(&mut self, port: u16) -> Try<i32> {
        let wish = self.wish;
        // From asking to binding, nobody else of the session may be about to take the same port.
        let slot = wish.session.region.header.claim(port);
        let Some(claim) = Claim::on(slot, &mut self.patience) else { return Try::Again(Outcome::Taken) };
        if !self.is_free(port) {
            return Try::Again(Outcome::Taken);
        }
        let candidate = wish.local.with_port(port);
        errno::set(wish.before);
        let bound = sys::bind(wish.socket.handle, candidate.storage(), candidate.len());
        drop(claim);
        match bound {
            Ok(()) => {
                self.port = Some(port);
                if wish.call == Call::Bind { Try::Done(0) } else { Try::Done((wish.own)()) }
            }
            // WSAEACCES: the port is excluded, or another socket has it for itself alone.
            Err(WSAEADDRINUSE | WSAEACCES) => Try::Again(Outcome::Taken),
            // Another thread has been faster.
            Err(WSAEINVAL) if wish.socket.has_port() => Try::Done((wish.own)()),
            Err(error) => Try::Done(errno::fail(error)),
        }
    }

    /// Ports are each one socket's alone here: a bind by number cannot be told to share its port by 4-tuple.
    fn share(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Taken)
    }
}
