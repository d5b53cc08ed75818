//! Serves one request on Linux: what is asked of the plan, and what the program is told.

use super::address::Address;
use super::attempt::{Attempt, Got};
use super::held::Handed;
use super::host::Reach;
use super::options::{RangeOption, record_address};
use super::session::Session;
use super::socket::Socket;
use super::{errno, held, hooks, host, known, plain, route, sandbox, sys};
use crate::claim::{Claim, PATIENCE};
use crate::planned::planned;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use portshim_policy::model::{Call, Fault, Sharing};
use portshim_policy::plan::{Request, Step};
use portshim_policy::ports::{PortRange, Scope, Transport, scopes_of};
use portshim_policy::region::Verdict;

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
    /// The program's own call, by its `exit`; it sets `errno`.
    pub(crate) own: &'a dyn Fn() -> isize,
    pub(crate) exit: Exit,
    /// Whether the kernel has confirmed what the socket is, once it has been asked.
    pub(crate) confirmed: Cell<Option<bool>>,
}

/// How a call leaves that came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Through the next library's function of that name.
    Library,
    /// By system call, for it came in by syscall(2): perhaps from that very function.
    Kernel,
}

/// How a blocking call can be made to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// A connect under way may be called again, to wait for its end (connect(2)).
    Repeated,
    /// The call must be made once.
    Once,
}

/// Whether the process has been given a port in a call that came in by syscall(2).
static BY_NUMBER: AtomicBool = AtomicBool::new(false);

impl Wish<'_> {
    /// Whether the program's call may be changed: the descriptor is the socket that it is taken for. A `bind` names its
    /// family, which the kernel compares itself; where TCP and UDP have the same ports as well, it is never wrong.
    #[inline]
    pub(crate) fn may_change(&self) -> bool {
        let speaks_for_itself = self.call == Call::Bind && self.session.rules.are_transports_alike();
        speaks_for_itself || self.socket.confirmed || self.is_confirmed()
    }

    #[inline(never)]
    fn is_confirmed(&self) -> bool {
        let confirmed = self.confirmed.get().unwrap_or_else(|| self.socket.confirmed().is_some());
        self.confirmed.set(Some(confirmed));
        confirmed
    }

    pub(crate) fn is_tcp_connect(&self) -> bool {
        self.call == Call::Connect && self.socket.transport == Transport::Tcp
    }

    /// Binds the socket to an address of ours in the program's place.
    pub(crate) fn bind(&self, address: &Address) -> sys::Result<()> {
        match self.exit {
            Exit::Library => hooks::next_bind(self.socket.fd, address),
            Exit::Kernel => sys::bind(self.socket.fd, address.storage(), address.len()),
        }
    }

    /// What the plan needs to know. Where the choice is left to the kernel, it knows for itself whether
    /// SO_REUSEADDR is set.
    fn request(&self, scope: Scope, dual: bool, range: &RangeOption, left_to_kernel: bool) -> Request {
        let rules = self.session.rules;
        let orders_by_reuse = !left_to_kernel && matches!(self.call, Call::Bind | Call::Listen);
        Request {
            call: self.call,
            scope,
            dual,
            reuse: orders_by_reuse && self.socket.reuses_address(),
            limit: range.limit(rules.scope(scope).hull()),
            peer: self.peer.filter(|_| !left_to_kernel).map_or(0, |peer| self.session.hash(&self.local, &peer)),
        }
    }

    /// Whether the socket had a port all along, looked at when no other was found for it.
    fn is_bound_after_all(&self, unsure: bool) -> bool {
        match self.call {
            Call::Bind => Address::local(self.socket.fd).is_ok_and(|now| self.socket.surely_has_port(&now)),
            _ => unsure && self.socket.refuses_address(&self.local),
        }
    }

    /// What the kernel would say where no port is left. On TCP it looks for a route first.
    fn refusal(&self, fault: Fault) -> i32 {
        let unreachable = self.peer.filter(|_| self.is_tcp_connect() && host::is_here(&self.socket)).and_then(|peer| {
            route::way(&self.socket, &self.local, &peer).err().filter(|error| route::is_unreachable(*error))
        });
        unreachable.unwrap_or(errno::of(fault))
    }

    /// Counts the port that was got, after the program's own call. Many a call that fails has taken one all the same.
    #[inline]
    pub(crate) fn account(&self, scope: Scope, dual: bool, how: Verdict, got: Got, unsure: bool, answer: isize) {
        self.account_for(scope, dual, how, got, unsure, answer, false);
    }

    /// The same, of a port that no connection is to join, where it is for a `single` socket.
    #[expect(clippy::too_many_arguments, reason = "what there is to know of a port that was got")]
    #[inline]
    pub(crate) fn account_for(
        &self,
        scope: Scope,
        dual: bool,
        how: Verdict,
        got: Got,
        unsure: bool,
        answer: isize,
        single: bool,
    ) {
        let certain = !unsure && (answer >= 0 || errno::get() == libc::EINPROGRESS);
        let port = match got {
            Got::Port(port) if certain => port,
            Got::Unseen if certain => 0,
            _ => Address::local(self.socket.fd).map_or(0, |local| local.port()),
        };
        if certain || port != 0 && !(unsure && port == self.local.port()) {
            let handed = Handed { call: self.call, how, scope, scopes: scopes_of(scope, dual), port, single };
            // A library behind us may have made the call by its number: then it has been served, and counted, inside.
            let by_number = BY_NUMBER.load(Relaxed);
            match self.exit {
                Exit::Kernel if !by_number => BY_NUMBER.store(true, Relaxed),
                Exit::Library if by_number && held::is_counted(self.socket.fd, &handed) => return,
                Exit::Kernel | Exit::Library => {}
            }
            held::hold(self.session, self.socket.fd, &handed);
        }
    }
}

