//! The classes into which a model divides the ports, as the tables in that system's documentation do.

use crate::privileged::{PrivilegedOrder, PrivilegedRange};
use crate::spec;
use crate::{Act, Effective, Model, Order, PortRange, PortSet, Scope, ScopeSet, grouped};

/// A class of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What the documentation calls it.
    pub name: &'static str,
    /// Where it is these ports.
    pub scopes: ScopeSet,
    /// The ports.
    pub ports: PortSet,
    /// What they are there for.
    pub what: String,
    /// Where that is written down.
    pub source: &'static str,
}

/// A row of a model's table.
#[derive(Debug, PartialEq, Eq)]
pub struct ClassRule {
    name: &'static str,
    extent: Extent,
    what: &'static str,
    source: &'static str,
}

/// Which ports belong to a class.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    /// Always these.
    Fixed(PortRange),
    /// Those that the model's own settings make dynamic.
    Ephemeral,
    /// Those above these.
    Above,
    /// Those that the policy makes dynamic: where the model lets each scope be set.
    Dynamic,
    /// Those among which a dynamic range may be set.
    Settable,
    /// Those that wildcard binds skip.
    Reserved,
    /// Those that specific binds may name.
    Specific,
    /// Those for which an act is legal at run time.
    Legal(Act),
    /// Those below which a specific bind needs privilege.
    Privileged,
    /// FreeBSD's high range.
    High,
    /// FreeBSD's low range.
    Low,
}

const fn fixed(first: u16, last: u16) -> Extent {
    match PortRange::new(first, last) {
        Ok(range) => Extent::Fixed(range),
        Err(_) => panic!("a class's range is reversed"),
    }
}

const fn row(name: &'static str, extent: Extent, what: &'static str, source: &'static str) -> ClassRule {
    ClassRule { name, extent, what, source }
}

const CABLE_GUY: &str = "The Cable Guy, December 2005";
const RFC_6335: &str = "RFC 6335 section 6";
const STEVENS: &str = "Stevens, UNIX Network Programming, 2.9";
const WILDCARD: &str = "wildcard binds get one of these";
const SPECIFIC: &str = "specific binds may name these";

/// Windows up to Server 2003.
pub(crate) const WINDOWS_2003: &[ClassRule] = &[
    row("well known", fixed(0, 1023), "assigned by IANA", RFC_6335),
    row("ephemeral", Extent::Ephemeral, "wildcard binds get one of these, for TCP as for UDP", CABLE_GUY),
    row("specific", Extent::Specific, SPECIFIC, CABLE_GUY),
    row("reservable", Extent::Legal(Act::Reserve), "may be kept from wildcard binds", CABLE_GUY),
    row("blockable", Extent::Legal(Act::Block), "may be kept from the specific binds of others", CABLE_GUY),
];

/// Windows since Vista.
pub(crate) const WINDOWS_VISTA: &[ClassRule] = &[
    row("well known", fixed(0, 1023), "assigned by IANA", RFC_6335),
    row("registered", fixed(1024, 49151), "assigned by IANA", RFC_6335),
    row("dynamic", Extent::Dynamic, WILDCARD, "KB 929851: netsh int ipv4 set dynamicport"),
    row("settable", Extent::Settable, "where a dynamic range may lie", "KB 929851"),
    row("excluded", Extent::Reserved, "wildcard binds skip these", "netsh int ipv4 show excludedportrange"),
    row("specific", Extent::Specific, SPECIFIC, "Microsoft, bind function"),
];

/// Linux.
pub(crate) const LINUX: &[ClassRule] = &[
    row(
        "privileged",
        Extent::Privileged,
        "specific binds need CAP_NET_BIND_SERVICE",
        "ip-sysctl: ip_unprivileged_port_start",
    ),
    row("local", Extent::Ephemeral, WILDCARD, "ip-sysctl: ip_local_port_range"),
    row("reserved", Extent::Reserved, "wildcard binds skip these", "ip-sysctl: ip_local_reserved_ports"),
    row("specific", Extent::Specific, SPECIFIC, "bind(2)"),
];

/// The original BSD.
pub(crate) const BSD: &[ClassRule] = &[
    row("reserved", fixed(1, 1023), "specific binds need root", STEVENS),
    row("ephemeral", Extent::Ephemeral, WILDCARD, STEVENS),
    row("servers", Extent::Above, "for servers that need no privilege", STEVENS),
    row("specific", Extent::Specific, SPECIFIC, STEVENS),
];

/// FreeBSD.
pub(crate) const FREEBSD: &[ClassRule] = &[
    row(
        "privileged",
        fixed(0, 1023),
        "specific binds need root",
        "FreeBSD ip(4): net.inet.ip.portrange.reservedlow, reservedhigh",
    ),
    row("default", Extent::Ephemeral, WILDCARD, "FreeBSD ip(4): net.inet.ip.portrange.first, last"),
    row(
        "high",
        Extent::High,
        "for IP_PORTRANGE_HIGH, which no program on Linux can ask for",
        "FreeBSD ip(4): net.inet.ip.portrange.hifirst, hilast",
    ),
    row(
        "low",
        Extent::Low,
        "for IP_PORTRANGE_LOW, as rresvport and bindresvport",
        "FreeBSD ip(4): net.inet.ip.portrange.lowfirst, lowlast",
    ),
    row("specific", Extent::Specific, SPECIFIC, "FreeBSD bind(2)"),
];

