//! The calls that may bind a socket, made by a program that has come in.

use super::changes;
use super::frame::{Call as OwnCall, Frame};
use super::memory;
use core::ffi::c_int;
use libc::{MSG_FASTOPEN, c_long};
use portshim_mechanism::grant::Grant;
use portshim_mechanism::linux::kernel::{errno, process, sockets as kernel};
use portshim_mechanism::linux::known::{fd_cache, fd_ports, sockets};
use portshim_mechanism::linux::serve::{self, InterceptedCall, Interceptor, Waits};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::{Kind, Socket};
use portshim_mechanism::linux::socket::fast_open;
use portshim_mechanism::linux::socket::options::repair_range;
use portshim_mechanism::session::{About, Session};
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::{Transport, scopes_of};
use portshim_policy::region::{Recorded, Verdict};

static INTERCEPTOR: Interceptor = Interceptor {
    bind: |fd, address| kernel::bind(fd, address.storage(), address.len()),
    is_known_bound: fd_cache::is_bound,
    learn_unseen: fd_ports::learn_unseen,
};

/// A program's call, and the session that serves it.
struct Request<'a> {
    session: Session,
    frame: &'a Frame,
    fd: c_int,
}

/// Serves a call: what rax is to be.
pub(crate) fn serve(session: Session, frame: &mut Frame) -> isize {
    if frame.is_noted() {
        return note(session, frame);
    }
    let request = Request { session, frame, fd: frame.arguments[0] as c_int };
    let answer = match frame.number() {
        libc::SYS_bind => request.bind(),
        libc::SYS_connect => request.connect(),
        libc::SYS_listen => request.listen(),
        libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => request.send(),
        number => match changes::make(session, number, frame) {
            Ok(answer) => answer,
            Err(()) => return frame.leave(),
        },
    };
    if answer < 0 { -frame.error() as isize } else { answer }
}

/// Takes note of a call that is made where it stands. A send that binds nothing is marked there: a
/// supervisor serves the others.
#[cold]
fn note(session: Session, frame: &mut Frame) -> isize {
    match frame.number() {
        libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => {
            let request = Request { session, frame, fd: frame.arguments[0] as c_int };
            if request.is_settled() { frame.leave_marked() } else { frame.leave() }
        }
        number => {
            changes::note(number, frame);
            frame.leave()
        }
    }
}