/// Serves a wish: what the program's call returns. `errno` is set as that call would set it. `None` where the descriptor
/// is not what was remembered of it: that has been forgotten, and nothing has been done.
pub(crate) fn serve(wish: &Wish<'_>) -> Option<isize> {
    let (scope, dual) = wish.socket.scope(&wish.local, wish.peer.as_ref());
    let reach = host::reach(&wish.socket, scope, wish.session.rules);
    let answer = match plain::serve(wish, scope, dual, reach) {
        Some(answer) => answer,
        None if wish.may_change() => serve_by_attempt(wish, scope, dual, reach),
        None => {
            known::forget(wish.socket.fd);
            return None;
        }
    };
    let fd = wish.socket.fd;
    if sandbox::is_on() && answer >= 0 && wish.socket.transport == Transport::Udp && Address::local(fd).is_err() {
        // Nobody can see later that it has a port now.
        known::settle(fd, known::look(fd));
    }
    Some(answer)
}

#[inline(never)]
fn serve_by_attempt(wish: &Wish<'_>, scope: Scope, dual: bool, reach: Reach) -> isize {
    let before = errno::get();
    let rules = wish.session.rules;
    let steerable = reach.steerable;
    let left_to_kernel = rules.leaves_choice(scope, steerable);
    // A closed TCP socket that shows a port may have lost it. To the kernel that makes no difference; where
    // we choose, we have to know.
    let mut unsure = wish.local.port() != 0;
    if unsure && !left_to_kernel {
        if wish.socket.refuses_address(&wish.local) {
            return reconnect(wish);
        }
        unsure = false;
    }
    let range = RangeOption::of(&wish.socket, reach.own);
    let request = wish.request(scope, dual, &range, left_to_kernel);
    let ledger = wish.session.ledger(rules.scope(scope).hull().unwrap_or(PortRange::ALL), scopes_of(scope, dual));
    let hint = wish.session.hint(scope);
    let mut attempt = Attempt::new(wish, scope, range, unsure, left_to_kernel);
    let mut entropy = rules.entropy(scope, wish.session.secret());
    let at_once = match left_to_kernel.then(|| request.plain_step(rules, ledger, hint, steerable, &mut entropy)) {
        Some(Some(Step::Steer(run))) => attempt.begin_with(run),
        _ => None,
    };
    let renewed = |attempt: &Attempt<'_>| Request { limit: attempt.limit(rules.scope(scope).hull()), ..request };
    let whole =
        |attempt: &mut Attempt<'_>, steerable| planned(wish.session, attempt, request, ledger, steerable, renewed);
    let mut served = at_once.map_or_else(|| whole(&mut attempt, steerable), Ok);
    if served.is_err() && host::look_again() {
        served = whole(&mut attempt, host::reach(&wish.socket, scope, rules).steerable);
    }
    attempt.put_back();
    let answer = match served {
        Ok(answer) if attempt.how() == Verdict::Uncovered => {
            tell_uncovered_of(wish.session, wish.call, &wish.socket, scope, answer);
            answer
        }
        Ok(answer) => {
            let (how, got, single) = (attempt.how(), attempt.got(), attempt.is_for_one());
            wish.account_for(scope, dual, how, got, unsure, answer, single);
            if let (Some(peer), Got::Port(port)) = (attempt.shared_towards(), attempt.got()) {
                held::share(wish.socket.fd, peer, port);
            }
            answer
        }
        Err(_) if !attempt.has_asked() && wish.is_bound_after_all(unsure) => (wish.own)(),
        Err(_) if attempt.is_hindered() => {
            if attempt.has_pinned_in_vain() && !wish.local.is_wildcard() {
                let _ = record_address(wish.socket.fd, &wish.local);
            }
            let answer = (wish.own)();
            tell_uncovered_of(wish.session, wish.call, &wish.socket, scope, answer);
            answer
        }
        Err(fault) => {
            wish.session.note(wish.call, scope, Verdict::Exhausted, 0);
            if attempt.has_pinned_in_vain() && wish.call != Call::Bind && !wish.local.is_wildcard() {
                let _ = record_address(wish.socket.fd, &wish.local);
            }
            errno::fail(wish.refusal(fault))
        }
    };
    drop(attempt);
    if answer >= 0 {
        errno::set(before);
    }
    answer
}

