//! One attempt to serve a wish: carries a plan's steps out on the program's socket.

use super::address::Address;
use super::diag::Diag;
use super::drive::{Waits, Wish};
use super::options::{AddressOnly, Lifted, NonBlocking, RangeOption, record_address};
use super::probe::{LARGEST, Probe};
use super::route::{self, Way};
use super::{errno, held, hooks, host, sandbox, sys};
use crate::claim::Claim;
use portshim_policy::{
    Call, Hint, Mechanism, Outcome, Place, PortRange, Scope, Sharing, Transport, Try, Verdict, exhausted,
};

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

/// The steps of a plan, on one socket.
pub(crate) struct Attempt<'a> {
    wish: &'a Wish<'a>,
    scope: Scope,
    range: RangeOption,
    /// Every choice of the policy is left to the kernel.
    left_to_kernel: bool,
    /// The connection shall have its port to itself.
    exclusive: bool,
    /// The connection's port may serve other peers as well.
    shared: bool,
    /// What the kernel says when no port is left.
    exhausted: i32,
    /// What sharing needs, looked up at the first shared try.
    beside: Option<Beside>,
    /// Which ports are believed taken towards the peer, looked up with it.
    known: Option<(Place, &'static Hint)>,
    /// The socket that asks for free ports, while it has found none.
    probe: Option<Probe>,
    /// The socket may have had a port all along.
    unsure: bool,
    /// A run was found to be taken.
    missed_before: bool,
    /// The options that a bind by number must not have, from the first such bind on.
    lifted: Option<Lifted>,
    /// How many times more this request will wait for another thread's claim.
    patience: u32,
    /// How the port was come by.
    how: Verdict,
    /// The port that the socket got.
    got: Got,
    /// What is needed to share ports is forbidden.
    hindered: bool,
    /// The run that the attempt began with, and that the plan will propose once more.
    passed: Option<PortRange>,
}

/// What it takes to use a port beside other connections: both addresses, and the kernel's answer about a
/// 4-tuple.
struct Beside {
    way: Way,
    diag: Diag,
    interface: i32,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(
        wish: &'a Wish<'a>,
        scope: Scope,
        range: RangeOption,
        unsure: bool,
        left_to_kernel: bool,
    ) -> Self {
        let sharing = wish.is_tcp_connect().then(|| wish.session.rules.sharing());
        Self {
            wish,
            scope,
            range,
            left_to_kernel,
            exclusive: sharing == Some(Sharing::Exclusive),
            shared: sharing == Some(Sharing::Tuple),
            exhausted: errno::of(exhausted(wish.call, wish.socket.transport)),
            beside: None,
            known: None,
            probe: None,
            unsure,
            missed_before: false,
            lifted: None,
            patience: 10_000,
            how: Verdict::Steered,
            got: Got::Unknown,
            hindered: false,
            passed: None,
        }
    }

    /// Steers to the run that the plan is going to begin with. `None` where there has to be a plan, then.
    pub(crate) fn begin_with(&mut self, run: PortRange) -> Option<isize> {
        match self.steer(run) {
            Try::Done(answer) => return Some(answer),
            Try::Again(Outcome::Taken) => self.passed = Some(run),
            Try::Again(_) => {}
        }
        None
    }

    /// The ports that the program's own range on this socket leaves.
    pub(crate) fn limit(&self, hull: Option<PortRange>) -> PortRange {
        self.range.limit(hull)
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
        self.known.filter(|_| self.how == Verdict::Shared).map(|(place, _)| place)
    }

    /// Whether ports may be left that the program's sandbox lets nobody find.
    pub(crate) fn is_hindered(&self) -> bool {
        self.hindered
    }

    /// Whether the program's own call has been made, and failed for want of a port.
    pub(crate) fn has_asked(&self) -> bool {
        self.missed_before
    }

    /// Whether a bind by number has failed: it made the kernel forget the address that the program had bound.
    pub(crate) fn has_pinned_in_vain(&self) -> bool {
        self.lifted.is_some()
    }
}

impl Mechanism for Attempt<'_> {
    type Answer = isize;

    fn steer(&mut self, run: PortRange) -> Try<isize> {
        if self.passed.take() == Some(run) || self.is_known_taken(run) {
            return Try::Again(Outcome::Taken);
        }
        self.steer_unasked(run)
    }

    fn aim(&mut self, port: u16) -> Try<isize> {
        self.steer_unasked(PortRange::single(port))
    }

    fn pin(&mut self, port: u16) -> Try<isize> {
        self.how = Verdict::Pinned;
        let wish = self.wish;
        if !wish.binds {
            return Try::Done((wish.own)());
        }
        let candidate = wish.local.with_port(port);
        let mut lifted = self.lifted.take().unwrap_or_else(|| Lifted::on(&wish.socket));
        lifted.keep_alone();
        if wish.call == Call::Bind {
            self.lifted = Some(lifted);
            return self.answered(port, hooks::next_bind(wish.socket.fd, &candidate));
        }
        let bound = sys::bind(wish.socket.fd, candidate.storage(), candidate.len());
        self.got = if bound.is_ok() { Got::Port(port) } else { Got::Unknown };
        match bound {
            Ok(()) if self.shared => lifted.keep_shared(),
            Ok(()) | Err(libc::EINVAL) => drop(lifted), // EINVAL: another thread has been faster
            Err(error) if host::is_forbidden(error, port) => {
                drop(lifted);
                return self.uncovered();
            }
            Err(error) => {
                self.lifted = Some(lifted);
                return self.answered(port, Err(error));
            }
        }
        Try::Done((wish.own)())
    }

    fn share(&mut self, port: u16) -> Try<isize> {
        let before = sandbox::refusals();
        let tried = self.share_if_free(port);
        self.hindered |= sandbox::refusals() != before;
        tried
    }
}

