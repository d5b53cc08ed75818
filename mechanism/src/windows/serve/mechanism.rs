//! Windows' mechanism: carries a plan's steps out on the program's socket.

use super::intercepted::InterceptedCall;
use crate::port_lock::{PATIENCE, PortLock};
use crate::windows::kernel::{calls, connections, errno};
use crate::windows::socket::probe::Probe;
use portshim_policy::model::Call;
use portshim_policy::plan::{Mechanism, Outcome, Try};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet, Transport};
use windows_sys::Win32::Networking::WinSock::{
    SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, WSAEACCES, WSAEADDRINUSE, WSAEINVAL,
};

/// The steps of a plan, on one socket.
pub(super) struct WindowsMechanism<'a> {
    intercepted: &'a InterceptedCall<'a>,
    /// Scopes in which the port has to be free.
    scopes: ScopeSet,
    /// The sockets that ask for free ports, one for each family, while they have found none.
    probes: [Option<Probe>; 2],
    /// Set if the program's socket asks itself; `None` where that has not been looked at.
    asks_itself: Option<bool>,
    /// The ports of connections, looked up for the first port that may have one.
    connected: Option<PortSet>,
    /// Number of times more this request will wait for another thread's claim.
    patience: u32,
    /// The port that the socket has got.
    port: Option<u16>,
    /// Outcome of the ports that were asked for in vain.
    refused: Refused,
}

/// Outcome of ports that were asked for in vain.
#[derive(Clone, Copy, Default)]
struct Refused {
    taken: bool,
    kept_back: bool,
}

/// Answer about a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Free,
    /// Somebody has it.
    Taken,
    /// The system gives it to nobody.
    KeptBack,
}

impl<'a> WindowsMechanism<'a> {
    pub(super) fn new(intercepted: &'a InterceptedCall<'a>, scopes: ScopeSet) -> Self {
        Self {
            intercepted,
            scopes,
            probes: [None, None],
            asks_itself: None,
            connected: None,
            patience: PATIENCE,
            port: None,
            refused: Refused::default(),
        }
    }

    /// The port that the socket has got.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Tells whether all ports that were asked for are kept back by the system, and there was one.
    pub(super) fn met_none_but_kept_back(&self) -> bool {
        self.refused.kept_back && !self.refused.taken
    }

    /// Tells whether the program's own socket can ask for ports: one that nobody has set up, and
    /// that is about to be bound by the way to all addresses, so that nobody minds that it keeps
    /// its port to itself. Every other one is asked for by a probe: see there.
    fn asks_itself(&mut self) -> bool {
        let InterceptedCall { call, socket, .. } = self.intercepted;
        let may = *call != Call::Bind && socket.is_new && self.scopes.iter().count() == 1;
        *self.asks_itself.get_or_insert_with(|| may && set_exclusive(socket.handle, true))
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

    /// Asks probes for `port`, one for each family.
    fn probe(&mut self, port: u16) -> Asked {
        let scopes = self.scopes;
        let mut asked = scopes.iter().zip(0..).map(|(scope, n)| self.probe_in(scope, n, port));
        asked.find(|asked| *asked != Asked::Free).unwrap_or(Asked::Free)
    }

    fn probe_in(&mut self, scope: Scope, n: usize, port: u16) -> Asked {
        let Some(slot) = self.probes.get_mut(n) else { return Asked::Free };
        let Some(probe) = slot.take().or_else(|| Probe::of(scope).ok()) else { return Asked::Free };
        let asked = match probe.take(port) {
            Err(WSAEADDRINUSE) => Asked::Taken,
            Err(WSAEACCES) => {
                self.intercepted.session.region.kept_back(scope).mark(port);
                Asked::KeptBack
            }
            _ => return Asked::Free, // dropped, it lets go of the port
        };
        *slot = Some(probe);
        asked
    }

    /// Notes that `port` is not to be had.
    fn passed_over<T>(&mut self, asked: Asked) -> Try<T> {
        match asked {
            Asked::KeptBack => self.refused.kept_back = true,
            Asked::Free | Asked::Taken => self.refused.taken = true,
        }
        Try::Again(Outcome::Taken)
    }
}

fn set_exclusive(socket: SOCKET, on: bool) -> bool {
    calls::set_option(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, on.into()).is_ok()
}

impl Drop for WindowsMechanism<'_> {
    fn drop(&mut self) {
        if self.asks_itself == Some(true) && self.port.is_none() {
            let left = errno::get();
            set_exclusive(self.intercepted.socket.handle, false);
            errno::set(left);
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
        let region = intercepted.session.region;
        if self.scopes.iter().any(|scope| region.kept_back(scope).contains(port)) {
            return self.passed_over(Asked::KeptBack);
        }
        // From asking to binding, nobody else of the session may be about to take the same port.
        let claim = PortLock::on(region.header.claim(port), &mut self.patience);
        let Some(claim) = claim else { return self.passed_over(Asked::Taken) };
        if self.is_connected(port) {
            return self.passed_over(Asked::Taken);
        }
        if !self.asks_itself() {
            let asked = self.probe(port);
            if asked != Asked::Free {
                return self.passed_over(asked);
            }
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
            Err(WSAEADDRINUSE) => self.passed_over(Asked::Taken),
            // The system keeps it back, or another socket has it for itself alone: a probe can
            // tell.
            Err(WSAEACCES) => {
                let asked = self.probe(port);
                self.passed_over(asked)
            }
            // Another thread has been faster.
            Err(WSAEINVAL) if intercepted.socket.has_got_port() => Try::Done((intercepted.original)()),
            Err(error) => Try::Done(errno::fail(error)),
        }
    }

    /// Ports are each one socket's alone here: a bind by number cannot be told to share its port by
    /// 4-tuple.
    fn share(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Taken)
    }
}
