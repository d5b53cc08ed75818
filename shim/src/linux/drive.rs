//! Serves one request on Linux: carries a plan's steps out on the program's socket.

use super::address::Address;
use super::diag::Diag;
use super::options::{AddressOnly, Lifted, NonBlocking, RangeOption, record_address};
use super::probe::{LARGEST, Probe};
use super::session::Session;
use super::socket::Socket;
use super::{errno, hooks, host, route, sys};
use core::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::{
    Call, Mechanism, Outcome, Plan, PortRange, Request, Sharing, Transport, Try, Verdict, exhausted, peer_hash,
};

/// A request for a port, and the program's own call that needs it.
pub(crate) struct Wish<'a> {
    pub(crate) session: Session,
    pub(crate) socket: Socket,
    pub(crate) call: Call,
    /// The socket's own address, or the one that it is about to be bound to. A port in
    /// it may be one that the socket has lost.
    pub(crate) local: Address,
    pub(crate) peer: Option<Address>,
    /// Whether the call is well formed, so that the kernel would come to choose a port for it.
    pub(crate) binds: bool,
    pub(crate) waits: Waits,
    /// The program's own call, through the next library; it sets `errno`.
    pub(crate) own: &'a dyn Fn() -> isize,
}

/// How a blocking call can be made to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// A connect under way may be called again, to wait for its end (connect(2)).
    Repeated,
    /// The call must be made once.
    Once,
}

/// Serves a wish: what the program's call returns. `errno` is set as that call would set it.
pub(crate) fn serve(wish: &Wish<'_>) -> isize {
    let before = errno::get();
    let rules = wish.session.rules;
    let (scope, dual) = wish.socket.scope(&wish.local, wish.peer.as_ref());
    let steerable = host::steerable();
    let left_to_kernel = rules.leaves_choice(scope, steerable);
    let mut unsure = wish.local.port() != 0;
    if unsure && !left_to_kernel {
        if wish.socket.refuses_address(&wish.local) {
            return (wish.own)();
        }
        unsure = false;
    }
    let secret = wish.session.region.header.secret.load(Relaxed);
    let range = RangeOption::of(wish.socket.fd);
    let request = Request {
        call: wish.call,
        scope,
        dual,
        reuse: !left_to_kernel && matches!(wish.call, Call::Bind | Call::Listen) && wish.socket.reuses_address(),
        limit: range.limit(rules.scope(scope).hull()),
        peer: wish
            .peer
            .map_or(0, |peer| peer_hash(rules.seed().unwrap_or(secret), &wish.local.ip(), &peer.ip(), peer.port())),
    };
    let tcp_connect = wish.call == Call::Connect && wish.socket.transport == Transport::Tcp;
    let mut attempt = Attempt {
        wish,
        range,
        exclusive: tcp_connect && rules.sharing() == Sharing::Exclusive,
        shared: tcp_connect && rules.sharing() == Sharing::Tuple,
        exhausted: errno::of(exhausted(wish.call, wish.socket.transport)),
        beside: None,
        probe: None,
        unsure,
        missed_before: false,
        lifted: None,
        patience: 10_000,
        how: Verdict::Steered,
    };
    let mut given_up = false;
    let answer = Plan::new(rules, request, steerable)
        .drive(&mut attempt, &mut rules.entropy(scope, secret))
        .unwrap_or_else(|fault| {
            let bound = match wish.call {
                Call::Bind => Address::local(wish.socket.fd).is_ok_and(|now| wish.socket.surely_has_port(&now)),
                _ => unsure && wish.socket.refuses_address(&wish.local),
            };
            if bound {
                return (wish.own)();
            }
            wish.session.note(wish.call, scope, Verdict::Exhausted, 0);
            given_up = true;
            // On TCP the kernel looks for a route before it looks for a port.
            let routed = match (tcp_connect, &wish.peer) {
                (true, Some(peer)) => route::source(&wish.socket, &wish.local, peer).map(drop),
                _ => Ok(()),
            };
            let unreachable = routed.err().filter(|error| route::is_unreachable(*error));
            fail(unreachable.unwrap_or(errno::of(fault)))
        });
    let after = errno::get();
    // Failed binds by number have made the kernel forget the address that the program had bound.
    if given_up && attempt.lifted.is_some() && wish.call != Call::Bind && !wish.local.is_wildcard() {
        let _ = record_address(wish.socket.fd, &wish.local);
    }
    if !given_up {
        // Many a call that fails has taken a port all the same.
        let logged = unsure || wish.session.logs() || (answer < 0 && after != libc::EINPROGRESS);
        let port = if logged { Address::local(wish.socket.fd).map_or(0, |local| local.port()) } else { 0 };
        if (!logged || port != 0) && !(unsure && port == wish.local.port()) {
            wish.session.note(wish.call, scope, attempt.how, port);
        }
    }
    drop(attempt);
    errno::set(if answer >= 0 { before } else { after });
    answer
}