impl Attempt<'_> {
    fn share_if_free(&mut self, port: u16) -> Try<isize> {
        self.how = Verdict::Shared;
        let wish = self.wish;
        let Some(peer) = wish.peer.as_ref() else { return Try::Again(Outcome::Taken) };
        if self.beside.is_none() {
            let way = match route::way(&wish.socket, &wish.local, peer) {
                Ok(way) => way,
                Err(error) if route::is_unreachable(error) => return Try::Done(errno::fail(error)),
                Err(_) => return Try::Again(Outcome::Taken),
            };
            let Some(diag) = Diag::open() else { return Try::Again(Outcome::Taken) };
            self.known = wish.session.peers().and_then(|peers| {
                let place = peers.take(wish.session.hash(&wish.local, peer), sys::can_write)?;
                Some((place, peers.hint(place)))
            });
            self.beside = Some(Beside { way, diag, interface: wish.socket.interface() });
        }
        let Some(beside) = &self.beside else { return Try::Again(Outcome::Taken) };
        let source = beside.way.source.with_port(port);
        // From asking to connecting, nobody else of the session may be about to take the same tuple.
        let Some(claim) = Claim::on(wish.session.region.header.claim(port), &mut self.patience) else {
            return Try::Again(Outcome::Taken);
        };
        // It is taken towards the peer, or is about to be.
        let known = self.known.map(|(_, hint)| hint);
        let believed = known.filter(|hint| hint.contains(port));
        if let Some(hint) = known {
            hint.mark(port);
        }
        if !beside.diag.is_free(&source, &beside.way.peer, beside.interface) {
            return Try::Again(Outcome::Taken);
        }
        if let Some(hint) = believed {
            // Somebody gave it back without a word, who had others perhaps: a process that was killed, or ended.
            hint.clear();
            hint.mark(port);
        }
        let candidate = wish.local.with_port(port);
        let mut lifted = self.lifted.take().unwrap_or_else(|| Lifted::on(&wish.socket));
        lifted.share();
        let bound = sys::bind(wish.socket.fd, candidate.storage(), candidate.len());
        self.got = if bound.is_ok() { Got::Port(port) } else { Got::Unknown };
        match bound {
            Ok(()) => lifted.keep_shared(),
            Err(libc::EINVAL) => {
                drop(lifted);
                return Try::Done((wish.own)());
            }
            Err(error) => {
                self.lifted = Some(lifted);
                return self.answered(port, Err(error));
            }
        }
        if wish.waits == Waits::Once {
            return Try::Done((wish.own)());
        }
        // What takes time now delays the program's next call, and a peer may reset the connection meanwhile.
        self.beside = None;
        // The claim must not be held for as long as the peer takes to answer, nor by a thread that is
        // cancelled: so a call of ours starts the connection, and the program's own waits for it.
        let quick = NonBlocking::on(wish.socket.fd);
        if !quick.is_certain() {
            drop(claim);
            return Try::Done((wish.own)());
        }
        let connect = || sys::connect(wish.socket.fd, peer.storage(), peer.len());
        let mut started = connect();
        if quick.was_blocking() && started == Err(libc::EINPROGRESS) {
            // A peer on this machine has answered by now. If it reset the connection before it is asked for what came
            // of it, the program would be told of that too early.
            started = connect();
        }
        drop(claim); // the kernel holds the tuple from here on
        drop(quick);
        Try::Done(match started {
            Err(libc::EALREADY) => (wish.own)(),
            Ok(()) => 0,
            Err(error) => errno::fail(error),
        })
    }
}

