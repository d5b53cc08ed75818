//! Thresholds by which requests are served: how full a range is believed to be, and how far one
//! answer reaches.

use super::request::Request;
use crate::ports::{PortRange, Scope, Transport};
use crate::region::{BusyPorts, SharedRules};
use core::sync::atomic::Ordering::Relaxed;

/// Largest run whose ports are asked about one by one: beyond it the kernel's own walk is as fast.
pub const LARGEST_ASKED: u32 = 1024;

/// Number of times that in one moment the kernel is relied on to choose where it was told to, once
/// it was seen to: a clock may have been made to stand still.
pub const RELIED_ON_AT_MOST: u32 = 256;

impl Request {
    /// Tells whether so much of `range` is believed taken that the system would look for a free
    /// port for long. Past the end of a run it looks through all ports there are for one to send a
    /// datagram from.
    pub(crate) fn is_crowded(&self, range: PortRange, solid: bool, hint: &BusyPorts) -> bool {
        let most = match self.scope.transport() {
            Transport::Tcp => two_fifths(range),
            Transport::Udp if solid => range.len() / 4 * 3,
            Transport::Udp => range.len() / 4,
        };
        hint.count() > most
    }
}

/// Tells whether so many ports of `run` are believed taken that the kernel's own way of looking for
/// one for a connection, every second port first, would take it long.
#[must_use]
pub fn is_dense(run: PortRange, hint: Option<&BusyPorts>) -> bool {
    hint.is_some_and(|hint| hint.count() > two_fifths(run))
}

/// Tells whether so few ports of `scope`, which lie in `hull`, are held, and ever were, that it is
/// of no use to know which one a socket gets.
#[must_use]
#[inline]
pub fn is_sparse(rules: &SharedRules, scope: Scope, hull: Option<PortRange>, hint: Option<&BusyPorts>) -> bool {
    let few = hull.map_or(0, PortRange::len) / 16;
    hint.is_none_or(|hint| hint.count() <= few) && rules.live(scope).high.load(Relaxed) <= few
}

const fn two_fifths(range: PortRange) -> u32 {
    range.len() / 5 * 2
}
