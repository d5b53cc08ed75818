//! Linux's mechanism: carries a plan's steps out on the program's socket.

use super::choice::Got;
use super::intercepted::InterceptedCall;
use crate::linux::kernel::call::Result;
use crate::linux::kernel::sandbox;
use crate::linux::kernel::signals::Quiet;
use crate::linux::socket::options::{LocalPortRange, ReuseCleared, record_address};
use crate::linux::socket::probe::Probe;
use crate::linux::socket::steering;
use crate::linux::socket::tuples::Tuples;
use portshim_policy::model::{Call, Sharing};
use portshim_policy::plan::{Mechanism, Outcome, Try};
use portshim_policy::ports::{PortRange, Scope};
use portshim_policy::region::{BusyPorts, PeerSlot, Verdict};

/// Outcome of a step. The answer is what the program's call returned; `None` where the descriptor
/// is not the socket that it was taken for, and nothing has been done.
pub(super) type Tried = Try<Option<isize>>;

/// State of steering a socket.
pub(super) struct Steering {
    pub(super) range: LocalPortRange,
    /// A run was found to be taken.
    pub(super) missed: bool,
    /// The socket that asks for free ports, while it has found none.
    pub(super) probe: Option<Probe>,
}

impl Steering {
    #[inline(always)]
    pub(super) fn with(range: LocalPortRange) -> Self {
        Self { range, missed: false, probe: None }
    }
}

/// State of binding a socket by number.
pub(super) struct Pinning {
    /// The options that such a bind must not have, while it is tried.
    pub(super) lifted: Option<ReuseCleared>,
    /// One has failed.
    pub(super) in_vain: bool,
    /// No connection is to join the port, although the socket would let it.
    pub(super) single: bool,
}

impl Pinning {
    #[inline(always)]
    pub(super) const fn none() -> Self {
        Self { lifted: None, in_vain: false, single: false }
    }
}

/// State of sharing ports with other connections.
pub(super) struct Joining {
    /// Means of sharing, looked up at the first shared try.
    pub(super) beside: Option<Beside>,
    /// Ports believed taken towards the peer, looked up with it.
    pub(super) known: Option<(PeerSlot, &'static BusyPorts)>,
    /// A connection from one of the ports to the peer rests in TIME_WAIT.
    pub(super) rests: bool,
    /// A port was passed over because another thread had a claim on it.
    pub(super) passed_by: bool,
    /// Number of times more this request will wait for another thread's claim; `None` while there
    /// may be other ports.
    pub(super) patience: Option<u32>,
    /// Set if what is needed to share ports is forbidden.
    pub(super) hindered: bool,
}

impl Joining {
    /// Nothing of it yet. Written in place: what is looked up later takes room, and would be
    /// copied.
    #[inline(always)]
    pub(super) const fn none() -> Self {
        Self { beside: None, known: None, rests: false, passed_by: false, patience: None, hindered: false }
    }
}

/// Means of using a port beside other connections: the kernel's answer about a 4-tuple. Its
/// descriptor, and the options that the socket has meanwhile, must not be left behind.
pub(super) struct Beside {
    pub(super) tuples: Tuples,
    pub(super) quiet: Quiet,
}

/// The steps of a plan, on one socket.
pub(super) struct LinuxMechanism<'a> {
    pub(super) intercepted: &'a InterceptedCall<'a>,
    pub(super) scope: Scope,
    /// Way in which a TCP connection may share its port; `None` for every other request.
    pub(super) sharing: Option<Sharing>,
    /// Every choice of the policy is left to the kernel.
    pub(super) left_to_kernel: bool,
    /// The socket may have had a port all along.
    pub(super) unsure: bool,
    pub(super) steering: Steering,
    /// Dropped before `joining`: options are put back before signals are let in again.
    pub(super) pinning: Pinning,
    pub(super) joining: Joining,
    /// Way of getting the port.
    pub(super) how: Verdict,
    /// The port that the socket got.
    pub(super) got: Got,
}

impl<'a> LinuxMechanism<'a> {
    #[inline(always)]
    pub(super) fn new(
        intercepted: &'a InterceptedCall<'a>,
        scope: Scope,
        range: LocalPortRange,
        unsure: bool,
        left_to_kernel: bool,
    ) -> Self {
        Self {
            intercepted,
            scope,
            sharing: intercepted.is_tcp_connect().then(|| intercepted.session.rules.sharing()),
            left_to_kernel,
            unsure,
            steering: Steering::with(range),
            pinning: Pinning::none(),
            joining: Joining::none(),
            how: Verdict::Steered,
            got: Got::Unknown,
        }
    }