fn fail(number: i32) -> isize {
    errno::set(number);
    -1
}

/// The steps of a plan, on one socket.
struct Attempt<'a> {
    wish: &'a Wish<'a>,
    range: RangeOption,
    /// The connection shall have its port to itself.
    exclusive: bool,
    /// The connection's port may serve other peers as well.
    shared: bool,
    /// What the kernel says when no port is left.
    exhausted: i32,
    /// What sharing needs, looked up at the first shared try.
    beside: Option<Beside>,
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
}

/// What it takes to use a port beside other connections: our own address towards the peer, and the
/// kernel's answer about a 4-tuple.
struct Beside {
    source: Address,
    diag: Diag,
    interface: i32,
}

impl Mechanism for Attempt<'_> {
    type Answer = isize;

    fn steer(&mut self, run: PortRange) -> Try<isize> {
        self.how = Verdict::Steered;
        if self.is_known_taken(run) {
            return Try::Again(Outcome::Taken);
        }
        match self.range.steer(run) {
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
        if (answer >= 0 || errno::get() == libc::EINPROGRESS) && !self.unsure && self.missed(run) {
            return if self.wish.call == Call::Bind || self.wish.call == Call::Listen {
                Try::Again(Outcome::Unsteerable)
            } else {
                Try::Done(answer)
            };
        }
        Try::Done(answer)
    }

    fn pin(&mut self, port: u16) -> Try<isize> {
        self.how = Verdict::Pinned;
        let wish = self.wish;
        if !wish.binds {
            return Try::Done((wish.own)());
        }
        let candidate = wish.local.with_port(port);
        let lifted = self.lifted.take().unwrap_or_else(|| Lifted::on(wish.socket.fd));
        if wish.call == Call::Bind {
            self.lifted = Some(lifted);
            return self.answered(hooks::next_bind(wish.socket.fd, &candidate));
        }
        match sys::bind(wish.socket.fd, candidate.storage(), candidate.len()) {
            Ok(()) if self.shared => lifted.keep_shared(),
            Ok(()) | Err(libc::EINVAL) => drop(lifted), // EINVAL: another thread has been faster
            Err(error) => {
                self.lifted = Some(lifted);
                return self.answered(Err(error));
            }
        }
        Try::Done((wish.own)())
    }

    fn share(&mut self, port: u16) -> Try<isize> {
        self.how = Verdict::Shared;
        let wish = self.wish;
        let Some(peer) = wish.peer.as_ref() else { return Try::Again(Outcome::Taken) };
        if self.beside.is_none() {
            let source = match route::source(&wish.socket, &wish.local, peer) {
                Ok(source) => source,
                Err(error) if route::is_unreachable(error) => return Try::Done(fail(error)),
                Err(_) => return Try::Again(Outcome::Taken),
            };
            let Some(diag) = Diag::open() else { return Try::Again(Outcome::Taken) };
            self.beside = Some(Beside { source, diag, interface: wish.socket.interface() });
        }
        let Some(beside) = &self.beside else { return Try::Again(Outcome::Taken) };
        let source = beside.source.with_port(port);
        // From asking to connecting, nobody else of the session may be about to take the same tuple.
        let Some(claim) = Claim::on(wish.session.region.header.claim(port), &mut self.patience) else {
            return Try::Again(Outcome::Taken);
        };
        if !beside.diag.is_free(&source, peer, beside.interface) {
            return Try::Again(Outcome::Taken);
        }
        let candidate = wish.local.with_port(port);
        let mut lifted = self.lifted.take().unwrap_or_else(|| Lifted::on(wish.socket.fd));
        lifted.share();
        match sys::bind(wish.socket.fd, candidate.storage(), candidate.len()) {
            Ok(()) => lifted.keep_shared(),
            Err(libc::EINVAL) => {
                drop(lifted);
                return Try::Done((wish.own)());
            }
            Err(error) => {
                self.lifted = Some(lifted);
                return self.answered(Err(error));
            }
        }
        if wish.waits == Waits::Once {
            return Try::Done((wish.own)());
        }
        // The claim must not be held for as long as the peer takes to answer, nor by a thread that is
        // cancelled: so a call of ours starts the connection, and the program's own waits for it.
        let quick = NonBlocking::on(wish.socket.fd);
        let started = sys::connect(wish.socket.fd, peer.storage(), peer.len());
        drop(claim); // the kernel holds the tuple from here on
        let waits = quick.was_blocking() && started == Err(libc::EINPROGRESS);
        drop(quick);
        Try::Done(match started {
            _ if waits => (wish.own)(),
            Ok(()) => 0,
            Err(error) => fail(error),
        })
    }
}

