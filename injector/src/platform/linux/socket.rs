//! A socket that the kernel tells of.

use portshim_policy::ports::{Scope, ScopeSet, Transport};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A socket with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// Its local port.
    pub(crate) port: u16,
    /// The port spaces in which it has that port: both families' where it is dual-stack.
    pub(crate) scopes: ScopeSet,
    /// Set if it is only the memory of a connection, in TIME_WAIT.
    pub(crate) waits: bool,
    /// Number that the descriptors of processes name it by; 0 where no process has it.
    pub(crate) inode: u64,
}

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
