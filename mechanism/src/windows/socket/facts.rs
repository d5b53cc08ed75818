//! Facts about a socket: asked of Winsock each time, because a handle's number says nothing.

use super::address::{AF_INET, AF_INET6, Address};
use crate::address::scope_of;
use crate::windows::kernel::calls;
use core::ffi::c_int;
use portshim_policy::ports::{Scope, Transport};
use windows_sys::Win32::Networking::WinSock::{
    IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPV6_V6ONLY, SO_PROTOCOL_INFOW, SOCK_DGRAM, SOCK_STREAM, SOCKET,
    SOL_SOCKET, WSAPROTOCOL_INFOW,
};

/// A socket whose ports portshim serves.
#[derive(Clone, Copy)]
pub struct Socket {
    /// Its handle.
    pub handle: SOCKET,
    /// Its transport protocol.
    pub transport: Transport,
    /// AF_INET or AF_INET6.
    pub family: c_int,
    /// Set if it is known to have no port yet, and how it would share one.
    pub is_new: Option<Sharing>,
    /// Set if it is known to have a port.
    pub is_bound: bool,
}

/// Way in which a socket shares the port that it will get.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// As sockets do on which no option says so.
    Usual,
    /// Not at all: the program has set SO_EXCLUSIVEADDRUSE.
    Exclusive,
}

impl Socket {
    /// Asks Winsock what `handle` is; `None` where ports of such sockets are not served, or it is
    /// none.
    pub fn served(handle: SOCKET) -> Option<Self> {
        let info: WSAPROTOCOL_INFOW = calls::option(handle, SOL_SOCKET, SO_PROTOCOL_INFOW).ok()?;
        let transport = transport(info.iAddressFamily, info.iSocketType, info.iProtocol)?;
        Some(Self { handle, transport, family: info.iAddressFamily, is_new: None, is_bound: false })
    }

    /// The scope of a port at `local`, and whether the socket takes it in the other family too.
    pub fn scope(&self, local: &Address, peer: Option<&Address>) -> (Scope, bool) {
        scope_of(self.transport, self.family, local, peer, || self.is_v6_only())
    }

    /// Tells whether it has a port: without one, Winsock does not tell an address at all.
    pub fn has_port(&self) -> bool {
        self.is_bound || self.is_new.is_none() && self.has_got_port()
    }

    /// The same, of one that was new a moment ago.
    pub fn has_got_port(&self) -> bool {
        Address::local(self.handle).is_ok_and(|local| local.port() != 0)
    }

    /// Tells whether the socket speaks IPv6 alone, which it does unless told otherwise.
    fn is_v6_only(&self) -> bool {
        calls::option::<i32>(self.handle, IPPROTO_IPV6, IPV6_V6ONLY) != Ok(0)
    }
}

/// Transport of a socket of this kind; `None` where ports of such sockets are not served.
pub fn transport(family: c_int, kind: c_int, protocol: c_int) -> Option<Transport> {
    match (family, kind, protocol) {
        (AF_INET | AF_INET6, SOCK_STREAM, IPPROTO_TCP) => Some(Transport::Tcp),
        (AF_INET | AF_INET6, SOCK_DGRAM, IPPROTO_UDP) => Some(Transport::Udp),
        _ => None,
    }
}