impl Attempt<'_> {
    /// What came of binding `port`.
    fn answered(&self, result: sys::Result<()>) -> Try<isize> {
        match result {
            Ok(()) => Try::Done(0),
            Err(libc::EADDRINUSE) => Try::Again(Outcome::Taken),
            // A privileged port (ip_unprivileged_port_start) and no privilege: not one for this program.
            Err(libc::EACCES) => Try::Again(Outcome::Taken),
            Err(error) => Try::Done(fail(error)),
        }
    }

    /// Whether asking, which is cheaper than steering a datagram socket in vain, finds no free port in `run`.
    fn is_known_taken(&mut self, run: PortRange) -> bool {
        let worthwhile = run.len() == 1 || (self.missed_before && run.len() <= LARGEST);
        if self.wish.socket.transport == Transport::Tcp || !worthwhile {
            return false;
        }
        if self.probe.is_none() {
            if Address::local(self.wish.socket.fd).is_ok_and(|local| local.port() != 0) {
                return false; // the kernel has something else to say about a second bind
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
    fn missed(&self, run: PortRange) -> bool {
        let fd = self.wish.socket.fd;
        let port = Address::local(fd).map_or(0, |local| local.port());
        if port == 0 || run.contains(port) {
            return false;
        }
        host::look();
        if self.wish.call == Call::Bind || self.wish.call == Call::Listen || self.exclusive {
            if self.wish.socket.transport == Transport::Tcp {
                let _ = sys::listen(fd, 0);
            }
            let nowhere = Address::unspecified();
            let _ = sys::connect(fd, nowhere.storage(), nowhere.len());
        }
        true
    }
}

/// A port that this thread alone, in the whole session, may be gambling on.
struct Claim<'a> {
    slot: &'a AtomicU32,
    owner: u32,
}

impl<'a> Claim<'a> {
    /// `None` where another thread holds on to it for longer than `patience` lasts.
    fn on(slot: &'a AtomicU32, patience: &mut u32) -> Option<Self> {
        let owner = sys::process();
        loop {
            match slot.compare_exchange(0, owner, Acquire, Relaxed) {
                Ok(_) => return Some(Self { slot, owner }),
                Err(other) if other != owner && !sys::is_alive(other) => {
                    if slot.compare_exchange(other, owner, Acquire, Relaxed).is_ok() {
                        return Some(Self { slot, owner });
                    }
                }
                Err(_) => sys::pause(),
            }
            *patience = patience.checked_sub(1)?;
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Not where another has taken it over, having taken us for dead.
        let _ = self.slot.compare_exchange(self.owner, 0, Release, Relaxed);
    }
}
