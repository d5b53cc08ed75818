//! The calls that may bind a socket, made by a program that has come in.

use super::frame::Frame;
use super::memory;
use core::ffi::c_int;
use libc::{MSG_FASTOPEN, c_long};
use portshim_mechanism::linux::kernel::{errno, process, sockets};
use portshim_mechanism::linux::serve::{self, InterceptedCall, Interceptor, Original, Waits};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::{Kind, Socket};
use portshim_mechanism::linux::socket::fast_open;
use portshim_mechanism::linux::socket::options::repair_range;
use portshim_mechanism::session::{About, Session};
use portshim_policy::model::{Call, Fault};
use portshim_policy::ports::{Transport, scopes_of};
use portshim_policy::region::{Recorded, Verdict};

/// Nothing is remembered of descriptors here: the kernel says what a socket has.
static INTERCEPTOR: Interceptor = Interceptor {
    bind: |fd, address| sockets::bind(fd, address.storage(), address.len()),
    is_known_bound: |_| false,
    learn_unseen: |_, _| (),
};

/// A program's call, and the session that serves it.
struct Request<'a> {
    session: Session,
    frame: &'a Frame,
    fd: c_int,
}

/// Serves a call: what rax is to be.
pub(crate) fn serve(session: Session, frame: &mut Frame) -> isize {
    let request = Request { session, frame, fd: frame.arguments[0] as c_int };
    let answer = match frame.number as u32 as c_long {
        libc::SYS_bind => request.bind(),
        libc::SYS_connect => request.connect(),
        libc::SYS_listen => request.listen(),
        libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => request.send(),
        _ => return frame.leave(),
    };
    if answer < 0 { -errno::get() as isize } else { answer }
}

impl Original for Request<'_> {
    #[inline(always)]
    fn call(&self) -> isize {
        self.frame.call().map_or_else(errno::fail, |answer| answer as isize)
    }
}

