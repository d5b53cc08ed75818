//! Steering: the kernel chooses, inside a range that it is told.

use super::choice::{Chosen, choose, look, may_go_unseen};
use super::mechanism::{LinuxMechanism, Tried};
use crate::linux::kernel::constants::SO_BINDTOIFINDEX;
use crate::linux::kernel::sockets::{getsockopt, setsockopt};
use crate::linux::kernel::{sandbox, sockets};
use crate::linux::socket::address::Address;
use crate::linux::socket::facts::Socket;
use crate::linux::socket::options::{IpFlag, bind_as_recorded};
use crate::linux::socket::probe::Probe;
use crate::linux::socket::steering;
use core::ffi::c_int;
use portshim_policy::model::{Call, Sharing};
use portshim_policy::plan::{LARGEST_ASKED, Outcome, Try, is_dense};
use portshim_policy::ports::{PortRange, Transport};
use portshim_policy::region::Verdict;

impl LinuxMechanism<'_> {
    /// Makes the kernel choose inside `run`, without asking first.
    pub(super) fn steer_unasked(&mut self, run: PortRange) -> Tried {
        self.put_back();
        self.how = Verdict::Steered;
        let intercepted = self.intercepted;
        let exclusive = self.sharing == Some(Sharing::Exclusive);
        let hull = intercepted.session.rules.scope(self.scope).hull();
        let unseen = may_go_unseen(intercepted, self.scope, hull, run) && !exclusive;
        let dense = self.sharing.is_some() && is_dense(run, intercepted.session.hint(self.scope));
        let as_it_is = self.steering.range.is_kernels(run, dense);
        // Where nothing is changed and nothing looked at, it does not matter what the descriptor
        // is.
        let harmless = as_it_is && unseen;
        if !harmless && !intercepted.may_change() {
            return Try::Done(None);
        }
        if !as_it_is && let Some(tried) = self.limit_to(run) {
            return tried;
        }
        if exclusive && intercepted.binds {
            return self.bind_first(run);
        }
        self.conclude(choose(intercepted, run, unseen, self.unsure))
    }

    /// Outcome of a call in which the kernel chose.
    pub(super) fn conclude(&mut self, chosen: Chosen) -> Tried {
        match chosen {
            Chosen::Taken => {
                self.steering.missed = true;
                Try::Again(Outcome::Taken)
            }
            Chosen::Done(answer, got) => {
                self.got = got;
                Try::Done(Some(answer))
            }
            Chosen::Missed(answer, got) => {
                self.got = got;
                let again = self.is_unbound() && self.intercepted.can_be_undone();
                if again { Try::Again(Outcome::Unsteerable) } else { Try::Done(Some(answer)) }
            }
        }
    }

    /// Makes the kernel choose inside `run` alone; else what that comes to.
    #[inline(never)]
    fn limit_to(&mut self, run: PortRange) -> Option<Tried> {
        match self.steering.range.steer(run) {
            Ok(()) => None,
            Err(libc::ENOPROTOOPT) => {
                steering::cannot_steer(self.intercepted.socket.fd);
                Some(Try::Again(Outcome::Unsteerable))
            }
            Err(libc::EBADF | libc::ENOTSOCK) => Some(self.own()),
            // A seccomp filter, perhaps.
            Err(_) => Some(Try::Again(Outcome::Unsteerable)),
        }
    }

    /// Binds a connection that shall have its port to itself, before it is made.
    #[cold]
    fn bind_first(&mut self, run: PortRange) -> Tried {
        let any = self.intercepted.local.with_port(0);
        let _whole = IpFlag::set(self.intercepted.socket.fd, libc::IP_BIND_ADDRESS_NO_PORT, false);
        match bind_as_recorded(self.intercepted.socket.fd, &any) {
            Err(libc::EADDRINUSE) => Try::Again(Outcome::Taken),
            Ok(()) if self.has_missed(run) => Try::Again(Outcome::Unsteerable),
            _ => Try::Done(Some(self.intercepted.original.call())),
        }
    }

    /// Tells whether asking, which is cheaper than steering a datagram socket in vain, finds no
    /// free port in `run`.
    pub(super) fn is_known_taken(&mut self, run: PortRange) -> bool {
        let worthwhile = run.len() == 1 || (self.steering.missed && run.len() <= LARGEST_ASKED);
        self.intercepted.socket.transport == Transport::Udp && worthwhile && self.finds_taken(run)
    }

    #[cold]
    fn finds_taken(&mut self, run: PortRange) -> bool {
        let intercepted = self.intercepted;
        if self.steering.probe.is_none() {
            // The kernel has something else to say about a second bind, and a bind that fails makes
            // it forget the address of a socket that was disconnected; and by its own choice it
            // lets sockets that reuse addresses share ports.
            let bound = Address::local(intercepted.socket.fd)
                .is_ok_and(|local| local.port() != 0 || intercepted.call == Call::Bind && !local.is_wildcard());
            if bound || (self.left_to_kernel && intercepted.socket.reuses()) || !steering::is_here(intercepted.socket) {
                return false;
            }
            self.steering.probe = Probe::like(intercepted.socket);
        }
        let taken = self.steering.probe.as_ref().is_some_and(|probe| !probe.finds_free(intercepted.local, run));
        if !taken {
            self.steering.probe = None; // it may hold the free port
        }
        taken
    }

    /// Tells whether the kernel chose outside `run`, and the socket is to be bound anew.
    fn has_missed(&mut self, run: PortRange) -> bool {
        let looked = look(self.intercepted.socket.fd, run);
        self.got = looked.unwrap_or_else(|got| got);
        looked.is_err() && self.is_unbound()
    }

    /// Unbinds a socket for which the kernel chose outside the run, where that can be done.
    #[cold]
    fn is_unbound(&mut self) -> bool {
        steering::reload();
        let binds = self.intercepted.can_be_undone();
        let is_unbound = !binds && self.sharing != Some(Sharing::Exclusive) || unbind(self.intercepted.socket);
        if !is_unbound {
            self.how = Verdict::Uncovered;
        }
        is_unbound
    }
}

/// Unbinds a socket that has just been bound to any port; false where the sandbox forbids it.
pub(super) fn unbind(socket: &Socket) -> bool {
    let options = KeptOptions::of(socket);
    if socket.transport == Transport::Tcp {
        let _ = sockets::listen(socket.fd, 0);
    }
    let nowhere = Address::unspecified();
    let answer = sockets::connect(socket.fd, nowhere.storage(), nowhere.len());
    options.put_back(socket.fd);
    answer != Err(sandbox::NOT_ASKED)
}

/// Options that a socket loses when it is disconnected (`__udp_disconnect`, `tcp_disconnect`).
struct KeptOptions([Option<c_int>; LOST.len()]);

const LOST: [(c_int, c_int); 4] = [
    (libc::SOL_SOCKET, SO_BINDTOIFINDEX),
    (libc::SOL_TCP, libc::TCP_MAXSEG),
    (libc::SOL_TCP, libc::TCP_WINDOW_CLAMP),
    (libc::SOL_TCP, libc::TCP_QUICKACK),
];

impl KeptOptions {
    fn of(socket: &Socket) -> Self {
        Self(LOST.map(|(level, option)| getsockopt(socket.fd, level, option).ok()))
    }

    fn put_back(self, fd: c_int) {
        for ((level, option), before) in LOST.into_iter().zip(self.0) {
            let is_other = |before: &c_int| getsockopt(fd, level, option) != Ok(*before);
            if let Some(before) = before.filter(is_other) {
                let _ = setsockopt(fd, level, option, before);
            }
        }
    }
}