/// Makes the program's own call on a socket that has kept its port. No connection that shares ports may be about to have this
/// one, and to the same peer.
#[cold]
fn reconnect(wish: &Wish<'_>) -> isize {
    let shares = wish.is_tcp_connect() && wish.session.rules.sharing() == Sharing::Tuple;
    let slot = wish.session.region.header.claim(wish.local.port());
    let mut patience = PATIENCE;
    let mut claim = if shares { Claim::on(slot, &mut patience) } else { None };
    if let Some(claim) = &mut claim {
        claim.shorten();
    }
    (wish.own)()
}

/// Makes the program's own call on a socket that is served, where its sandbox leaves no way to know what it takes to
/// serve it.
#[cold]
pub(crate) fn unserved(session: Session, socket: &Socket, call: Call, own: &dyn Fn() -> isize) -> isize {
    let has_port = known::is_bound(socket.fd);
    let answer = own();
    if has_port {
        return answer;
    }
    tell_uncovered(session, call, socket, answer);
    answer
}

/// Tells the session that the kernel chose a port, if it did.
#[cold]
pub(crate) fn tell_uncovered(session: Session, call: Call, socket: &Socket, answer: isize) {
    let (scope, _) = socket.scope(&Address::any(socket.family), None);
    tell_uncovered_of(session, call, socket, scope, answer);
}

#[cold]
fn tell_uncovered_of(session: Session, call: Call, socket: &Socket, scope: Scope, answer: isize) {
    let port = Address::local(socket.fd).map_or(0, |local| local.port());
    if answer >= 0 || errno::get() == libc::EINPROGRESS || port != 0 {
        session.note(call, scope, Verdict::Uncovered, port);
    }
}
