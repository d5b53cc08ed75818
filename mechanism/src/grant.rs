//! Grants: what a request was given.

use portshim_policy::model::Call;
use portshim_policy::ports::{Scope, ScopeSet};
use portshim_policy::region::{PeerSlot, Verdict};

/// A port that a request was given.
#[derive(Clone, Copy)]
pub struct Grant {
    /// The call that asked.
    pub call: Call,
    /// Way of getting the port.
    pub how: Verdict,
    /// Whose port was asked for.
    pub scope: Scope,
    /// Scopes in which it is taken.
    pub scopes: ScopeSet,
    /// Its number; 0 where that is not known.
    pub port: u16,
    /// No connection is to join it there, although the socket would let it.
    pub single: bool,
    /// The peer towards which alone it is taken, where that is remembered.
    pub towards: Option<PeerSlot>,
}
