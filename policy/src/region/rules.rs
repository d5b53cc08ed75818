//! The rules for one program, in shared memory.

use super::counters::ScopeCounters;
use super::glob::glob_matches;
use super::sets::{ScopeCold, ScopeHot, SharedScope};
use crate::entropy::{Entropy, mix};
use crate::model::rresvport::{PrivilegedOrder, PrivilegedRange};
use crate::model::{Order, Sharing};
use crate::ports::{PortRange, Scope};
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use zerocopy::{FromBytes, IntoBytes};

/// The longest executable name that a `[[process]]` can match, in bytes.
pub const MAX_GLOB: usize = 63;

/// The rules for one program.
#[derive(FromBytes, IntoBytes)]
#[repr(C)]
pub struct SharedRules {
    glob: [AtomicU8; MAX_GLOB + 1],
    order: AtomicU32,
    sharing: AtomicU32,
    seeded: AtomicU32,
    /// Below this port a specific bind needs privilege; 0 leaves that to the system.
    unprivileged_start: AtomicU32,
    /// Ports that rresvport hands out: low | high << 16, and the order; 0 for libc's own.
    privileged: AtomicU32,
    privileged_order: AtomicU32,
    /// Goes up when the dynamic ports are replaced.
    revision: AtomicU32,
    /// Not 0 where TCP and UDP have the same ports.
    alike: AtomicU32,
    seed: AtomicU64,
    scopes: [ScopeHot; 4],
    live: [ScopeCounters; 4],
    pub(super) rest: [ScopeCold; 4],
}

impl SharedRules {
    /// The order of choice.
    #[must_use]
    pub fn order(&self) -> Order {
        Order::from_repr(self.order.load(Relaxed)).unwrap_or(Order::Native)
    }

    /// Tells whether connections share ports.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        if self.sharing.load(Relaxed) == Sharing::Exclusive as u32 { Sharing::Exclusive } else { Sharing::Tuple }
    }

    /// The seed, where choices shall repeat.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        (self.seeded.load(Relaxed) != 0).then(|| self.seed.load(Relaxed))
    }

    /// Ports that rresvport and bindresvport hand out.
    #[must_use]
    pub fn privileged(&self) -> PrivilegedRange {
        let ports = self.privileged.load(Relaxed);
        let order = PrivilegedOrder::from_repr(self.privileged_order.load(Relaxed));
        match PortRange::new(ports as u16, (ports >> 16) as u16) {
            Ok(range) if range.first() > 0 => {
                PrivilegedRange { low: range.first(), high: range.last(), order: order.unwrap_or_default() }
            }
            _ => PrivilegedRange::LIBC,
        }
    }

    /// The port below which a specific bind needs privilege; 0 where that is left to the system.
    #[must_use]
    pub fn unprivileged_start(&self) -> u32 {
        self.unprivileged_start.load(Relaxed)
    }

    /// Another number once the dynamic ports have been replaced: a request that found none left has
    /// then to look again.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision.load(Acquire)
    }

    /// Makes `range` the dynamic ports of one scope.
    pub(crate) fn replace_dynamic(&self, scope: Scope, range: PortRange) {
        self.scope(scope).replace_dynamic(range, &self.scope(scope.other_family()));
        self.compare_transports();
        self.revision.fetch_add(1, Release);
    }

    /// One scope's ports.
    #[must_use]
    #[inline]
    pub fn scope(&self, scope: Scope) -> SharedScope<'_> {
        SharedScope::new(&self.scopes[scope.index()], &self.rest[scope.index()])
    }

    /// One scope's counters.
    #[must_use]
    pub fn live(&self, scope: Scope) -> &ScopeCounters {
        &self.live[scope.index()]
    }

    /// Tells whether TCP and UDP have the same ports, so that a port that is right for one socket
    /// is right for the other.
    #[must_use]
    #[inline]
    pub fn are_transports_alike(&self) -> bool {
        self.alike.load(Relaxed) != 0
    }

    fn compare_transports(&self) {
        let alike = [(Scope::Tcp4, Scope::Udp4), (Scope::Tcp6, Scope::Udp6)]
            .into_iter()
            .all(|(tcp, udp)| self.scope(tcp).equals(&self.scope(udp)));
        self.alike.store(alike.into(), Relaxed);
    }

    /// Tells whether ports are chosen as the system itself chooses.
    pub(crate) fn is_native(&self) -> bool {
        self.order.load(Relaxed) == Order::Native as u32 && self.seeded.load(Relaxed) == 0
    }

    /// Randomness for one request. A seed makes it a function of how many were drawn before in this
    /// scope; without one, `secret` makes it unpredictable.
    pub fn entropy(&self, scope: Scope, secret: u64) -> impl Entropy + '_ {
        let counter = &self.live[scope.index()].entropy;
        move || {
            let base = mix(self.seed().unwrap_or(secret) ^ mix(scope.index() as u64 + 1));
            mix(base.wrapping_add(counter.fetch_add(1, Relaxed)))
        }
    }

    /// Sets the order of choice.
    pub fn set_order(&self, order: Order) {
        self.order.store(order as u32, Relaxed);
    }

    /// Sets whether connections share ports.
    pub fn set_sharing(&self, sharing: Sharing) {
        self.sharing.store(sharing as u32, Relaxed);
    }

    /// Makes every choice repeatable.
    pub fn set_seed(&self, seed: u64) {
        self.seed.store(seed, Relaxed);
        self.seeded.store(1, Relaxed);
    }

    /// Sets what rresvport and bindresvport hand out.
    pub fn set_privileged(&self, range: PrivilegedRange) {
        self.privileged.store(u32::from(range.low) | u32::from(range.high) << 16, Relaxed);
        self.privileged_order.store(range.order as u32, Relaxed);
    }

    /// Sets below which port a specific bind needs privilege.
    pub fn set_unprivileged_start(&self, port: u16) {
        self.unprivileged_start.store(port.into(), Relaxed);
    }

    /// Sets which executables these rules are for. Bytes past [`MAX_GLOB`] are dropped.
    pub fn set_glob(&self, glob: &[u8]) {
        for (slot, byte) in self.glob.iter().zip(glob.iter().take(MAX_GLOB)) {
            slot.store(*byte, Relaxed);
        }
    }

    /// Tells whether these rules are for an executable called `name`. No name set means any.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        let (glob, len) = self.glob();
        len == 0 || glob_matches(&glob[..len], name)
    }

    /// Executables that these rules are for: the bytes of the name and how many there are, none for
    /// any.
    #[must_use]
    pub fn glob(&self) -> ([u8; MAX_GLOB + 1], usize) {
        let mut glob = [0u8; MAX_GLOB + 1];
        for (byte, slot) in glob.iter_mut().zip(&self.glob) {
            *byte = slot.load(Relaxed);
        }
        let len = glob.iter().position(|b| *b == 0).unwrap_or(MAX_GLOB);
        (glob, len)
    }

    /// Sums up the ports of all scopes, once they have been filled in.
    pub(crate) fn summarise(&self) {
        Scope::ALL.into_iter().for_each(|scope| self.scope(scope).summarise(&self.scope(scope.other_family())));
        self.compare_transports();
    }
}
