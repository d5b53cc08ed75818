//! A socket that the kernel tells of.

use super::super::answers::{Socket, State};
use portshim_policy::ports::{Scope, ScopeSet, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The numbers of states that the kernel has besides those of TCP's diagram: `TCP_CLOSE`, and
/// `TCP_NEW_SYN_RECV` and `TCP_BOUND_INACTIVE` of tcp_states.h.
const CLOSE: u8 = 7;
const NEW_SYN_RECEIVED: u8 = 12;

/// Facts of a socket, as the kernel writes them.
pub(super) struct Told {
    pub(super) transport: Transport,
    pub(super) v6: bool,
    pub(super) local: (Ipv6Addr, u16),
    pub(super) peer: (Ipv6Addr, u16),
    /// Set if at `::` it takes IPv4's ports, too.
    pub(super) both: bool,
    pub(super) state: u8,
    /// Time until its timer ends.
    pub(super) left: Option<Duration>,
    pub(super) user: u32,
    pub(super) inode: u64,
}

impl Told {
    pub(super) fn socket(self) -> Socket {
        let (four, six) = match self.transport {
            Transport::Tcp => (Scope::Tcp4, Scope::Tcp6),
            Transport::Udp => (Scope::Udp4, Scope::Udp6),
        };
        let (ip, port) = self.local;
        let scopes = match self.v6 {
            true if ip == Ipv6Addr::UNSPECIFIED && self.both => ScopeSet::from_iter([four, six]),
            true if ip.to_ipv4_mapped().is_none() => six.into(),
            _ => four.into(),
        };
        let state = self.state();
        // Of a connection that is over, or whose process is gone, it names the user 0.
        let user = (self.inode != 0).then_some(self.user);
        let peer = (self.peer.1 != 0).then(|| SocketAddr::new(plain(self.peer.0), self.peer.1));
        Socket { port, scopes, local: plain(ip), peer, state, user, inode: self.inode }
    }

    fn state(&self) -> State {
        match (self.transport, self.state) {
            (Transport::Udp, _) if self.peer.1 != 0 => State::Established,
            (Transport::Udp, _) => State::Bound,
            (_, 1) => State::Established,
            (_, 2) => State::SynSent,
            (_, 3 | NEW_SYN_RECEIVED) => State::SynReceived,
            (_, 4) => State::FinWait1,
            // The kernel remembers one as it does a connection in TIME_WAIT.
            (_, 5) => State::FinWait2,
            (_, 6) => State::TimeWait(self.left),
            (_, 8) => State::CloseWait,
            (_, 9) => State::LastAck,
            (_, 10) => State::Listen,
            (_, 11) => State::Closing,
            (_, CLOSE..) | (_, 0) => State::Bound,
        }
    }
}

/// An address as people write it.
fn plain(ip: Ipv6Addr) -> IpAddr {
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}

/// An address as the kernel hands it over: 16 bytes, of which an IPv4 address is the first four.
pub(super) fn address(bytes: [u8; 16], v6: bool) -> Ipv6Addr {
    if v6 { bytes.into() } else { Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).to_ipv6_mapped() }
}
