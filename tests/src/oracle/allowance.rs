//! The differences that cannot be removed. `docs/fidelity.md` gives the reason of each under a
//! heading of the same name.

use super::{Case, Divergence};

/// One unavoidable difference, as narrow as it can be said.
pub struct Allowance {
    /// The name, which is a heading in `docs/fidelity.md`.
    pub name: &'static str,
    /// Set if it explains this divergence under this policy.
    pub covers: fn(&Case, &Divergence) -> bool,
}

/// Every one of them.
pub const ALLOWANCES: [Allowance; 8] = [
    Allowance {
        name: "pinned-keeps-port",
        covers: |case, d| {
            pins(case, d)
                && match d.op() {
                    "unspec" => d.same_answer() && d.kept_port(),
                    "connect" => d.call.contains(" family 0 ") && d.answers("0", "0") && d.kept_port(),
                    "bind" if d.lost_port(d.slot()) => d.answer() == "EINVAL",
                    "bind" | "listen" => d.another_lost_port() && d.answers("ok", "EADDRINUSE"),
                    _ => false,
                }
        },
    },
    Allowance {
        name: "pinned-takes-port-without-route",
        covers: |case, d| {
            pins(case, d)
                && match d.op() {
                    "connect" | "sendto-fast" | "sendmsg-fast" | "sendmmsg-fast" => {
                        d.answers("ENETUNREACH", "ENETUNREACH") && d.kept_port()
                    }
                    "name" => d.found_no_route(d.slot()) && d.kept_port(),
                    "bind" => d.found_no_route(d.slot()) && d.answers("ok", "EINVAL"),
                    _ => false,
                }
        },
    },
    Allowance {
        name: "pinned-shows-reuseaddr",
        covers: |case, d| pins(case, d) && d.op() == "get" && d.call.ends_with(" reuseaddr") && d.answers("=0", "=1"),
    },
    Allowance {
        name: "pinned-admits-reuseaddr",
        covers: |case, d| {
            pins(case, d)
                && d.op() == "bind"
                && d.answers("EADDRINUSE", "ok")
                && d.has_set(d.slot(), "reuseaddr")
                && d.past().any(|(call, answer)| call.starts_with("connect") && answer.starts_with("ok"))
        },
    },
    Allowance {
        name: "pinned-connects-beside-owner",
        covers: |case, d| {
            pins(case, d)
                && d.op() == "connect"
                && d.answers("EADDRNOTAVAIL", "ok")
                && d.past().any(|(call, answer)| call.starts_with("bind") && answer.starts_with("ok"))
        },
    },
    Allowance {
        name: "pinned-never-shares-by-chance",
        covers: |case, d| {
            pins(case, d)
                && (d.has_set(d.slot(), "reuseaddr") || d.has_set(d.slot(), "reuseport"))
                && match d.op() {
                    "bind" => d.answers("ok", "EADDRINUSE"),
                    "sendto" => d.answers("1", "EAGAIN"),
                    _ => false,
                }
        },
    },
    Allowance {
        name: "pinned-takes-port-for-bad-data",
        covers: |case, d| {
            pins(case, d)
                && d.op().starts_with("send")
                && ["EFAULT", "EINVAL", "ENOBUFS"].iter().any(|errno| d.answers(errno, errno))
                && d.kept_port()
        },
    },
    Allowance {
        name: "odd-range-whole",
        covers: |case, d| {
            let count = |answer: &str| answer.split(' ').next().and_then(|n| n.parse::<u16>().ok());
            let odd = (case.range.1 - case.range.0) % 2 == 0;
            let (Some(native), Some(portshim)) = (count(&d.native), count(&d.portshim)) else { return false };
            odd && d.op() == "fill" && native + 1 == portshim
        },
    },
];

/// Tells whether the port that differs may have been bound by number.
fn pins(case: &Case, d: &Divergence) -> bool {
    case.pins() || case.pins_mptcp_alone() && d.call.contains("mptcp")
}

impl Divergence {
    /// The name of the call, whichever way it was made.
    fn op(&self) -> &str {
        op(&self.call)
    }

    fn slot(&self) -> &str {
        slot(&self.call)
    }

    fn answer(&self) -> &str {
        self.portshim.split(' ').next().unwrap_or_default()
    }

    fn same_answer(&self) -> bool {
        self.native.split(' ').next() == Some(self.answer())
    }

    fn answers(&self, native: &str, portshim: &str) -> bool {
        self.native.split(' ').next() == Some(native) && self.answer() == portshim
    }

    /// Tells whether all that differs is that the socket has no port on the bare kernel, and one of
    /// the policy under portshim.
    fn kept_port(&self) -> bool {
        self.native.strip_suffix(":-").is_some_and(|name| self.portshim.strip_suffix(":P") == Some(name))
    }

    /// The calls before this one, and what they came to.
    fn past(&self) -> impl Iterator<Item = (&str, &str)> {
        self.before.iter().filter_map(|line| line.split_once(" => "))
    }

    /// Tells whether a call on the slot has taken its port away, on the bare kernel.
    fn lost_port(&self, of: &str) -> bool {
        self.past().any(|(call, answer)| {
            let refused = answer.starts_with("ECONNREFUSED") || answer.contains("+failed");
            slot(call) == of && (refused || op(call) == "unspec" || call.starts_with("shut") && call.ends_with(" rd"))
        })
    }

    /// Tells whether that is so of another slot, which holds the socket still, or a duplicate does.
    fn another_lost_port(&self) -> bool {
        let closed = |of: &str| self.past().any(|(call, _)| op(call) == "close" && slot(call) == of);
        let duplicates = |of: &str| {
            let to = self.past().filter(move |(call, _)| op(call) == "dup" && slot(call) == of);
            to.filter_map(|(call, _)| call.split(' ').nth(2)).any(|to| !closed(to))
        };
        let held = |of: &str| !closed(of) || duplicates(of);
        self.past().map(|(call, _)| slot(call)).any(|of| of != self.slot() && self.lost_port(of) && held(of))
    }

    fn found_no_route(&self, of: &str) -> bool {
        self.past().any(|(call, answer)| slot(call) == of && answer.starts_with("ENETUNREACH"))
    }

    fn has_set(&self, of: &str, option: &str) -> bool {
        self.past().any(|(call, _)| call == format!("set {of} {option} 1"))
    }
}

fn op(call: &str) -> &str {
    call.split([' ', '/']).next().unwrap_or_default()
}

fn slot(call: &str) -> &str {
    call.split(' ').nth(1).unwrap_or_default()
}
