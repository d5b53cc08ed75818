//! Hurdles: parts of a policy that sockets do not keep which are limited to their ports as they are
//! made. The kernel chooses among these from then on, in its own way, and nobody else has a say.

use super::order::Order;
use super::rules::Rules;
use super::sharing::Sharing;
use crate::ports::{PortRange, PortSet, Scope, Transport};

/// The kernel's own settings, by which it chooses for such a socket.
pub struct Own<'a> {
    /// The range that it chooses from, inside which a socket can be limited.
    pub range: PortRange,
    /// The ports that it never chooses.
    pub kept: &'a PortSet,
    /// The lowest port that needs no privilege.
    pub unprivileged_start: u16,
}

/// Part of a policy that sockets limited beforehand do not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hurdle {
    /// An order of choice that is not the kernel's own.
    Order(Order),
    /// A seed: the kernel's choice does not repeat itself.
    Seed,
    /// Connections that do not share ports.
    Exclusive,
    /// Ports that may not be bound by number.
    Blocked(Scope, PortRange),
    /// A higher first port that needs no privilege.
    Privileged(u16),
    /// No port at all.
    Nothing(Scope),
    /// Ports outside the kernel's own range.
    Outside(Scope, PortRange),
    /// Ports between the others that are not handed out.
    Hole(Scope, PortRange),
    /// Ports that the kernel keeps from its own choice.
    Kept(Scope, PortRange),
    /// Other ports over IPv6 than over IPv4: an IPv6 socket may speak both.
    Families(Transport),
}

/// The first part of these rules that stands against it. With `cut`, ports in several runs do not:
/// a socket gets one of them then, and does not find what is free in another.
#[must_use]
pub fn hurdle(rules: &Rules, own: &Own<'_>, cut: bool) -> Option<Hurdle> {
    if rules.seed.is_some() {
        return Some(Hurdle::Seed);
    }
    if rules.order != Order::Native {
        return Some(Hurdle::Order(rules.order));
    }
    if rules.sharing == Sharing::Exclusive {
        return Some(Hurdle::Exclusive);
    }
    if let Some(start) = rules.unprivileged_start.filter(|start| *start > own.unprivileged_start) {
        return Some(Hurdle::Privileged(start));
    }
    let unlike = |scope: Scope| {
        let other = scope.other_family();
        (rules.scope(scope).allowed() != rules.scope(other).allowed()).then(|| Hurdle::Families(scope.transport()))
    };
    Scope::ALL.into_iter().find_map(|scope| in_scope(rules, scope, own, cut).or_else(|| unlike(scope)))
}

fn in_scope(rules: &Rules, scope: Scope, own: &Own<'_>, cut: bool) -> Option<Hurdle> {
    if let Some(blocked) = rules.scope(scope).blocked.runs().next() {
        return Some(Hurdle::Blocked(scope, blocked));
    }
    let allowed = rules.scope(scope).allowed();
    let Some(hull) = hull(&allowed) else { return Some(Hurdle::Nothing(scope)) };
    let mut outside = allowed.clone();
    outside.remove(own.range);
    let mut holes = PortSet::new();
    holes.insert(hull);
    holes.subtract(&allowed);
    // What the kernel leaves out by itself is no hole.
    holes.subtract(own.kept);
    let mut kept = own.kept.clone();
    let mut left = kept.clone();
    left.subtract(&allowed);
    kept.subtract(&left);
    let first = |set: &PortSet| set.runs().next();
    first(&outside)
        .map(|ports| Hurdle::Outside(scope, ports))
        .or_else(|| first(&holes).filter(|_| !cut).map(|ports| Hurdle::Hole(scope, ports)))
        .or_else(|| first(&kept).map(|ports| Hurdle::Kept(scope, ports)))
}

/// From the first port to the last.
fn hull(set: &PortSet) -> Option<PortRange> {
    let (first, last) = (set.runs().next()?, set.runs().last()?);
    PortRange::new(first.first(), last.last()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScopeRules;

    fn set(text: &str) -> PortSet {
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| crate::ports::spec::range(part, 0).unwrap()).collect()
    }

    fn rules(dynamic: &str, reserved: &str, blocked: &str) -> Rules {
        let scope = || ScopeRules { dynamic: set(dynamic), reserved: set(reserved), blocked: set(blocked) };
        Rules::native(std::array::from_fn(|_| scope()))
    }

    fn met(rules: &Rules, kept: &str) -> Option<Hurdle> {
        let own = Own { range: ports(32768, 60999), kept: &set(kept), unprivileged_start: 1024 };
        hurdle(rules, &own, false)
    }

    fn ports(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    #[test]
    fn one_run_inside_the_kernels_range_is_kept() {
        for (dynamic, reserved, kept) in [
            ("32768-60999", "", ""),
            ("40000-40009", "1-39999", ""),
            ("40000", "", "41000"),
            ("40000-40009", "40005-40009", ""),
            // What the policy has from the kernel's own settings, the kernel leaves out itself.
            ("40000-40009", "40003,40007", "40003,40007"),
        ] {
            assert_eq!(met(&rules(dynamic, reserved, ""), kept), None, "{dynamic} without {reserved}");
        }
    }

    #[test]
    fn the_first_part_in_the_way_is_named() {
        let plain = || rules("40000-40009", "", "");
        assert_eq!(
            met(&rules("40000-40009", "40004-40005", ""), ""),
            Some(Hurdle::Hole(Scope::Tcp4, ports(40004, 40005)))
        );
        assert_eq!(met(&rules("40000-40009", "", "9"), ""), Some(Hurdle::Blocked(Scope::Tcp4, ports(9, 9))));
        assert_eq!(met(&rules("30000-40009", "", ""), ""), Some(Hurdle::Outside(Scope::Tcp4, ports(30000, 32767))));
        assert_eq!(met(&plain(), "40001"), Some(Hurdle::Kept(Scope::Tcp4, ports(40001, 40001))));
        assert_eq!(met(&rules("40000", "40000", ""), ""), Some(Hurdle::Nothing(Scope::Tcp4)));
        assert_eq!(met(&Rules { seed: Some(1), ..plain() }, ""), Some(Hurdle::Seed));
        assert_eq!(met(&Rules { order: Order::Hash, ..plain() }, ""), Some(Hurdle::Order(Order::Hash)));
        assert_eq!(met(&Rules { sharing: Sharing::Exclusive, ..plain() }, ""), Some(Hurdle::Exclusive));
        for (start, is_met) in [(1024, false), (2000, true)] {
            let met = met(&Rules { unprivileged_start: Some(start), ..plain() }, "");
            assert_eq!(met, is_met.then_some(Hurdle::Privileged(start)));
        }
        let own = Own { range: ports(32768, 60999), kept: &set("40001"), unprivileged_start: 1024 };
        assert_eq!(
            hurdle(&rules("40000-40009", "40004", ""), &own, true),
            Some(Hurdle::Kept(Scope::Tcp4, ports(40001, 40001)))
        );
        assert_eq!(hurdle(&rules("40002-40009", "40004", ""), &own, true), None);
        let mut unlike = plain();
        unlike.scopes[Scope::Udp6.index()].dynamic = set("40000-40008");
        assert_eq!(met(&unlike, ""), Some(Hurdle::Families(Transport::Udp)));
    }
}
