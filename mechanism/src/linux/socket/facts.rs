//! Facts about a descriptor: asked of the kernel, unless the call that made it was seen.

use super::address::Address;
use crate::address::scope_of;
use crate::linux::kernel::constants::{MPTCP, SO_BINDTOIFINDEX, TCP_CLOSE};
use crate::linux::kernel::sockets::getsockopt;
use core::ffi::c_int;
use portshim_policy::ports::{Scope, Transport};

/// A socket whose ports portshim serves.
#[derive(Clone, Copy)]
pub struct Socket {
    /// Its descriptor.
    pub fd: c_int,
    /// Its transport protocol.
    pub transport: Transport,
    /// AF_INET or AF_INET6.
    pub family: c_int,
    /// IPPROTO_TCP, IPPROTO_MPTCP, IPPROTO_UDP or IPPROTO_UDPLITE.
    pub protocol: c_int,
    /// It is known to have no port, no address and the options of a new socket.
    pub untouched: bool,
    /// This process made it, as far as is known.
    pub made_here: bool,
    /// The kernel has said of what kind it is.
    pub confirmed: bool,
    /// Nothing else has been asked of the kernel than its protocol.
    pub unasked: bool,
}

/// Kind of a descriptor.
pub enum Kind {
    /// TCP, MPTCP, UDP or UDP-Lite.
    Served(Socket),
    /// Some other socket.
    Other,
    /// No socket, or no descriptor at all.
    None,
}

impl Socket {
    /// A socket that this process made, of which nothing has been asked; `untouched` as in
    /// [`Socket::untouched`].
    #[inline]
    #[must_use]
    pub fn made(fd: c_int, scope: Scope, untouched: bool) -> Self {
        let transport = scope.transport();
        let protocol = match transport {
            Transport::Tcp => libc::IPPROTO_TCP,
            Transport::Udp => libc::IPPROTO_UDP,
        };
        let family = if matches!(scope, Scope::Tcp4 | Scope::Udp4) { libc::AF_INET } else { libc::AF_INET6 };
        Self { fd, transport, family, protocol, untouched, made_here: true, confirmed: false, unasked: false }
    }

    /// A socket of `family`, or that is to be bound to an address of it, of which the kernel says
    /// what protocol it has. `None` where that is none that is served.
    #[must_use]
    pub fn unasked(fd: c_int, family: c_int) -> Option<Self> {
        let protocol = getsockopt::<c_int>(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL).ok()?;
        let transport = transport_of(protocol)?;
        let (untouched, made_here, confirmed) = (false, false, true);
        Some(Self { fd, transport, family, protocol, untouched, made_here, confirmed, unasked: true })
    }

    /// The same socket, once the kernel has been asked for its family and its type. `None` where it
    /// is none that is served, or of another family.
    #[must_use]
    pub fn once_asked(self) -> Option<Self> {
        let is_of_family = getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_DOMAIN) == Ok(self.family);
        (is_of_family && is_not_raw(self.fd, self.transport)).then_some(Self { unasked: false, ..self })
    }

    /// Asks the kernel what `fd` is. Raw and ping sockets have the same protocol numbers, but
    /// another type or protocol, and go through.
    #[cold]
    #[must_use]
    pub fn asked(fd: c_int) -> Kind {
        match getsockopt::<c_int>(fd, libc::SOL_SOCKET, libc::SO_DOMAIN) {
            Ok(family) => Self::asked_of(fd, family),
            Err(_) => Kind::None,
        }
    }

    /// The same of a socket of this family.
    #[must_use]
    pub fn asked_of(fd: c_int, family: c_int) -> Kind {
        if family != libc::AF_INET && family != libc::AF_INET6 {
            return Kind::Other;
        }
        match Self::unasked(fd, family) {
            Some(socket) if is_not_raw(fd, socket.transport) => Kind::Served(Self { unasked: false, ..socket }),
            _ => Kind::Other,
        }
    }

    /// The same, once the kernel has said that the descriptor is such a socket. `None` where it is
    /// not: the socket that was remembered has been closed unseen, or is known in another thread's
    /// table of descriptors.
    pub fn confirmed(self) -> Option<Self> {
        if self.confirmed {
            return Some(self);
        }
        match getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_PROTOCOL) {
            Ok(protocol) => {
                let is_it = transport_of(protocol) == Some(self.transport);
                is_it.then_some(Self { protocol, confirmed: true, ..self })
            }
            Err(libc::EBADF | libc::ENOTSOCK) => None,
            // The program's sandbox lets nobody ask: then what was remembered has to do.
            Err(_) => Some(self),
        }
    }

    /// The scope of a port at `local`, and whether the socket takes it in the other family too.
    #[inline]
    pub fn scope(&self, local: &Address, peer: Option<&Address>) -> (Scope, bool) {
        scope_of(self.transport, self.family, local, peer, || self.is_v6_only())
    }

    /// Tells whether the socket, whose address is `local`, surely has a port. A TCP socket whose
    /// connection was refused or undone still shows the port that it has lost: of it, nothing is
    /// sure. `is_known_bound` may know better.
    pub fn surely_has_port(&self, local: &Address, is_known_bound: fn(c_int) -> bool) -> bool {
        local.port() != 0 && (self.transport == Transport::Udp || is_known_bound(self.fd) || self.is_open())
    }

    /// Tells whether a TCP socket listens, is connected, or is about to be.
    fn is_open(&self) -> bool {
        // The state is the first byte of `struct tcp_info`.
        getsockopt::<[u8; 4]>(self.fd, libc::SOL_TCP, libc::TCP_INFO).is_ok_and(|info| info[0] != TCP_CLOSE)
    }

    /// Tells whether the socket speaks IPv6 alone.
    pub fn is_v6_only(&self) -> bool {
        getsockopt::<c_int>(self.fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) == Ok(1)
    }

    /// Tells whether `bind` only records the address (IP_BIND_ADDRESS_NO_PORT, Linux 4.2).
    pub fn binds_address_only(&self) -> bool {
        !self.untouched
            && getsockopt::<c_int>(self.fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT).is_ok_and(|v| v != 0)
    }

    /// The interface that the socket is confined to (SO_BINDTOIFINDEX, Linux 5.0), 0 for none.
    pub fn interface(&self) -> c_int {
        getsockopt(self.fd, libc::SOL_SOCKET, SO_BINDTOIFINDEX).unwrap_or(0)
    }

    /// Tells whether SO_REUSEADDR is set.
    pub fn reuses_address(&self) -> bool {
        !self.untouched && getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_REUSEADDR).is_ok_and(|v| v != 0)
    }

    /// Tells whether SO_REUSEADDR or SO_REUSEPORT is set.
    pub fn reuses(&self) -> bool {
        !self.untouched
            && (self.reuses_address()
                || getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_REUSEPORT).is_ok_and(|v| v != 0))
    }
}

/// Tells whether a socket whose protocol is one of this transport is of its type, too.
fn is_not_raw(fd: c_int, transport: Transport) -> bool {
    let kind = match transport {
        Transport::Tcp => libc::SOCK_STREAM,
        Transport::Udp => libc::SOCK_DGRAM,
    };
    getsockopt::<c_int>(fd, libc::SOL_SOCKET, libc::SO_TYPE) == Ok(kind)
}

/// Transport of a protocol that is served.
fn transport_of(protocol: c_int) -> Option<Transport> {
    match protocol {
        libc::IPPROTO_TCP | MPTCP => Some(Transport::Tcp),
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => Some(Transport::Udp),
        _ => None,
    }
}
