//! An intercepted call: what a program asked for, and how to do it in its place.

use crate::linux::kernel::call::Result;
use crate::linux::kernel::errno;
use crate::linux::socket::address::Address;
use crate::linux::socket::facts::Socket;
use crate::linux::socket::options::refuses_address;
use crate::linux::socket::{route, steering};
use crate::session::{About, Session};
use core::cell::Cell;
use core::ffi::c_int;
use portshim_policy::model::{Call, Fault};
use portshim_policy::plan::Request;
use portshim_policy::ports::{PortRange, Scope, Transport};

/// A request for a port, and the program's own call that needs it.
pub struct InterceptedCall<'a, O: Original + ?Sized = dyn Original + 'a> {
    /// The session whose rules hold.
    pub session: Session,
    /// The socket.
    pub socket: &'a Socket,
    /// Kind of call.
    pub call: Call,
    /// The socket's own address, or the one that it is about to be bound to. A port in
    /// it may be one that the socket has lost.
    pub local: &'a Address,
    /// Destination, as far as that is known.
    pub peer: Option<&'a Address>,
    /// Set if the call is well formed, so that the kernel would come to choose a port for it.
    pub binds: bool,
    /// Way in which it waits.
    pub waits: Waits,
    /// The program's own call, as it came.
    pub original: &'a O,
    /// Whoever intercepted it.
    pub interceptor: &'static Interceptor,
    /// Begin of it, as [`Session::begin`] says.
    pub begun: u64,
    /// Set if the kernel has confirmed what the socket is, once it has been asked.
    pub confirmed: Cell<Option<bool>>,
}

/// A program's own call. Where it is a type of its own, the first step of serving it is compiled
/// for it: after a system call each return to a caller costs, since the kernel leaves none of them
/// foreseen.
pub trait Original {
    /// Makes the call, and returns what it returns; it sets the error number.
    fn call(&self) -> isize;

    /// The error number of the last call that failed.
    #[inline(always)]
    fn error(&self) -> c_int {
        errno::get()
    }

    /// Sets the error number.
    #[inline(always)]
    fn set_error(&self, number: c_int) {
        errno::set(number);
    }

    /// Makes it on a socket that has just been bound for it.
    fn once_bound(&self) -> isize {
        self.call()
    }

    /// Tells whether it does nothing but bind, so that it can be undone.
    fn only_binds(&self) -> bool {
        false
    }

    /// The port that the socket was seen to get by it; `None` where nobody has looked.
    fn got(&self) -> Option<u16> {
        None
    }

    /// Binds a socket to an address of ours in the program's place, as [`Interceptor::bind`] does.
    ///
    /// # Errors
    /// The kernel's.
    #[inline(always)]
    fn bind(&self, interceptor: &Interceptor, fd: c_int, address: &Address) -> Result<()> {
        (interceptor.bind)(fd, address)
    }
}

impl<F: Fn() -> isize> Original for F {
    fn call(&self) -> isize {
        self()
    }
}

/// Deeds and knowledge of whoever intercepts calls, and of nobody else.
pub struct Interceptor {
    /// Binds a socket to an address of ours in the program's place, by a call that is not
    /// intercepted again.
    pub bind: fn(c_int, &Address) -> Result<()>,
    /// Set if it saw the program bind a TCP socket, which has its port still.
    pub is_known_bound: fn(c_int) -> bool,
    /// Looks at the ports of a scope that the kernel chose and nobody has looked at, so that they
    /// are known.
    pub learn_unseen: fn(Session, Scope),
}

/// Way in which a blocking call can be made to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// A connect under way may be called again, to wait for its end (connect(2)).
    Repeated,
    /// The call must be made once.
    Once,
}

impl<'a, O: Original> InterceptedCall<'a, O> {
    /// A well-formed call without a peer, that is made once.
    #[inline(always)]
    #[must_use]
    pub fn of(
        session: Session,
        socket: &'a Socket,
        call: Call,
        local: &'a Address,
        original: &'a O,
        interceptor: &'static Interceptor,
    ) -> Self {
        let (waits, confirmed, begun) = (Waits::Once, Cell::new(None), session.begin());
        Self { session, socket, call, local, peer: None, binds: true, waits, original, interceptor, begun, confirmed }
    }

