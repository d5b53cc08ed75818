//! Requests: what is known of one before the first try.

use crate::entropy::mix;
use crate::model::Call;
use crate::ports::{PortRange, Scope, Transport};

/// Knowledge of a request before the first try.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The call.
    pub call: Call,
    /// Whose ports it draws from.
    pub scope: Scope,
    /// Set if the socket takes its port in the other address family too.
    pub dual: bool,
    /// Set if the socket has SO_REUSEADDR, which changes Linux's own order for `bind`.
    pub reuse: bool,
    /// The range that the program set on the socket itself; [`PortRange::ALL`] where it set none.
    pub limit: PortRange,
    /// A keyed hash of local address, peer address and peer port (RFC 6056's F); 0 without a peer.
    pub peer: u64,
}

impl Request {
    /// Tells whether this is a connection, which may share its port with others.
    pub(crate) fn is_connection(&self) -> bool {
        self.call == Call::Connect && self.scope.transport() == Transport::Tcp
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