/// What IANA assigns, and what it never does.
pub(crate) const IANA: &[ClassRule] = &[
    row("system", fixed(0, 1023), "assigned by IANA, after a review by the IETF", RFC_6335),
    row("user", fixed(1024, 49151), "assigned by IANA, on request", RFC_6335),
    row("dynamic", Extent::Ephemeral, "never assigned; wildcard binds get one of these", RFC_6335),
    row("specific", Extent::Specific, SPECIFIC, RFC_6335),
];

impl Model {
    /// The classes under the settings of this model and `rules`, then the ports of rresvport and bindresvport. A class
    /// that is not the same in all scopes comes once for each set of scopes in which it is any.
    #[must_use]
    pub fn classes(&self, rules: &Effective) -> Vec<Class> {
        let mut classes = Vec::new();
        for rule in self.preset.classes {
            let mut parts = grouped(Scope::ALL, |scope| self.extent(&rule.extent, rules, scope));
            if parts.len() > 1 {
                parts.retain(|(_, ports)| !ports.is_empty());
            }
            classes.extend(parts.into_iter().map(|(scopes, ports)| Class {
                name: rule.name,
                scopes: scopes.into_iter().collect(),
                ports,
                what: self.what(rule, rules),
                source: rule.source,
            }));
        }
        let range = rules.privileged;
        for (name, what) in [("rresvport", downwards(range)), ("bindresvport", upwards(range))] {
            classes.push(Class {
                name,
                scopes: ScopeSet::ALL,
                ports: PortRange::new(range.low, range.high).into_iter().collect(),
                what,
                source: self.preset.privileged.source,
            });
        }
        classes
    }

    fn extent(&self, extent: &Extent, rules: &Effective, scope: Scope) -> PortSet {
        let rules = rules.scope(scope);
        let above = |port: u16| port.checked_add(1).and_then(|first| PortRange::new(first, u16::MAX).ok());
        let one = match extent {
            Extent::Fixed(range) => Some(*range),
            Extent::Ephemeral => Some(self.range),
            Extent::Above => above(self.range.last()),
            Extent::Dynamic => return rules.dynamic.clone(),
            Extent::Settable => (self.preset.dynamic.as_ref()).and_then(|l| PortRange::new(l.first, u16::MAX).ok()),
            Extent::Reserved => return rules.reserved.clone(),
            Extent::Specific => {
                let mut ports = PortSet::from(PortRange::ALL);
                ports.subtract(&rules.blocked);
                return ports;
            }
            Extent::Legal(act) => return self.legal().intervals(*act).collect(),
            Extent::Privileged => self.unprivileged_start.checked_sub(1).and_then(|last| PortRange::new(0, last).ok()),
            Extent::High => self.portrange.map(|p| p.high()),
            Extent::Low => self.portrange.map(|p| p.low()),
        };
        one.into_iter().collect()
    }

    fn what(&self, rule: &ClassRule, rules: &Effective) -> String {
        if rule.extent == Extent::Ephemeral
            && let Some(instead) = self.instead(rules)
        {
            return format!("{}; here the policy hands out {instead}", rule.what);
        }
        let more = match rule.extent {
            Extent::Settable => self.preset.dynamic.as_ref().map(|l| format!(", of {} ports or more", l.count)),
            Extent::Ephemeral if self.portrange.is_some() => Some(match self.order() {
                Order::RandomStart => ", from a random start upwards".to_owned(),
                Order::Descending => ", counting downwards".to_owned(),
                _ => ", counting upwards".to_owned(),
            }),
            _ => None,
        };
        format!("{}{}", rule.what, more.unwrap_or_default())
    }

    /// What the policy hands out in place of the range that the model's own settings make.
    fn instead(&self, rules: &Effective) -> Option<String> {
        let own = PortSet::from(self.range);
        let parts = grouped(Scope::ALL, |scope| &rules.scope(scope).dynamic);
        let others = parts.into_iter().filter(|(_, ports)| **ports != own);
        let written = others.map(|(scopes, ports)| spec::written(ports, &scopes.into_iter().collect::<ScopeSet>()));
        let written: Vec<_> = written.collect();
        (!written.is_empty()).then(|| written.join(" "))
    }
}

/// The order of rresvport.
fn downwards(range: PrivilegedRange) -> String {
    let PrivilegedRange { high, low, order } = range;
    match order {
        PrivilegedOrder::Libc | PrivilegedOrder::Down => format!("from {high} downwards"),
        PrivilegedOrder::Up => format!("from {low} upwards"),
    }
}

/// The order of bindresvport.
fn upwards(range: PrivilegedRange) -> String {
    match range.order {
        PrivilegedOrder::Libc => {
            let base = range.base();
            let below = if range.low < base { format!(", then {} to {}", range.low, base - 1) } else { String::new() };
            format!("from {base} + process % {} upwards, then from {base}{below}", range.high - base + 1)
        }
        PrivilegedOrder::Down | PrivilegedOrder::Up => downwards(range),
    }
}
