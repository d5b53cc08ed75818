//! Linux's mechanism: carries a plan's steps out on the program's socket.

mod join;
mod pin;
mod steer;

use super::drive::Wish;
use super::options::RangeOption;
use super::{errno, host, sandbox, sys};
use join::Joining;
use pin::Pinning;
use portshim_policy::{Call, Mechanism, Outcome, Place, PortRange, Scope, Sharing, Try, Verdict};
use steer::Steering;

/// What is known of the port that a socket got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got {
    /// Its number.
    Port(u16),
    /// The kernel chose, and nobody looked.
    Unseen,
    /// Nothing, not even whether there is one.
    Unknown,
}

/// What a step comes to. The answer is what the program's call returned; `None` where the descriptor is not the socket
/// that it was taken for, and nothing has been done.
type Tried = Try<Option<isize>>;

/// The steps of a plan, on one socket.
pub(crate) struct LinuxMechanism<'a> {
    wish: &'a Wish<'a>,
    scope: Scope,
    /// How a TCP connection may share its port; `None` for every other request.
    sharing: Option<Sharing>,
    /// Every choice of the policy is left to the kernel.
    left_to_kernel: bool,
    /// The socket may have had a port all along.
    unsure: bool,
    steering: Steering,
    /// Dropped before `joining`: options are put back before signals are let in again.
    pinning: Pinning,
    joining: Joining,
    /// How the port was come by.
    how: Verdict,
    /// The port that the socket got.
    got: Got,
}

impl<'a> LinuxMechanism<'a> {
    #[inline]
    pub(crate) fn new(
        wish: &'a Wish<'a>,
        scope: Scope,
        range: RangeOption,
        unsure: bool,
        left_to_kernel: bool,
    ) -> Self {
        Self {
            wish,
            scope,
            sharing: wish.is_tcp_connect().then(|| wish.session.rules.sharing()),
            left_to_kernel,
            unsure,
            steering: Steering::with(range),
            pinning: Pinning::default(),
            joining: Joining::default(),
            how: Verdict::Steered,
            got: Got::Unknown,
        }
    }

    /// The ports that the program's own range on this socket leaves.
    pub(crate) fn limit(&self, hull: Option<PortRange>) -> PortRange {
        self.steering.range.limit(hull)
    }

    /// How the port was come by, if one was.
    pub(crate) fn how(&self) -> Verdict {
        self.how
    }

    /// The port that the socket got.
    pub(crate) fn got(&self) -> Got {
        self.got
    }

    /// The peer towards which alone the port is taken, where that is remembered.
    pub(crate) fn shared_towards(&self) -> Option<Place> {
        self.joining.known.filter(|_| self.how == Verdict::Shared).map(|(place, _)| place)
    }

    /// Whether ports may be left that the program's sandbox lets nobody find.
    pub(crate) fn is_hindered(&self) -> bool {
        self.joining.hindered
    }

    /// Whether the program's own call has been made, and failed for want of a port.
    pub(crate) fn has_asked(&self) -> bool {
        self.steering.missed
    }

    /// Puts the socket's options back and lets signals in again, before a call that may block.
    #[inline]
    pub(crate) fn put_back(&mut self) {
        self.pinning.lifted = None;
        self.joining.beside = None;
    }

    /// Makes the program's own call, which is all that is left to do.
    fn own(&mut self) -> Tried {
        self.put_back();
        Try::Done(Some((self.wish.own)()))
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
        if self.wish.may_change() { self.bind_alone(port) } else { Try::Done(None) }
    }

    fn share(&mut self, port: u16) -> Tried {
        if !self.wish.may_change() {
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

    fn begins_to_wait(&mut self) -> bool {
        self.begin_to_wait()
    }
}

impl LinuxMechanism<'_> {
    /// What came of binding `port`.
    fn answered(&mut self, port: u16, result: sys::Result<()>) -> Tried {
        match result {
            Ok(()) => {
                self.got = Got::Port(port);
                Try::Done(Some(0))
            }
            Err(error) if host::is_forbidden(error, port) => self.uncovered(),
            // EACCES: a privileged port (ip_unprivileged_port_start) and no privilege, so not one for this program.
            Err(libc::EADDRINUSE | libc::EACCES) => {
                self.pinning.in_vain = true;
                Try::Again(Outcome::Taken)
            }
            Err(error) if self.wish.call == Call::Bind => Try::Done(Some(errno::fail(error))),
            // The program has not asked for a bind: its own call has the kernel's word for what is wrong.
            Err(_) => self.own(),
        }
    }

    /// Leaves the choice to the kernel: the program's own call is all that its sandbox lets it make.
    fn uncovered(&mut self) -> Tried {
        if self.wish.call != Call::Bind {
            self.record_address_again();
        }
        self.how = Verdict::Uncovered;
        self.got = Got::Unknown;
        self.own()
    }

    /// Has the kernel record once more the address that it forgot when a bind by number failed.
    pub(crate) fn record_address_again(&self) {
        if self.pinning.in_vain && !self.wish.local.is_wildcard() {
            let _ = super::options::record_address(self.wish.socket.fd, &self.wish.local);
        }
    }
}