    /// The same call, whatever type its original is of.
    pub(super) fn erased(&self) -> InterceptedCall<'a> {
        let &Self { session, socket, call, local, peer, binds, waits, original, interceptor, begun, ref confirmed } =
            self;
        let confirmed = confirmed.clone();
        InterceptedCall { session, socket, call, local, peer, binds, waits, original, interceptor, begun, confirmed }
    }
}

impl<O: Original + ?Sized> InterceptedCall<'_, O> {
    /// Facts of it that an event tells besides.
    #[inline(always)]
    pub fn about(&self) -> About<'_> {
        About { peer: self.peer, begun: self.begun }
    }

    /// Tells whether the program's call may be changed: the descriptor is the socket that it is
    /// taken for. A `bind` names its family, which the kernel compares itself; where TCP and UDP
    /// have the same ports as well, it is never wrong.
    #[inline]
    pub(super) fn may_change(&self) -> bool {
        let speaks_for_itself = self.call == Call::Bind && self.session.rules.are_transports_alike();
        speaks_for_itself || self.socket.confirmed || self.is_confirmed()
    }

    #[inline]
    fn is_confirmed(&self) -> bool {
        let confirmed = self.confirmed.get().unwrap_or_else(|| confirm(*self.socket));
        self.confirmed.set(Some(confirmed));
        confirmed
    }

    /// Answer of a call that has failed with this error number.
    pub(super) fn fail(&self, number: c_int) -> isize {
        self.original.set_error(number);
        -1
    }

    /// Tells whether a call that returned `answer` has done its work, or has begun to.
    #[inline(always)]
    pub(super) fn is_under_way(&self, answer: isize) -> bool {
        answer >= 0 || self.original.error() == libc::EINPROGRESS
    }

    /// Tells whether the socket has no port, and no range of its own that the kernel would choose
    /// from.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.socket.untouched || self.local.port() == 0 && !self.session.programs_limit_sockets()
    }

    /// Tells whether what is called only binds the socket, so that it can be unbound again.
    pub(super) fn can_be_undone(&self) -> bool {
        matches!(self.call, Call::Bind | Call::Listen) || self.original.only_binds()
    }

    pub(super) fn is_tcp_connect(&self) -> bool {
        self.call == Call::Connect && self.socket.transport == Transport::Tcp
    }

    /// Request, as the plan needs to know it. Where the choice is left to the kernel, it knows for
    /// itself whether SO_REUSEADDR is set.
    pub(super) fn request(&self, scope: Scope, dual: bool, limit: PortRange, left_to_kernel: bool) -> Request {
        let orders_by_reuse = !left_to_kernel && matches!(self.call, Call::Bind | Call::Listen);
        Request {
            call: self.call,
            scope,
            dual,
            reuse: orders_by_reuse && self.socket.reuses_address(),
            limit,
            peer: self.peer.filter(|_| !left_to_kernel).map_or(0, |peer| self.session.hash(self.local, peer)),
        }
    }

    /// Tells whether the socket had a port all along, looked at when no other was found for it.
    pub(super) fn is_bound_after_all(&self, unsure: bool) -> bool {
        match self.call {
            Call::Bind => Address::local(self.socket.fd)
                .is_ok_and(|now| self.socket.surely_has_port(&now, self.interceptor.is_known_bound)),
            _ => unsure && refuses_address(self.socket.fd, self.local),
        }
    }

    /// Error of the kernel where no port is left. On TCP it looks for a route first.
    pub(super) fn refusal(&self, fault: Fault) -> i32 {
        let unreachable =
            self.peer.filter(|_| self.is_tcp_connect() && steering::is_here(self.socket)).and_then(|peer| {
                route::find(self.socket, self.local, peer).err().filter(|error| route::is_unreachable(*error))
            });
        unreachable.unwrap_or(errno::of(fault))
    }
}

#[cold]
fn confirm(socket: Socket) -> bool {
    socket.confirmed().is_some()
}