    /// Way of getting the port, if one was.
    pub(super) fn how(&self) -> Verdict {
        self.how
    }

    /// The port that the socket got.
    pub(super) fn got(&self) -> Got {
        self.got
    }

    /// The peer towards which alone the port is taken, where that is remembered.
    pub(super) fn shared_towards(&self) -> Option<PeerSlot> {
        self.joining.known.filter(|_| self.how == Verdict::Shared).map(|(place, _)| place)
    }

    /// Tells whether no connection is to join the port, although the socket would let it.
    pub(super) fn is_for_one(&self) -> bool {
        self.pinning.single
    }

    /// Tells whether ports may be left that the program's sandbox lets nobody find.
    pub(super) fn is_hindered(&self) -> bool {
        self.joining.hindered
    }

    /// Tells whether the program's own call has been made, and failed for want of a port.
    pub(super) fn has_asked(&self) -> bool {
        self.steering.missed
    }

    /// Puts the socket's options back and lets signals in again, before a call that may block.
    #[inline]
    pub(super) fn put_back(&mut self) {
        if self.pinning.lifted.is_some() || self.joining.beside.is_some() {
            self.put_all_back();
        }
    }

    #[cold]
    fn put_all_back(&mut self) {
        self.pinning.lifted = None;
        self.joining.beside = None;
    }

    /// Makes the program's own call, which is all that is left to do.
    pub(super) fn own(&mut self) -> Tried {
        self.put_back();
        Try::Done(Some(self.intercepted.original.call()))
    }
}

impl Mechanism for LinuxMechanism<'_> {
    type Answer = Option<isize>;

    fn steer(&mut self, run: PortRange) -> Tried {
        if self.is_known_taken(run) { Try::Again(Outcome::Taken) } else { self.steer_unasked(run) }
    }

    fn aim(&mut self, port: u16) -> Tried {
        self.steer_unasked(PortRange::single(port))
    }

    fn pin(&mut self, port: u16) -> Tried {
        if self.intercepted.may_change() { self.bind_alone(port) } else { Try::Done(None) }
    }

    fn share(&mut self, port: u16) -> Tried {
        if !self.intercepted.may_change() {
            return Try::Done(None);
        }
        let before = sandbox::refusals();
        let tried = self.connect_beside(port, false);
        self.joining.hindered |= sandbox::refusals() != before;
        tried
    }

    fn reuse(&mut self, port: u16) -> Tried {
        if self.joining.rests { self.connect_beside(port, true) } else { Try::Again(Outcome::Taken) }
    }

    fn limit(&self, hull: Option<PortRange>) -> PortRange {
        self.steering.range.limit(hull)
    }

    fn steerable(&self, scope: Scope) -> Option<PortRange> {
        let InterceptedCall { session, socket, .. } = *self.intercepted;
        steering::reach(socket, scope, session.rules).steerable
    }

    fn begins_to_wait(&mut self) -> bool {
        self.begin_to_wait()
    }
}

impl LinuxMechanism<'_> {
    /// Outcome of binding `port`.
    pub(super) fn answered(&mut self, port: u16, result: Result<()>) -> Tried {
        match result {
            Ok(()) => {
                self.got = Got::Port(port);
                Try::Done(Some(0))
            }
            Err(error) if steering::is_forbidden(error, port) => self.uncovered(),
            // EACCES: a privileged port (ip_unprivileged_port_start) and no privilege, so not one
            // for this program.
            Err(libc::EADDRINUSE | libc::EACCES) => {
                self.pinning.in_vain = true;
                Try::Again(Outcome::Taken)
            }
            Err(error) if self.intercepted.call == Call::Bind => Try::Done(Some(self.intercepted.fail(error))),
            // The program has not asked for a bind: its own call has the kernel's word for what is
            // wrong.
            Err(_) => self.own(),
        }
    }

    /// Leaves the choice to the kernel: the program's own call is all that its sandbox lets it
    /// make.
    pub(super) fn uncovered(&mut self) -> Tried {
        if self.intercepted.call != Call::Bind {
            self.record_address_again();
        }
        self.how = Verdict::Uncovered;
        self.got = Got::Unknown;
        self.own()
    }

    /// Has the kernel record once more the address that it forgot when a bind by number failed.
    pub(super) fn record_address_again(&self) {
        if self.pinning.in_vain && !self.intercepted.local.is_wildcard() {
            let _ = record_address(self.intercepted.socket.fd, self.intercepted.local);
        }
    }
}
