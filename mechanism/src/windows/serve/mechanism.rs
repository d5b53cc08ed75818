//! Windows' mechanism: carries a plan's steps out on the program's socket.

use super::intercepted::InterceptedCall;
use crate::port_lock::{PATIENCE, PortLock};
use crate::windows::kernel::clock::milliseconds;
use crate::windows::kernel::{calls, connections, errno};
use crate::windows::socket::facts::Sharing;
use crate::windows::socket::probe::{Probe, family};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
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
    asks_itself: Option<AsksItself>,
    /// The ports that the system lists as somebody's, looked up for the first one that may be.
    listed: Option<PortSet>,
    /// Set if ports were passed over because the session remembers that they are kept back.
    remembers: bool,
    /// Set if they are asked for all the same.
    asks_anew: bool,
    /// Number of times more this request will wait for another thread's claim.
    patience: u32,
    /// Told when the socket has got its port, and whether it has been made exclusive.
    has_got: &'a dyn Fn(bool),
    /// The port that the socket has got.
    port: Option<u16>,
    /// Outcome of the ports that were asked for in vain.
    refused: Refused,
}

/// Tells whether the program's own socket asks for its port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AsksItself {
    No,
    /// The program has made it exclusive.
    AsItIs,
    /// For as long as it asks, it has been made exclusive.
    MadeExclusive,
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
    pub(super) fn new(intercepted: &'a InterceptedCall<'a>, scopes: ScopeSet, has_got: &'a dyn Fn(bool)) -> Self {
        Self {
            intercepted,
            scopes,
            probes: [None, None],
            asks_itself: None,
            listed: None,
            remembers: false,
            asks_anew: false,
            patience: PATIENCE,
            has_got,
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

    /// Tells whether the program's own socket asks for ports, in its own family: one that is about
    /// to be bound to all addresses, and meets whoever has a port if it is exclusive. Every other
    /// one is asked for by a probe: see there.
    ///
    /// One that the program does not bind itself is made exclusive; of those that it does, sockets
    /// of UDP. As long as a connection lives that a listener has accepted which was exclusive,
    /// nobody can listen on that port anew (Microsoft, SO_EXCLUSIVEADDRUSE), but a server that
    /// starts again may.
    fn asks_itself(&mut self) -> bool {
        let InterceptedCall { call, socket, local, .. } = self.intercepted;
        let asks_itself = self.asks_itself.get_or_insert_with(|| match socket.is_new {
            Some(_) if !local.is_wildcard() => AsksItself::No,
            Some(Sharing::Exclusive) => AsksItself::AsItIs,
            Some(Sharing::Usual)
                if (*call != Call::Bind || socket.transport == Transport::Udp)
                    && set_exclusive(socket.handle, true) =>
            {
                AsksItself::MadeExclusive
            }
            Some(Sharing::Usual) | None => AsksItself::No,
        });
        *asks_itself != AsksItself::No
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
        let is_looked_up = self.listed.is_some();
        let listed = self.listed.get_or_insert_with(|| connections::ports(scopes));
        if !is_looked_up {
            // What nobody has is believed free again.
            for hint in hints().flatten() {
                let is_over = |port: &u16| hint.contains(*port) && !listed.contains(*port);
                (1..=u16::MAX).filter(is_over).for_each(|port| hint.unmark(port));
            }
        }
        listed.contains(port)
    }

    /// Asks probes for `port`, one for each family; but not for the one of which `spared` tells.
    fn probe(&mut self, port: u16, spared: impl Fn(Scope) -> bool) -> Asked {
        let scopes = self.scopes.iter().zip(0..).filter(|(scope, _)| !spared(*scope));
        let mut asked = scopes.map(|(scope, n)| self.probe_in(scope, n, port));
        asked.find(|asked| *asked != Asked::Free).unwrap_or(Asked::Free)
    }

    fn probe_in(&mut self, scope: Scope, n: usize, port: u16) -> Asked {
        let kept = self.probes.get_mut(n).and_then(Option::take);
        let Some(probe) = kept.or_else(|| Probe::of(scope).ok()) else { return Asked::Free };
        let asked = match probe.take(port) {
            Err(WSAEADDRINUSE) => Asked::Taken,
            // Or somebody has it for himself alone, at all addresses.
            Err(WSAEACCES) if self.listed().contains(port) => Asked::Taken,
            Err(WSAEACCES) => {
                self.intercepted.session.region.kept_back(scope).mark(port);
                Asked::KeptBack
            }
            _ => return Asked::Free, // dropped, it lets go of the port
        };
        if let Some(slot) = self.probes.get_mut(n) {
            *slot = Some(probe);
        }
        asked
    }

    /// The ports that the system lists as somebody's.
    fn listed(&mut self) -> &PortSet {
        self.listed.get_or_insert_with(|| connections::ports(self.scopes))
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

/// Time after which it is asked anew for ports that were kept back, in milliseconds.
const ANEW: u32 = 1000;

fn set_exclusive(socket: SOCKET, on: bool) -> bool {
    calls::set_option(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, on.into()).is_ok()
}

impl Drop for WindowsMechanism<'_> {
    fn drop(&mut self) {
        if self.asks_itself == Some(AsksItself::MadeExclusive) && self.port.is_none() {
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
        let kept_back = || self.scopes.iter().map(|scope| region.kept_back(scope));
        let is_kept_back = kept_back().any(|kept_back| kept_back.contains(port));
        if is_kept_back && !self.asks_anew {
            self.remembers = true;
            return self.passed_over(Asked::KeptBack);
        }
        if is_kept_back {
            kept_back().for_each(|kept_back| kept_back.unmark(port));
        }
        // From asking to binding, nobody else of the session may be about to take the same port.
        let claim = PortLock::on(region.header.claim(port), &mut self.patience);
        let Some(claim) = claim else { return self.passed_over(Asked::Taken) };
        if self.is_connected(port) {
            return self.passed_over(Asked::Taken);
        }
        let (asks_itself, own) = (self.asks_itself(), intercepted.socket.family);
        let asked = self.probe(port, |scope| asks_itself && family(scope) == own);
        if asked != Asked::Free {
            return self.passed_over(asked);
        }
        let candidate = intercepted.local.with_port(port);
        errno::set(intercepted.before);
        let bound = calls::bind(intercepted.socket.handle, candidate.storage(), candidate.len());
        drop(claim);
        match bound {
            Ok(()) => {
                self.port = Some(port);
                (self.has_got)(self.asks_itself == Some(AsksItself::MadeExclusive));
                if intercepted.call == Call::Bind { Try::Done(0) } else { Try::Done((intercepted.original)()) }
            }
            Err(WSAEADDRINUSE) => self.passed_over(Asked::Taken),
            // The system keeps it back, or another socket has it for itself alone: a probe can
            // tell.
            Err(WSAEACCES) => {
                let asked = self.probe(port, |_| false);
                self.passed_over(asked)
            }
            // Another thread has been faster.
            Err(WSAEINVAL) if intercepted.socket.has_got_port() => Try::Done((intercepted.original)()),
            Err(error) => Try::Done(errno::fail(error)),
        }
    }

    /// Lets a request that fails ask anew: ports that are kept back may be given back, and those
    /// that seemed so may have been another socket's. Not each time, for they may be thousands.
    fn begins_to_wait(&mut self) -> bool {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let (last, now) = (LAST.load(Relaxed), milliseconds());
        self.asks_anew = self.remembers && (last == 0 || now.wrapping_sub(last) > ANEW);
        if self.asks_anew {
            LAST.store(now, Relaxed);
            self.refused = Refused::default();
        }
        self.asks_anew
    }

    /// Ports are each one socket's alone here: a bind by number cannot be told to share its port by
    /// 4-tuple.
    fn share(&mut self, _port: u16) -> Try<i32> {
        Try::Again(Outcome::Taken)
    }
}
