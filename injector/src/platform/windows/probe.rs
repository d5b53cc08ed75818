//! Sockets of TCP that are bound and nothing else: Windows lists them nowhere, but lets nobody bind
//! their ports anew.

use super::super::answers::Socket;
use super::sockets::bound;
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use windows_sys::Win32::Networking::WinSock::{
    ADDRESS_FAMILY, AF_INET, AF_INET6, INVALID_SOCKET, IPPROTO_IPV6, IPPROTO_TCP, IPV6_V6ONLY, SO_EXCLUSIVEADDRUSE,
    SOCK_STREAM, SOCKADDR_IN6, SOCKET, SOL_SOCKET, WSADATA, WSAEADDRINUSE, WSAGetLastError, WSAStartup, bind,
    closesocket, setsockopt, socket,
};

/// Version 2.2.
const WINSOCK: u16 = 0x0202;

/// The first of these ports that TCP does not let anybody have.
pub(crate) fn unlisted(range: PortRange, scopes: ScopeSet) -> Option<Socket> {
    let probes = [(Scope::Tcp4, AF_INET), (Scope::Tcp6, AF_INET6)].into_iter();
    let probes: Vec<_> = probes.filter(|(scope, _)| is_ready() && scopes.contains(*scope)).collect();
    (range.first()..=range.last()).find_map(|port| {
        let (scope, _) = probes.iter().find(|(_, family)| is_bound(port, *family))?;
        Some(bound(port, (*scope).into(), IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
    })
}

/// Tells whether there are sockets to be had.
fn is_ready() -> bool {
    static READY: OnceLock<bool> = OnceLock::new();
    let mut about = WSADATA::default();
    // SAFETY: the structure outlives the call.
    *READY.get_or_init(|| unsafe { WSAStartup(WINSOCK, &mut about) } == 0)
}

/// Tells whether a socket has this port, at whichever address. Nothing waits on it meanwhile, so
/// nobody notices.
fn is_bound(port: u16, family: ADDRESS_FAMILY) -> bool {
    // SAFETY: Winsock has been started.
    let probe = Probe(unsafe { socket(family.into(), SOCK_STREAM, IPPROTO_TCP) });
    if probe.0 == INVALID_SOCKET {
        return false;
    }
    // Against sockets that would let others have their port, too.
    probe.set(SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
    // An address of IPv4 is a shorter one, with the family and the port in the same places.
    let mut address = SOCKADDR_IN6 { sin6_family: family, sin6_port: port.to_be(), ..SOCKADDR_IN6::default() };
    let length = if family == AF_INET6 { size_of::<SOCKADDR_IN6>() } else { 16 };
    if family == AF_INET6 {
        probe.set(IPPROTO_IPV6, IPV6_V6ONLY);
    }
    // SAFETY: the address is at least as long as is said, and outlives the call.
    unsafe { bind(probe.0, (&raw mut address).cast(), length as i32) != 0 && WSAGetLastError() == WSAEADDRINUSE }
}

struct Probe(SOCKET);

impl Probe {
    /// Switches an option on. Where that cannot be done, the answer is less certain, and still one.
    fn set(&self, level: i32, option: i32) {
        let on = 1_i32.to_ne_bytes();
        // SAFETY: the value is as long as is said.
        unsafe { setsockopt(self.0, level, option, on.as_ptr(), on.len() as i32) };
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.0 != INVALID_SOCKET {
            // SAFETY: the socket is open, and nobody else's.
            unsafe { closesocket(self.0) };
        }
    }
}
