//! The differences that cannot be removed. `docs/fidelity.md` gives the reason of each under a
//! heading of the same name.

use super::{Case, Divergence};

/// One unavoidable difference, as narrow as it can be said.
pub struct Allowance {
    /// The name, which is a heading in `docs/fidelity.md`.
    pub name: &'static str,
    /// Whether it explains this divergence under this policy.
    pub covers: fn(&Case, &Divergence) -> bool,
}

/// Every one of them.
pub const ALLOWANCES: [Allowance; 3] = [
    Allowance {
        name: "pinned-keeps-port-after-unspec",
        covers: |case, d| case.pins() && d.is("unspec") && d.same_answer() && d.kept_port(),
    },
    Allowance {
        name: "pinned-takes-port-without-route",
        covers: |case, d| case.pins() && d.connects() && d.answers("ENETUNREACH") && d.kept_port(),
    },
    Allowance {
        name: "pinned-shows-reuseaddr",
        covers: |case, d| {
            case.pins() && d.is("get") && d.call.ends_with(" reuseaddr") && (&*d.native, &*d.portshim) == ("=0", "=1")
        },
    },
];

impl Divergence {
    /// Whether the call is one of that name, whichever way it is made.
    fn is(&self, call: &str) -> bool {
        self.call.split([' ', '/']).next() == Some(call)
    }

    /// Whether the call connects, with TCP Fast Open or without.
    fn connects(&self) -> bool {
        ["connect", "sendto-fast", "sendmsg-fast", "sendmmsg-fast"].into_iter().any(|call| self.is(call))
    }

    fn same_answer(&self) -> bool {
        self.native.split(' ').next() == self.portshim.split(' ').next()
    }

    /// Whether both sides answer this.
    fn answers(&self, answer: &str) -> bool {
        self.same_answer() && self.native.split(' ').next() == Some(answer)
    }

    /// Whether all that differs is that the socket has no port on the bare kernel, and one of the policy
    /// under portshim.
    fn kept_port(&self) -> bool {
        self.native.strip_suffix(":-").is_some_and(|name| self.portshim.strip_suffix(":P") == Some(name))
    }
}
