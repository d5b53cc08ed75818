//! One attempt to serve a wish: carries a plan's steps out on the program's socket.

use super::address::Address;
use super::drive::{Waits, Wish};
use super::options::{AddressOnly, Lifted, NonBlocking, RangeOption, record_address};
use super::probe::{LARGEST, Probe};
use super::quiet::Quiet;
use super::route;
use super::tuples::{State, Tuples};
use super::{errno, held, host, sandbox, sys};
use crate::claim::{Claim, PATIENCE};
use portshim_policy::model::{Call, Sharing, exhausted};
use portshim_policy::plan::{Mechanism, Outcome, Try};
use portshim_policy::ports::{PortRange, Scope, Transport};
use portshim_policy::region::{BusyPorts, PeerSlot, Verdict};

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
    /// The options that a bind by number must not have, while such binds are tried. They are put back before signals are
    /// let in again: this field is dropped before `beside`.
    lifted: Option<Lifted>,
    /// What sharing needs, looked up at the first shared try.
    beside: Option<Beside>,
    /// Which ports are believed taken towards the peer, looked up with it.
    known: Option<(PeerSlot, &'static BusyPorts)>,
    /// The socket that asks for free ports, while it has found none.
    probe: Option<Probe>,
    /// The socket may have had a port all along.
    unsure: bool,
    /// A run was found to be taken.
    missed_before: bool,
    /// A bind by number has failed.
    bound_in_vain: bool,
    /// A connection from one of the ports to the peer rests in TIME_WAIT.
    rests: bool,
    /// A port was passed over because another thread had a claim on it.
    passed_by: bool,
    /// How many times more this request will wait for another thread's claim; `None` while there may be other ports.
    patience: Option<u32>,
    /// How the port was come by.
    how: Verdict,
    /// The port that the socket got.
    got: Got,
    /// No connection is to join it there, although the socket would let it.
    single: bool,
    /// What is needed to share ports is forbidden.
    hindered: bool,
    /// The run that the attempt began with, and that the plan will propose once more.
    passed: Option<PortRange>,
}

/// What it takes to use a port beside other connections: the kernel's answer about a 4-tuple. Its descriptor, and the
/// options that the socket has meanwhile, must not be left behind.
struct Beside {
    tuples: Tuples,
    quiet: Quiet,
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
            lifted: None,
            beside: None,
            known: None,
            probe: None,
            unsure,
            missed_before: false,
            bound_in_vain: false,
            rests: false,
            passed_by: false,
            patience: None,
            how: Verdict::Steered,
            got: Got::Unknown,
            single: false,
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
    pub(crate) fn shared_towards(&self) -> Option<PeerSlot> {
        self.known.filter(|_| self.how == Verdict::Shared).map(|(place, _)| place)
    }

    /// Whether no connection is to join the port, although the socket would let it.
    pub(crate) fn is_for_one(&self) -> bool {
        self.single
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
        self.bound_in_vain
    }

    /// Puts the socket's options back and lets signals in again, before a call that may block.
    pub(crate) fn put_back(&mut self) {
        self.lifted = None;
        self.beside = None;
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
        if self.beside.is_some() || !wish.binds {
            self.put_back();
        }
        if !wish.binds {
            return Try::Done((wish.own)());
        }
        let reuses = self.lift().reuses_address();
        let joined = self.shared
            || reuses && wish.socket.transport == Transport::Tcp && wish.session.rules.sharing() == Sharing::Tuple;
        // From here to connecting, or listening, no connection that shares ports may get in between.
        let mut claim = if joined { self.claim(port) } else { None };
        if joined && claim.is_none() {
            return Try::Again(Outcome::Claimed);
        }
        let candidate = wish.local.with_port(port);
        self.lift().keep_alone();
        if wish.call == Call::Bind {
            let bound = wish.bind(&candidate);
            self.single = joined && bound.is_ok();
            return self.answered(port, bound);
        }
        let lifted = self.lifted.take().unwrap_or_else(|| Lifted::on(&wish.socket));
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
        if let Some(claim) = &mut claim {
            claim.shorten();
        }
        Try::Done((wish.own)())
    }

    fn share(&mut self, port: u16) -> Try<isize> {
        let before = sandbox::refusals();
        let tried = self.connect_beside(port, false);
        self.hindered |= sandbox::refusals() != before;
        tried
    }

    fn reuse(&mut self, port: u16) -> Try<isize> {
        if self.rests { self.connect_beside(port, true) } else { Try::Again(Outcome::Taken) }
    }

    fn begins_to_wait(&mut self) -> bool {
        let begins = self.passed_by && self.patience.is_none();
        if begins {
            self.put_back();
            self.patience = Some(PATIENCE);
        }
        begins
    }
}

impl<'a> Attempt<'a> {
    fn lift(&mut self) -> &mut Lifted {
        self.lifted.get_or_insert_with(|| Lifted::on(&self.wish.socket))
    }

    /// Whether a socket is bound to `port` that `bind` has given it: the kernel's own choice would not let a connection join
    /// it there.
    fn is_single(&self, port: u16) -> bool {
        let header = &self.wish.session.region.header;
        let Some(process) = header.keeper(port) else { return false };
        let lives = sys::is_alive(process);
        if !lives {
            header.end_single(port, process);
        }
        lives
    }

