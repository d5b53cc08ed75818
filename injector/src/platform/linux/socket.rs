//! A socket that the kernel tells of.

use super::super::answers::Socket;
use portshim_policy::ports::{Scope, ScopeSet, Transport};
use std::net::{Ipv4Addr, Ipv6Addr};

impl Socket {
    /// One at this address. `both`: whether at `::` it takes IPv4's ports, too.
    pub(super) fn new(transport: Transport, ip: Ipv6Addr, v6: bool, port: u16, both: bool) -> Self {
        let (four, six) = match transport {
            Transport::Tcp => (Scope::Tcp4, Scope::Tcp6),
            Transport::Udp => (Scope::Udp4, Scope::Udp6),
        };
        let scopes = match v6 {
            true if ip == Ipv6Addr::UNSPECIFIED && both => ScopeSet::from_iter([four, six]),
            true if ip.to_ipv4_mapped().is_none() => six.into(),
            _ => four.into(),
        };
        Self { port, scopes, waits: false, inode: 0 }
    }
}

/// An address as the kernel hands it over: 16 bytes, of which an IPv4 address is the first four.
pub(super) fn address(bytes: [u8; 16], v6: bool) -> Ipv6Addr {
    if v6 { bytes.into() } else { Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).to_ipv6_mapped() }
}