impl Request<'_> {
    /// The socket, if its ports are served.
    fn socket(&self) -> Option<Socket> {
        match Socket::asked(self.fd) {
            Kind::Served(socket) => Some(socket),
            Kind::Other | Kind::None => None,
        }
    }

    /// The socket's address, if it is served and has surely no port. `None` where the call needs
    /// nothing but to be made.
    fn unbound(&self, socket: &Socket) -> Option<Address> {
        let local = Address::local(socket.fd).ok()?;
        (!socket.surely_has_port(&local, INTERCEPTOR.is_known_bound)).then_some(local)
    }

    /// The address that two of the arguments name.
    fn address(&self, at: usize) -> Option<Address> {
        memory::address(self.frame.arguments[at], self.frame.arguments[at + 1], self.frame.stack)
    }

    /// Has the mechanism serve it, and counts the port that it got.
    fn got(&self, call: &InterceptedCall<'_, Self>) -> isize {
        let Some(served) = serve::serve(call) else { return self.call() };
        if let Some(grant) = &served.grant {
            self.session.note(grant.call, grant.scope, grant.how, grant.port, call.about());
        }
        served.answer
    }

    fn intercepted<'b>(&'b self, socket: &'b Socket, call: Call, local: &'b Address) -> InterceptedCall<'b, Self> {
        InterceptedCall::of(self.session, socket, call, local, self, &INTERCEPTOR)
    }

    fn bind(&self) -> isize {
        let Some(socket) = self.socket() else { return self.call() };
        let Some(local) = self.address(1).filter(|local| local.fits_bind(socket.family)) else { return self.call() };
        if local.port() != 0 {
            return self.bind_to(&socket, &local);
        }
        if socket.binds_address_only() {
            return self.call();
        }
        self.got(&self.intercepted(&socket, Call::Bind, &local))
    }

    /// A bind to a port that the program names.
    fn bind_to(&self, socket: &Socket, local: &Address) -> isize {
        let (scope, dual) = socket.scope(local, None);
        let (session, port) = (self.session, local.port());
        let is_privileged = || u32::from(port) < session.rules.unprivileged_start() && !process::may_bind_privileged();
        if session.blocks(port, scopes_of(scope, dual)) || is_privileged() {
            session.note(Call::Bind, scope, Verdict::Refused, port, About::default());
            return errno::fail(errno::of(Fault::Blocked));
        }
        let answer = self.call();
        if answer == 0 && session.records(Recorded::SPECIFIC) {
            session.log_specific(scope, port);
        }
        answer
    }

    fn listen(&self) -> isize {
        let Some(socket) = self.socket().filter(|socket| socket.transport == Transport::Tcp) else {
            return self.call();
        };
        match self.unbound(&socket) {
            Some(local) => self.got(&self.intercepted(&socket, Call::Listen, &local)),
            None => self.call(),
        }
    }

    fn connect(&self) -> isize {
        let Some(socket) = self.socket() else { return self.call() };
        let Some(peer) = self.address(1) else { return self.call() };
        if peer.family() == libc::AF_UNSPEC {
            let answer = self.call();
            repair_range(self.fd);
            return answer;
        }
        let Some(local) = self.unbound(&socket) else { return self.call() };
        match socket.transport {
            Transport::Tcp => self.connect_to(&socket, &local, &peer, Waits::Repeated),
            Transport::Udp => {
                // The kernel binds a datagram socket before it looks at the peer's address at all.
                let call = self.intercepted(&socket, Call::Connect, &local);
                self.got(&InterceptedCall { peer: Some(&peer), ..call })
            }
        }
    }

    /// Connects a TCP socket.
    fn connect_to(&self, socket: &Socket, local: &Address, peer: &Address, waits: Waits) -> isize {
        let binds = peer.family() == socket.family && peer.is_whole() && !(peer.is_mapped() && socket.is_v6_only());
        let call = self.intercepted(socket, Call::Connect, local);
        self.got(&InterceptedCall { peer: Some(peer), binds, waits, ..call })
    }

    /// A datagram socket that has no port gets one at the first send, even at one that fails; a TCP
    /// socket only with MSG_FASTOPEN.
    fn send(&self) -> isize {
        if self.frame.number as u32 as c_long == libc::SYS_sendmmsg && self.frame.arguments[2] as u32 == 0 {
            return self.call();
        }
        if self.frame.number as u32 as c_long == libc::SYS_sendto && self.frame.arguments[4] == 0 {
            // It sends to where the socket is connected to, and has its port.
            return self.call();
        }
        let (flags, to) = self.destination();
        let fast = flags & MSG_FASTOPEN != 0;
        // Most sends need no port any more: of these, nothing else is asked.
        let is_ours = |local: &Address| matches!(local.family(), libc::AF_INET | libc::AF_INET6);
        let local = Address::local(self.fd).ok().filter(is_ours);
        if local.is_none_or(|local| local.port() != 0 && !fast) {
            return self.call();
        }
        let Some(socket) = self.socket() else { return self.call() };
        let Some(local) = self.unbound(&socket) else { return self.call() };
        match (socket.transport, to) {
            (Transport::Tcp, Destination::Peer(peer)) if fast && fast_open::connects(&socket) => {
                self.connect_to(&socket, &local, &peer, Waits::Once)
            }
            (Transport::Tcp, _) => self.call(),
            (Transport::Udp, to) => {
                let peer = match &to {
                    Destination::Peer(peer) => Some(peer),
                    Destination::None | Destination::Bad => None,
                };
                let binds = !matches!(to, Destination::Bad);
                let call = self.intercepted(&socket, Call::Send, &local);
                self.got(&InterceptedCall { peer, binds, ..call })
            }
        }
    }

    /// The flags of a send, and where it goes.
    fn destination(&self) -> (c_int, Destination) {
        let [_, second, third, fourth, fifth, sixth] = self.frame.arguments;
        match self.frame.number as u32 as c_long {
            libc::SYS_sendto => (fourth as c_int, self.destination_at(fifth, sixth)),
            libc::SYS_sendmsg => (third as c_int, self.destination_in(second)),
            // The header of the first message is the first field of it.
            _ => (fourth as c_int, self.destination_in(second)),
        }
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
