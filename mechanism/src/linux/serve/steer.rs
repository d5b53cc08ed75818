//! Steering: the kernel chooses, inside a range that it is told.

use super::mechanism::{Got, LinuxMechanism, Tried};
use crate::linux::kernel::{errno, sandbox, sockets};
use crate::linux::socket::address::Address;
use crate::linux::socket::options::BindAddressNoPort;
use crate::linux::socket::probe::Probe;
use crate::linux::socket::steering;
use portshim_policy::model::{Call, Sharing, exhausted};
use portshim_policy::plan::{LARGEST_ASKED, Outcome, Try, is_dense, is_sparse};
use portshim_policy::ports::{PortRange, Transport};
use portshim_policy::region::Verdict;

impl LinuxMechanism<'_> {
    /// Makes the kernel choose inside `run`, without asking first.
    pub(super) fn steer_unasked(&mut self, run: PortRange) -> Tried {
        self.put_back();
        self.how = Verdict::Steered;
        let intercepted = self.intercepted;
        let exclusive = self.sharing == Some(Sharing::Exclusive);
        let unseen = self.may_go_unseen(run) && !exclusive;
        let dense = self.sharing.is_some() && is_dense(run, intercepted.session.hint(self.scope));
        let as_it_is = self.steering.range.is_kernels(run, dense);
        // Where nothing is changed and nothing looked at, it does not matter what the descriptor is.
        let harmless = as_it_is && unseen;
        if !harmless && !intercepted.may_change() {
            return Try::Done(None);
        }
        if !as_it_is {
            match self.steering.range.steer(run) {
                Ok(()) => {}
                Err(libc::ENOPROTOOPT) => {
                    steering::cannot_steer(intercepted.socket.fd);
                    return Try::Again(Outcome::Unsteerable);
                }
                Err(libc::EBADF | libc::ENOTSOCK) => return self.own(),
                // A seccomp filter, perhaps.
                Err(_) => return Try::Again(Outcome::Unsteerable),
            }
        }
        if exclusive && intercepted.binds {
            return self.bind_first(run);
        }
        let answer = (intercepted.original)();
        if answer < 0 && self.is_exhausted() {
            self.steering.missed = true;
            return Try::Again(Outcome::Taken);
        }
        if self.unsure || answer < 0 && errno::get() != libc::EINPROGRESS {
            return Try::Done(Some(answer));
        }
        if unseen {
            self.got = if run.len() == 1 { Got::Port(run.first()) } else { Got::Unseen };
        } else if self.missed(run) && matches!(intercepted.call, Call::Bind | Call::Listen) {
            return Try::Again(Outcome::Unsteerable);
        }
        Try::Done(Some(answer))
    }

    /// Binds a connection that shall have its port to itself, before it is made.
    fn bind_first(&mut self, run: PortRange) -> Tried {
        let any = self.intercepted.local.with_port(0);
        let _whole = BindAddressNoPort::set(self.intercepted.socket.fd, false);
        match sockets::bind(self.intercepted.socket.fd, any.storage(), any.len()) {
            Err(libc::EADDRINUSE) => Try::Again(Outcome::Taken),
            Ok(()) if self.missed(run) => Try::Again(Outcome::Unsteerable),
            _ => Try::Done(Some((self.intercepted.original)())),
        }
    }

    /// Whether it need not be seen which port of `run` a new socket gets: nobody wants to know, or there is but one, and
    /// in this very moment the kernel was seen to choose where it was told to.
    fn may_go_unseen(&self, run: PortRange) -> bool {
        let session = self.intercepted.session;
        let worthless = run.len() == 1 || self.is_worthless();
        worthless
            && self.intercepted.socket.untouched
            && self.intercepted.binds
            && !session.logs()
            && steering::recently_confirmed()
    }

    /// Whether it is of no use to know which port a socket gets.
    fn is_worthless(&self) -> bool {
        let session = self.intercepted.session;
        let sparse = is_sparse(session.rules, self.scope, session.hint(self.scope));
        if !sparse {
            (self.intercepted.interceptor.learn_unseen)(session, self.scope);
        }
        sparse
    }

    /// Whether the program's own call has just failed for want of a port.
    fn is_exhausted(&self) -> bool {
        errno::get() == errno::of(exhausted(self.intercepted.call, self.intercepted.socket.transport))
            && !self.is_bound_datagram()
    }

    /// Whether a failed datagram call found the socket bound: then its EAGAIN speaks of a full buffer.
    fn is_bound_datagram(&self) -> bool {
        self.intercepted.socket.transport == Transport::Udp
            && self.intercepted.call != Call::Bind
            && Address::local(self.intercepted.socket.fd).is_ok_and(|local| local.port() != 0)
    }

    /// Whether asking, which is cheaper than steering a datagram socket in vain, finds no free port in `run`.
    pub(super) fn is_known_taken(&mut self, run: PortRange) -> bool {
        let worthwhile = run.len() == 1 || (self.steering.missed && run.len() <= LARGEST_ASKED);
        self.intercepted.socket.transport == Transport::Udp && worthwhile && self.finds_taken(run)
    }

    #[cold]
    fn finds_taken(&mut self, run: PortRange) -> bool {
        let intercepted = self.intercepted;
        if self.steering.probe.is_none() {
            // The kernel has something else to say about a second bind; and by its own choice it lets
            // sockets that reuse addresses share ports.
            let bound = Address::local(intercepted.socket.fd).is_ok_and(|local| local.port() != 0);
            if bound || (self.left_to_kernel && intercepted.socket.reuses()) || !steering::is_here(&intercepted.socket)
            {
                return false;
            }
            self.steering.probe = Probe::like(&intercepted.socket);
        }
        let taken = self.steering.probe.as_ref().is_some_and(|probe| !probe.finds_free(&intercepted.local, run));
        if !taken {
            self.steering.probe = None; // it may hold the free port
        }
        taken
    }

    /// Whether the kernel chose outside `run`: the host's range has changed since we looked. A socket
    /// that was bound so is unbound again, where it can be.
    fn missed(&mut self, run: PortRange) -> bool {
        let (fd, call) = (self.intercepted.socket.fd, self.intercepted.call);
        let port = Address::local(fd).map_or(0, |local| local.port());
        self.got = if port == 0 { Got::Unknown } else { Got::Port(port) };
        if port == 0 || run.contains(port) {
            if port != 0 {
                steering::confirm();
            }
            return false;
        }
        steering::reload();
        if matches!(call, Call::Bind | Call::Listen) || self.sharing == Some(Sharing::Exclusive) {
            if self.intercepted.socket.transport == Transport::Tcp {
                let _ = sockets::listen(fd, 0);
            }
            let nowhere = Address::unspecified();
            if sockets::connect(fd, nowhere.storage(), nowhere.len()) == Err(sandbox::NOT_ASKED) {
                self.how = Verdict::Uncovered;
                return false;
            }
        }
        true
    }
}