impl Request<'_> {
    #[inline(always)]
    fn call(&self) -> isize {
        self.frame.call_marked()
    }

    /// The address that two of the arguments name.
    fn address(&self, at: usize) -> Option<Address> {
        memory::address(self.frame.arguments[at], self.frame.arguments[at + 1], self.frame.stack)
    }

    /// Has the mechanism serve it, and counts the port that it got. `None` where the descriptor is
    /// not what was remembered of it: that has been forgotten, and nothing has been done.
    #[inline(always)]
    fn got<const NUMBER: c_long>(&self, call: &InterceptedCall<'_, OwnCall<'_, NUMBER>>) -> Option<isize> {
        let Some(served) = serve::serve(call) else {
            fd_cache::forget(self.fd);
            return None;
        };
        if let Some(grant) = &served.grant {
            self.count(grant, call.about());
        }
        Some(served.answer)
    }

    #[inline(always)]
    fn count(&self, grant: &Grant, about: About<'_>) {
        if fd_cache::is_given_up() {
            // Nobody would see it being given back.
            self.session.note(grant.call, grant.scope, grant.how, grant.port, about);
        } else {
            fd_ports::hold(self.session, self.fd, grant, about);
        }
    }

    #[inline(always)]
    fn intercepted<'b, const NUMBER: c_long>(
        &self,
        socket: &'b Socket,
        call: Call,
        local: &'b Address,
        own: &'b OwnCall<'b, NUMBER>,
    ) -> InterceptedCall<'b, OwnCall<'b, NUMBER>> {
        InterceptedCall::of(self.session, socket, call, local, own, &INTERCEPTOR)
    }

    #[inline(always)]
    fn bind(&self) -> isize {
        let Some(socket) = sockets::served(self.fd) else { return self.call() };
        let Some(local) = self.address(1).filter(|local| local.fits_bind(socket.family)) else { return self.call() };
        let seen = fd_cache::get(self.fd);
        let served = if local.port() != 0 {
            self.bind_to(&socket, &local)
        } else if socket.binds_address_only() {
            return self.call();
        } else {
            let own = OwnCall::<{ libc::SYS_bind }>(self.frame);
            self.got(&self.intercepted(&socket, Call::Bind, &local, &own))
        };
        let Some(answer) = served else { return self.bind_again() };
        if answer == 0 {
            match socket.transport {
                Transport::Tcp => fd_cache::mark_bound(self.fd, seen),
                Transport::Udp => fd_cache::mark_settled(self.fd, seen),
            }
        }
        answer
    }

    #[cold]
    #[inline(never)]
    fn bind_again(&self) -> isize {
        self.bind()
    }

    /// A bind to a port that the program names. `None` as in [`Self::got`].
    #[inline(never)]
    fn bind_to(&self, socket: &Socket, local: &Address) -> Option<isize> {
        let (scope, dual) = socket.scope(local, None);
        let (session, port) = (self.session, local.port());
        let is_privileged = || u32::from(port) < session.rules.unprivileged_start() && !process::may_bind_privileged();
        if session.blocks(port, scopes_of(scope, dual)) || is_privileged() {
            if socket.confirmed().is_none() {
                fd_cache::forget(self.fd);
                return None;
            }
            session.note(Call::Bind, scope, Verdict::Refused, port, About::default());
            return Some(self.frame.fail(errno::of(Fault::Blocked)));
        }
        let answer = self.call();
        if answer == 0 && session.records(Recorded::SPECIFIC) {
            session.log_specific(scope, port);
        }
        Some(answer)
    }

    fn listen(&self) -> isize {
        let Some(socket) = sockets::served(self.fd) else { return self.call() };
        if socket.transport == Transport::Udp {
            if socket.confirmed().is_some() {
                return self.call();
            }
            fd_cache::forget(self.fd);
            return self.listen();
        }
        let Ok(local) = sockets::local(&socket) else { return self.call() };
        if sockets::surely_has_port(&socket, &local) {
            fd_cache::invalidate(self.fd);
            return self.call();
        }
        let own = OwnCall::<{ libc::SYS_listen }>(self.frame);
        self.got(&self.intercepted(&socket, Call::Listen, &local, &own)).unwrap_or_else(|| self.listen())
    }

    fn connect(&self) -> isize {
        let Some(socket) = sockets::served(self.fd) else { return self.call() };
        let Some(peer) = self.address(1) else { return self.call() };
        if peer.family() == libc::AF_UNSPEC {
            return self.disconnect(socket.transport);
        }
        let served = match socket.transport {
            Transport::Tcp => self.connect_to(&socket, &peer, Waits::Repeated),
            Transport::Udp => {
                let Ok(local) = sockets::local(&socket) else { return self.call() };
                if sockets::surely_has_port(&socket, &local) {
                    return self.call();
                }
                // The kernel binds a datagram socket before it looks at the peer's address at all.
                let own = OwnCall::<{ libc::SYS_connect }>(self.frame);
                let call = self.intercepted(&socket, Call::Connect, &local, &own);
                self.got(&InterceptedCall { peer: Some(&peer), ..call })
            }
        };
        served.unwrap_or_else(|| self.connect())
    }

    /// Takes the socket's peer from it, and perhaps its port.
    #[cold]
    fn disconnect(&self, transport: Transport) -> isize {
        // Before the call as well as after it: a signal handler may jump out of it once the port is
        // lost.
        fd_cache::may_lose_port(self.fd);
        let answer = self.call();
        repair_range(self.fd);
        fd_cache::may_lose_port(self.fd);
        fd_ports::release(self.fd);
        if transport == Transport::Udp {
            fd_cache::lose_port(self.fd);
        }
        answer
    }

    /// Connects a TCP socket. `None` as in [`Self::got`].
    fn connect_to(&self, socket: &Socket, peer: &Address, waits: Waits) -> Option<isize> {
        let Ok(local) = sockets::local(socket) else { return Some(self.call()) };
        if sockets::surely_has_port(socket, &local) {
            // Should the connection fail, the port may be lost.
            fd_cache::invalidate(self.fd);
            return Some(self.call());
        }
        let binds = peer.family() == socket.family && peer.is_whole() && !(peer.is_mapped() && socket.is_v6_only());
        let own = OwnCall::<{ libc::SYS_connect }>(self.frame);
        let call = self.intercepted(socket, Call::Connect, &local, &own);
        self.got(&InterceptedCall { peer: Some(peer), binds, waits, ..call })
    }

    /// A datagram socket that has no port gets one at the first send, even at one that fails; a TCP
    /// socket only with MSG_FASTOPEN.
    fn send(&self) -> isize {
        if self.frame.number() == libc::SYS_sendmmsg && self.frame.arguments[2] as u32 == 0 {
            return self.call();
        }
        if self.frame.number() == libc::SYS_sendto && self.frame.arguments[4] == 0 {
            // It sends to where the socket is connected to, and has its port.
            return self.call();
        }
        if !fd_cache::is_fresh_datagram(self.fd) && self.is_settled() {
            return self.call();
        }
        let (fast, seen) = (self.is_fast(), fd_cache::get(self.fd));
        let Kind::Served(socket) = sockets::of(self.fd) else { return self.call() };
        let served = match (socket.transport, self.destination()) {
            (Transport::Tcp, Destination::Peer(peer)) if fast && fast_open::connects(&socket) => {
                self.connect_to(&socket, &peer, Waits::Once)
            }
            // Nobody sends on a new TCP socket: it may be another by now.
            (Transport::Tcp, _) if socket.untouched && socket.confirmed().is_none() => {
                fd_cache::forget(self.fd);
                None
            }
            (Transport::Tcp, _) => return self.call(),
            (Transport::Udp, to) => {
                let Ok(local) = sockets::local(&socket) else { return self.call() };
                if sockets::surely_has_port(&socket, &local) {
                    fd_cache::mark_settled(self.fd, seen);
                    return self.call();
                }
                let peer = match &to {
                    Destination::Peer(peer) => Some(peer),
                    Destination::None | Destination::Bad => None,
                };
                let binds = !matches!(to, Destination::Bad);
                let own = OwnCall::<{ libc::SYS_sendto }>(self.frame);
                let call = self.intercepted(&socket, Call::Send, &local, &own);
                self.got(&InterceptedCall { peer, binds, ..call })
            }
        };
        served.unwrap_or_else(|| self.send())
    }

    /// Tells whether a send surely binds nothing. Most need no port any more: of these, nothing
    /// else is asked.
    fn is_settled(&self) -> bool {
        if !self.is_fast() && fd_cache::is_settled(self.fd) {
            return true;
        }
        let seen = fd_cache::get(self.fd);
        let Ok(local) = Address::local(self.fd) else { return true };
        let is_ours = matches!(local.family(), libc::AF_INET | libc::AF_INET6);
        let settled = !is_ours || local.port() != 0 && !self.is_fast();
        if settled {
            fd_cache::mark_settled(self.fd, seen);
        }
        settled
    }

    /// Tells whether a send may connect a TCP socket.
    fn is_fast(&self) -> bool {
        let at = if self.frame.number() == libc::SYS_sendmsg { 2 } else { 3 };
        self.frame.arguments[at] as c_int & MSG_FASTOPEN != 0
    }

    /// Where a send goes.
    fn destination(&self) -> Destination {
        let [_, second, _, _, fifth, sixth] = self.frame.arguments;
        if self.frame.number() == libc::SYS_sendto {
            return self.destination_at(fifth, sixth);
        }
        // The header of the first of many messages is the first field of it.
        self.destination_in(second)
    }

    fn destination_at(&self, at: usize, len: usize) -> Destination {
        if at == 0 || len as u32 == 0 {
            return Destination::None;
        }
        match memory::address(at, len, self.frame.stack) {
            Some(peer) => Destination::Peer(peer),
            // One byte: too short to read a family from, long enough for the kernel to bind.
            None if len as u32 == 1 && memory::is_readable(at, 1, self.frame.stack) => Destination::None,
            None => Destination::Bad,
        }
    }

    /// The address in a message's header, as `___sys_sendmsg` comes by it.
    fn destination_in(&self, at: usize) -> Destination {
        const MOST_VECTORS: usize = 1024; // UIO_MAXIOV
        let Some(header) = memory::header(at, self.frame.stack) else { return Destination::Bad };
        if header.msg_iovlen > MOST_VECTORS || header.msg_namelen.cast_signed() < 0 {
            return Destination::Bad;
        }
        // The kernel cuts a long name to the longest address.
        let len = (header.msg_namelen as usize).min(size_of::<libc::sockaddr_storage>());
        self.destination_at(header.msg_name as usize, len)
    }
}

/// Destination of a send.
enum Destination {
    /// Wherever the socket is connected to.
    None,
    Peer(Address),
    /// The kernel will fail before it needs a port.
    Bad,
}
