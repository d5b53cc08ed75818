//! Requests: what is known of one before the first try.

use crate::entropy::mix;
use crate::model::Call;
use crate::ports::{PortRange, Scope, Transport};
use crate::region::BusyPorts;

/// What is known of a request before the first try.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The call.
    pub call: Call,
    /// Whose ports it draws from.
    pub scope: Scope,
    /// Whether the socket takes its port in the other address family too.
    pub dual: bool,
    /// Whether the socket has SO_REUSEADDR, which changes Linux's own order for `bind`.
    pub reuse: bool,
    /// The range that the program set on the socket itself; [`PortRange::ALL`] where it set none.
    pub limit: PortRange,
    /// A keyed hash of local address, peer address and peer port (RFC 6056's F); 0 without a peer.
    pub peer: u64,
}

impl Request {
    /// Whether this is a connection, which may share its port with others.
    pub(crate) fn is_connection(&self) -> bool {
        self.call == Call::Connect && self.scope.transport() == Transport::Tcp
    }

    /// Whether so much of `range` is believed taken that the system would look for a free port for long. Past the end
    /// of a run it looks through all ports there are for one to send a datagram from.
    pub(crate) fn is_crowded(&self, range: PortRange, solid: bool, hint: &BusyPorts) -> bool {
        let most = match self.scope.transport() {
            Transport::Tcp => range.len() / 5 * 2,
            Transport::Udp if solid => range.len() / 4 * 3,
            Transport::Udp => range.len() / 4,
        };
        hint.count() > most
    }
}

/// Mixes a peer into the hash that [`Request::peer`] takes. `key` is the session's secret: RFC 6056
/// §3.3.3 wants F to be unpredictable from outside.
#[must_use]
pub fn peer_hash(key: u64, local: &[u8], peer: &[u8], port: u16) -> u64 {
    let mut hash = mix(key ^ u64::from(port));
    for byte in local.iter().chain(peer) {
        hash = mix(hash ^ u64::from(*byte));
    }
    hash
}