    /// From asking to connecting, nobody else of the session may be about to take the same tuple.
    fn claim(&mut self, port: u16) -> Option<Claim<'a>> {
        let slot = self.wish.session.region.header.claim(port);
        let mut claim = Claim::at_once(slot);
        if claim.is_none() && self.patience.is_some() {
            self.put_back();
            claim = self.patience.as_mut().and_then(|patience| Claim::on(slot, patience));
        }
        self.passed_by |= claim.is_none();
        claim
    }

    /// Finds out what sharing needs: who would be at both ends.
    fn beside(&mut self, peer: &Address) -> Result<&mut Beside, Try<isize>> {
        let wish = self.wish;
        if self.beside.as_ref().is_some_and(|beside| beside.quiet.is_disturbing()) {
            self.put_back();
        }
        if self.beside.is_none() {
            if !host::is_here(&wish.socket) {
                return Err(Try::Again(Outcome::Taken)); // of that network, nothing can be asked
            }
            self.lifted = None;
            let quiet = Quiet::begin();
            let way = route::way(&wish.socket, &wish.local, peer).map_err(|error| {
                if route::is_unreachable(error) { Try::Done(errno::fail(error)) } else { Try::Again(Outcome::Taken) }
            })?;
            if self.known.is_none() {
                self.known = wish.session.peers().and_then(|peers| {
                    let place = peers.take(wish.session.hash(&wish.local, peer), sys::can_write)?;
                    Some((place, peers.hint(place)))
                });
            }
            self.beside = Some(Beside { tuples: Tuples::on(way, wish.socket.interface()), quiet });
        }
        self.beside.as_mut().ok_or(Try::Again(Outcome::Taken))
    }

    /// Whether the kernel would make the connection from `port`: which is taken towards the peer, or is about to be.
    fn is_free(&mut self, port: u16, peer: &Address, resting: bool) -> Result<bool, Try<isize>> {
        let beside = self.beside(peer)?;
        let state = beside.tuples.state(port);
        let free = match state {
            State::Free => true,
            State::Resting(rested) => resting && beside.tuples.takes_over(rested),
            State::Taken => false,
        };
        self.rests |= matches!(state, State::Resting(_));
        if let Some((_, hint)) = self.known {
            if free && hint.contains(port) {
                // Somebody gave it back without a word, who had others perhaps: a process that was killed, or ended.
                hint.clear();
            }
            hint.mark(port);
        }
        Ok(free)
    }

    /// Takes a port that others use as well, or that they used, if no connection of theirs is in the way.
    fn connect_beside(&mut self, port: u16, resting: bool) -> Try<isize> {
        let wish = self.wish;
        if !wish.binds {
            self.put_back();
            return Try::Done((wish.own)());
        }
        self.how = Verdict::Shared;
        let Some(peer) = wish.peer.as_ref() else { return Try::Again(Outcome::Taken) };
        let Some(mut claim) = self.claim(port) else { return Try::Again(Outcome::Claimed) };
        if self.is_single(port) {
            return Try::Again(Outcome::Taken);
        }
        match self.is_free(port, peer, resting) {
            Ok(true) if claim.renew() => {}
            // Something has kept this thread from running for long.
            Ok(true) => {
                self.passed_by = true;
                return Try::Again(Outcome::Claimed);
            }
            Ok(false) => return Try::Again(Outcome::Taken),
            Err(over) => return over,
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
                self.put_back();
                return Try::Done((wish.own)());
            }
            Err(error) => {
                self.lifted = Some(lifted);
                return self.answered(port, Err(error));
            }
        }
        // What takes time now delays the program's next call, and a peer may reset the connection meanwhile.
        let quiet = self.beside.take().map(|beside| beside.quiet);
        if wish.waits == Waits::Once {
            // Nothing is held for long while the program's own call waits.
            claim.shorten();
            drop(quiet);
            return Try::Done((wish.own)());
        }
        // The program must not be kept from its signals for as long as the peer takes to answer: so a call of ours starts
        // the connection, and the program's own waits for it.
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
        drop(quiet);
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
        self.put_back();
        self.how = Verdict::Steered;
        match self.range.steer(run, self.is_dense(run)) {
            Ok(()) => {}
            Err(libc::ENOPROTOOPT) => {
                host::cannot_steer(self.wish.socket.fd);
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
            Err(error) if host::is_forbidden(error, port) => self.uncovered(),
            // EACCES: a privileged port (ip_unprivileged_port_start) and no privilege, so not one for this program.
            Err(libc::EADDRINUSE | libc::EACCES) => {
                self.bound_in_vain = true;
                Try::Again(Outcome::Taken)
            }
            Err(error) if self.wish.call == Call::Bind => Try::Done(errno::fail(error)),
            // The program has not asked for a bind: its own call has the kernel's word for what is wrong.
            Err(_) => {
                self.put_back();
                Try::Done((self.wish.own)())
            }
        }
    }

    /// Leaves the choice to the kernel: the program's own call is all that its sandbox lets it make.
    fn uncovered(&mut self) -> Try<isize> {
        let wish = self.wish;
        if self.has_pinned_in_vain() && wish.call != Call::Bind && !wish.local.is_wildcard() {
            let _ = record_address(wish.socket.fd, &wish.local);
        }
        self.put_back();
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
            if bound || (self.left_to_kernel && self.wish.socket.reuses()) || !host::is_here(&self.wish.socket) {
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