impl Attempt<'_> {
    /// Makes the kernel choose inside `run`, without asking first.
    fn steer_unasked(&mut self, run: PortRange) -> Try<isize> {
        self.how = Verdict::Steered;
        match self.range.steer(run, self.is_dense(run)) {
            Ok(()) => {}
            Err(libc::ENOPROTOOPT) => {
                host::cannot_steer();
                return Try::Again(Outcome::Unsteerable);
            }
            Err(libc::EBADF | libc::ENOTSOCK) => return Try::Done((self.wish.own)()),
            // A seccomp filter, perhaps.
            Err(_) => return Try::Again(Outcome::Unsteerable),
        }
        if self.exclusive && self.wish.binds {
            let any = self.wish.local.with_port(0);
            let _whole = AddressOnly::set(self.wish.socket.fd, false);
            match sys::bind(self.wish.socket.fd, any.storage(), any.len()) {
                Err(libc::EADDRINUSE) => return Try::Again(Outcome::Taken),
                Ok(()) if self.missed(run) => return Try::Again(Outcome::Unsteerable),
                _ => return Try::Done((self.wish.own)()),
            }
        }
        let answer = (self.wish.own)();
        if answer < 0 && errno::get() == self.exhausted && !self.is_bound_datagram() {
            self.missed_before = true;
            return Try::Again(Outcome::Taken);
        }
        let got_one = !self.unsure && (answer >= 0 || errno::get() == libc::EINPROGRESS);
        if got_one && self.may_go_unseen(run) {
            self.got = if run.len() == 1 { Got::Port(run.first()) } else { Got::Unseen };
        } else if got_one && self.missed(run) {
            return if self.wish.call == Call::Bind || self.wish.call == Call::Listen {
                Try::Again(Outcome::Unsteerable)
            } else {
                Try::Done(answer)
            };
        }
        Try::Done(answer)
    }

    /// Whether it need not be seen which port of `run` a new socket got: nobody wants to know, or there is but one, and
    /// in this very moment the kernel was seen to choose where it was told to.
    fn may_go_unseen(&self, run: PortRange) -> bool {
        let session = self.wish.session;
        let worthless = run.len() == 1 || held::may_go_unseen(session, self.scope);
        worthless && self.wish.socket.untouched && !session.logs() && host::just_obeyed()
    }

    /// Whether so many ports of `run` are taken that the kernel's own way of looking for one for a connection,
    /// every second port first, would take it long.
    fn is_dense(&self, run: PortRange) -> bool {
        let hint = self.wish.session.hint(self.scope);
        self.wish.is_tcp_connect() && hint.is_some_and(|hint| hint.count() > run.len() / 5 * 2)
    }

    /// What came of binding `port`.
    fn answered(&mut self, port: u16, result: sys::Result<()>) -> Try<isize> {
        match result {
            Ok(()) => {
                self.got = Got::Port(port);
                Try::Done(0)
            }
            Err(libc::EADDRINUSE) => Try::Again(Outcome::Taken),
            Err(error) if host::is_forbidden(error, port) => self.uncovered(),
            // A privileged port (ip_unprivileged_port_start) and no privilege: not one for this program.
            Err(libc::EACCES) => Try::Again(Outcome::Taken),
            Err(error) => Try::Done(errno::fail(error)),
        }
    }

    /// Leaves the choice to the kernel: the program's own call is all that its sandbox lets it make.
    fn uncovered(&mut self) -> Try<isize> {
        let wish = self.wish;
        if self.has_pinned_in_vain() && wish.call != Call::Bind && !wish.local.is_wildcard() {
            let _ = record_address(wish.socket.fd, &wish.local);
        }
        self.lifted = None;
        self.how = Verdict::Uncovered;
        self.got = Got::Unknown;
        Try::Done((wish.own)())
    }

    /// Whether asking, which is cheaper than steering a datagram socket in vain, finds no free port in `run`.
    fn is_known_taken(&mut self, run: PortRange) -> bool {
        let worthwhile = run.len() == 1 || (self.missed_before && run.len() <= LARGEST);
        if self.wish.socket.transport == Transport::Tcp || !worthwhile {
            return false;
        }
        if self.probe.is_none() {
            // The kernel has something else to say about a second bind; and by its own choice it lets
            // sockets that reuse addresses share ports.
            let bound = Address::local(self.wish.socket.fd).is_ok_and(|local| local.port() != 0);
            if bound || (self.left_to_kernel && self.wish.socket.reuses()) {
                return false;
            }
            self.probe = Probe::like(&self.wish.socket);
        }
        let taken = self.probe.as_ref().is_some_and(|probe| !probe.finds_free(&self.wish.local, run));
        if !taken {
            self.probe = None; // it may hold the free port
        }
        taken
    }

    /// Whether a failed datagram call found the socket bound: then its EAGAIN speaks of a full buffer.
    fn is_bound_datagram(&self) -> bool {
        self.wish.socket.transport == Transport::Udp
            && self.wish.call != Call::Bind
            && Address::local(self.wish.socket.fd).is_ok_and(|local| local.port() != 0)
    }

    /// Whether the kernel chose outside `run`: the host's range has changed since we looked. A socket
    /// that was bound so is unbound again, where it can be.
    fn missed(&mut self, run: PortRange) -> bool {
        let fd = self.wish.socket.fd;
        let port = Address::local(fd).map_or(0, |local| local.port());
        self.got = if port == 0 { Got::Unknown } else { Got::Port(port) };
        if port == 0 || run.contains(port) {
            if port != 0 {
                host::saw_it_obey();
            }
            return false;
        }
        host::look();
        if self.wish.call == Call::Bind || self.wish.call == Call::Listen || self.exclusive {
            if self.wish.socket.transport == Transport::Tcp {
                let _ = sys::listen(fd, 0);
            }
            let nowhere = Address::unspecified();
            if sys::connect(fd, nowhere.storage(), nowhere.len()) == Err(sandbox::NOT_ASKED) {
                self.how = Verdict::Uncovered;
                return false;
            }
        }
        true
    }
}
