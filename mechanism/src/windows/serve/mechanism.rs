//! Windows' mechanism: carries a plan's steps out on the program's socket.

use super::intercepted::InterceptedCall;
use crate::port_lock::{PATIENCE, PortLock};
use crate::windows::kernel::{calls, connections, errno};
use crate::windows::socket::probe::Probe;
use portshim_policy::model::Call;
use portshim_policy::plan::{Mechanism, Outcome, Try};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet, Transport};
use windows_sys::Win32::Networking::WinSock::{WSAEACCES, WSAEADDRINUSE, WSAEINVAL};

/// The steps of a plan, on one socket.
pub(super) struct WindowsMechanism<'a> {
    intercepted: &'a InterceptedCall<'a>,
    /// Scopes in which the port has to be free.
    scopes: ScopeSet,
    /// The sockets that ask for free ports, one for each family, while they have found none.
    probes: [Option<Probe>; 2],
    /// The ports of connections, looked up for the first port that may have one.
    connected: Option<PortSet>,
    /// Number of times more this request will wait for another thread's claim.
    patience: u32,
    /// The port that the socket has got.
    port: Option<u16>,
}

impl<'a> WindowsMechanism<'a> {
    pub(super) fn new(intercepted: &'a InterceptedCall<'a>, scopes: ScopeSet) -> Self {
        Self { intercepted, scopes, probes: [None, None], connected: None, patience: PATIENCE, port: None }
    }

    /// The port that the socket has got.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Tells whether nobody has `port`, as far as it can be asked.
    fn is_free(&mut self, port: u16) -> bool {
        let scopes = self.scopes;
        !self.is_connected(port) && scopes.iter().zip(0..).all(|(scope, n)| self.is_free_in(scope, n, port))
    }

    /// Tells whether a connection has `port`, be it in TIME_WAIT. That is asked of ports that the
    /// session has used: of others the hint does not speak.
    fn is_connected(&mut self, port: u16) -> bool {
        let (session, scopes) = (self.intercepted.session, self.scopes);
        let hints = || scopes.iter().map(|scope| session.hint(scope));
        let is_used = hints().any(|hint| hint.is_none_or(|hint| hint.contains(port)));
        if self.intercepted.socket.transport == Transport::Udp || !is_used {
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

impl Mechanism for WindowsMechanism<'_> {
    type Answer = i32;

    fn steer(&mut self, _run: PortRange) -> Try<i32> {
        Try::Again(Outcome::Unsteerable)
    }

    fn aim(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Unsteerable)
    }

    fn pin(&mut self, port: u16) -> Try<i32> {
        let intercepted = self.intercepted;
        // From asking to binding, nobody else of the session may be about to take the same port.
        let slot = intercepted.session.region.header.claim(port);
        let Some(claim) = PortLock::on(slot, &mut self.patience) else { return Try::Again(Outcome::Taken) };
        if !self.is_free(port) {
            return Try::Again(Outcome::Taken);
        }
        let candidate = intercepted.local.with_port(port);
        errno::set(intercepted.before);
        let bound = calls::bind(intercepted.socket.handle, candidate.storage(), candidate.len());
        drop(claim);
        match bound {
            Ok(()) => {
                self.port = Some(port);
                if intercepted.call == Call::Bind { Try::Done(0) } else { Try::Done((intercepted.original)()) }
            }
            // WSAEACCES: the port is excluded, or another socket has it for itself alone.
            Err(WSAEADDRINUSE | WSAEACCES) => Try::Again(Outcome::Taken),
            // Another thread has been faster.
            Err(WSAEINVAL) if intercepted.socket.has_port() => Try::Done((intercepted.original)()),
            Err(error) => Try::Done(errno::fail(error)),
        }
    }

    /// Ports are each one socket's alone here: a bind by number cannot be told to share its port by
    /// 4-tuple.
    fn share(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Taken)
    }
}
