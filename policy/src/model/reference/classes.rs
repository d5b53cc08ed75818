//! Tables of the classes into which each model divides the ports, as that system's documentation
//! does.

use crate::model::restriction::Restriction;
use crate::ports::PortRange;

/// A row of a model's table.
#[derive(Debug, PartialEq, Eq)]
pub struct ClassRule {
    pub(in crate::model) name: &'static str,
    pub(in crate::model) extent: Extent,
    pub(in crate::model) what: &'static str,
    pub(in crate::model) source: &'static str,
}

/// Ports that belong to a class.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::model) enum Extent {
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
    Restrictable(Restriction),
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
    row("reservable", Extent::Restrictable(Restriction::Reserve), "may be kept from wildcard binds", CABLE_GUY),
    row(
        "blockable",
        Extent::Restrictable(Restriction::Block),
        "may be kept from the specific binds of others",
        CABLE_GUY,
    ),
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

/// Classes of IANA: what it assigns, and what it never does.
pub(crate) const IANA: &[ClassRule] = &[
    row("system", fixed(0, 1023), "assigned by IANA, after a review by the IETF", RFC_6335),
    row("user", fixed(1024, 49151), "assigned by IANA, on request", RFC_6335),
    row("dynamic", Extent::Ephemeral, "never assigned; wildcard binds get one of these", RFC_6335),
    row("specific", Extent::Specific, SPECIFIC, RFC_6335),
];
