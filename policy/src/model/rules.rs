//! Result of a policy once every source has been heard: the rules a session is run by.

use super::order::Order;
use super::rresvport::PrivilegedRange;
use super::sharing::Sharing;
use crate::ports::{PortSet, Scope};

/// One scope's ports. A wildcard bind is served from `dynamic` less `reserved` less `blocked`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeRules {
    /// Ports that may be handed out.
    pub dynamic: PortSet,
    /// Ports that never are; a specific bind still succeeds.
    pub reserved: PortSet,
    /// Ports that are never handed out and may not be bound by number either.
    pub blocked: PortSet,
}

impl ScopeRules {
    /// The ports that a wildcard bind may get.
    #[must_use]
    pub fn allowed(&self) -> PortSet {
        let mut set = self.dynamic.clone();
        set.subtract(&self.reserved);
        set.subtract(&self.blocked);
        set
    }

    /// Tells whether there is none that a wildcard bind may get.
    #[must_use]
    pub fn allows_none(&self) -> bool {
        let (reserved, blocked) = (self.reserved.words(), self.blocked.words());
        let mut words = self.dynamic.words().iter().zip(reserved).zip(blocked);
        words.all(|((dynamic, reserved), blocked)| dynamic & !reserved & !blocked == 0)
    }
}

/// The rules for one program, complete: nothing is left to a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Executables that these rules are for, as a glob over the file's name; `None` is everything
    /// that no earlier entry matched.
    pub matches: Option<String>,
    /// The order of choice. [`Order::Native`] here means the running kernel's own.
    pub order: Order,
    /// Sharing: whether connections share ports.
    pub sharing: Sharing,
    /// Makes every choice repeatable; without it choices are random.
    pub seed: Option<u64>,
    /// Ports that rresvport and bindresvport hand out.
    pub privileged: PrivilegedRange,
    /// Below this port a specific bind needs CAP_NET_BIND_SERVICE; `None` leaves that to the
    /// kernel.
    pub unprivileged_start: Option<u16>,
    /// Indexed by [`Scope::index`].
    pub scopes: [ScopeRules; 4],
}

impl Rules {
    /// Rules for every program that choose as the kernel does.
    #[cfg(test)]
    pub(crate) fn native(scopes: [ScopeRules; 4]) -> Self {
        Self {
            matches: None,
            order: Order::Native,
            sharing: Sharing::Tuple,
            seed: None,
            privileged: PrivilegedRange::LIBC,
            unprivileged_start: None,
            scopes,
        }
    }

    /// The ports of one scope.
    #[must_use]
    pub fn scope(&self, scope: Scope) -> &ScopeRules {
        &self.scopes[scope.index()]
    }
}
