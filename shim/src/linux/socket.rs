//! What a descriptor is: asked of the kernel, unless the call that made it was seen.

use super::address::Address;
use super::known::Made;
use super::options::record_address;
use super::{known, sandbox, sys};
use crate::address::scope_of;
use core::ffi::c_int;
use portshim_policy::ports::{Scope, Transport};

/// IPPROTO_MPTCP, linux/in.h.
pub(crate) const MPTCP: c_int = 262;

/// asm-generic/socket.h.
pub(crate) const SO_BINDTOIFINDEX: c_int = 62;

/// A socket whose ports portshim serves.
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) fd: c_int,
    pub(crate) transport: Transport,
    /// AF_INET or AF_INET6.
    pub(crate) family: c_int,
    /// IPPROTO_TCP, IPPROTO_MPTCP, IPPROTO_UDP or IPPROTO_UDPLITE.
    pub(crate) protocol: c_int,
    /// It is known to have no port, no address and the options of a new socket.
    pub(crate) untouched: bool,
    /// This process made it, as far as is known.
    pub(crate) made_here: bool,
    /// The kernel has said of what kind it is.
    pub(crate) confirmed: bool,
}

/// What a descriptor turned out to be.
pub(crate) enum Kind {
    /// TCP, MPTCP, UDP or UDP-Lite.
    Served(Socket),
    /// Some other socket.
    Other,
    /// No socket, or no descriptor at all.
    None,
}

impl Socket {
    /// What `fd` is, for a call that may bind it.
    #[inline]
    pub(crate) fn of(fd: c_int) -> Kind {
        let Some(Made { scope, untouched }) = known::made(fd) else { return Self::asked(fd) };
        let transport = scope.transport();
        let protocol = match transport {
            Transport::Tcp => libc::IPPROTO_TCP,
            Transport::Udp => libc::IPPROTO_UDP,
        };
        let family = match scope {
            Scope::Tcp4 | Scope::Udp4 => libc::AF_INET,
            Scope::Tcp6 | Scope::Udp6 => libc::AF_INET6,
        };
        Kind::Served(Self { fd, transport, family, protocol, untouched, made_here: true, confirmed: false })
    }

    /// Asks the kernel what `fd` is. Raw and ping sockets have the same protocol numbers, but another
    /// type or protocol, and go through.
    #[cold]
    fn asked(fd: c_int) -> Kind {
        let option = |name| sys::getsockopt::<c_int>(fd, libc::SOL_SOCKET, name);
        let Ok(family) = option(libc::SO_DOMAIN) else { return Kind::None };
        if family != libc::AF_INET && family != libc::AF_INET6 {
            return Kind::Other;
        }
        let Ok(protocol) = option(libc::SO_PROTOCOL) else { return Kind::Other };
        let transport = match (option(libc::SO_TYPE), transport_of(protocol)) {
            (Ok(libc::SOCK_STREAM), Some(Transport::Tcp)) => Transport::Tcp,
            (Ok(libc::SOCK_DGRAM), Some(Transport::Udp)) => Transport::Udp,
            _ => return Kind::Other,
        };
        let (untouched, made_here, confirmed) = (false, false, true);
        Kind::Served(Self { fd, transport, family, protocol, untouched, made_here, confirmed })
    }

    /// The same, once the kernel has said that the descriptor is such a socket. `None` where it is not: the socket that
    /// was remembered has been closed unseen, or is known in another thread's table of descriptors.
    pub(crate) fn confirmed(self) -> Option<Self> {
        if self.confirmed {
            return Some(self);
        }
        match sys::getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_PROTOCOL) {
            Ok(protocol) => {
                let is_it = transport_of(protocol) == Some(self.transport);
                is_it.then_some(Self { protocol, confirmed: true, ..self })
            }
            Err(libc::EBADF | libc::ENOTSOCK) => None,
            // The program's sandbox lets nobody ask: then what was remembered has to do.
            Err(_) => Some(self),
        }
    }

    /// As [`Socket::of`], for calls to which every other descriptor is the same.
    pub(crate) fn served(fd: c_int) -> Option<Self> {
        match Self::of(fd) {
            Kind::Served(socket) => Some(socket),
            Kind::Other | Kind::None => None,
        }
    }

    /// The socket's own address.
    pub(crate) fn local(&self) -> sys::Result<Address> {
        if self.untouched {
            return Ok(Address::any(self.family));
        }
        match Address::local(self.fd) {
            // It was made without a port, and has none yet, or one that no call can change.
            Err(sandbox::NOT_ASKED) if known::is_fresh_datagram(self.fd) => Ok(Address::any(self.family)),
            local => local,
        }
    }

    /// The scope of a port at `local`, and whether the socket takes it in the other family too.
    pub(crate) fn scope(&self, local: &Address, peer: Option<&Address>) -> (Scope, bool) {
        scope_of(self.transport, self.family, local, peer, || self.is_v6_only())
    }

    /// Whether the socket, whose address is `local`, surely has a port. A TCP socket whose connection was
    /// refused or undone still shows the port that it has lost: of it, nothing is sure.
    pub(crate) fn surely_has_port(&self, local: &Address) -> bool {
        local.port() != 0 && (self.transport == Transport::Udp || known::is_bound(self.fd) || self.is_open())
    }

    /// Whether a TCP socket listens, is connected, or is about to be.
    fn is_open(&self) -> bool {
        const TCP_CLOSE: u8 = 7;
        // The state is the first byte of `struct tcp_info`.
        sys::getsockopt::<[u8; 4]>(self.fd, libc::SOL_TCP, libc::TCP_INFO).is_ok_and(|info| info[0] != TCP_CLOSE)
    }

    /// Whether the kernel takes a closed TCP socket for bound: then it refuses to record an address. Where it
    /// does not, the socket keeps the address that it has, and no port is given out.
    pub(crate) fn refuses_address(&self, local: &Address) -> bool {
        record_address(self.fd, local) == Err(libc::EINVAL)
    }

    /// Whether the socket speaks IPv6 alone.
    pub(crate) fn is_v6_only(&self) -> bool {
        sys::getsockopt::<c_int>(self.fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) == Ok(1)
    }

    /// Whether `bind` only records the address (IP_BIND_ADDRESS_NO_PORT, Linux 4.2).
    pub(crate) fn binds_address_only(&self) -> bool {
        !self.untouched
            && sys::getsockopt::<c_int>(self.fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT).is_ok_and(|v| v != 0)
    }

    /// The interface that the socket is confined to (SO_BINDTOIFINDEX, Linux 5.0), 0 for none.
    pub(crate) fn interface(&self) -> c_int {
        sys::getsockopt(self.fd, libc::SOL_SOCKET, SO_BINDTOIFINDEX).unwrap_or(0)
    }

    /// Whether SO_REUSEADDR is set.
    pub(crate) fn reuses_address(&self) -> bool {
        !self.untouched && sys::getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_REUSEADDR).is_ok_and(|v| v != 0)
    }

    /// Whether SO_REUSEADDR or SO_REUSEPORT is set.
    pub(crate) fn reuses(&self) -> bool {
        !self.untouched
            && (self.reuses_address()
                || sys::getsockopt::<c_int>(self.fd, libc::SOL_SOCKET, libc::SO_REUSEPORT).is_ok_and(|v| v != 0))
    }
}

/// What a protocol that is served transports.
fn transport_of(protocol: c_int) -> Option<Transport> {
    match protocol {
        libc::IPPROTO_TCP | MPTCP => Some(Transport::Tcp),
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => Some(Transport::Udp),
        _ => None,
    }
}
