//! Presets: one table of the port models of operating systems, each with its default range, its
//! limits, its order of choice, and where that is written down.

use crate::{Order, PortRange, Sharing};

/// One operating system's port model. All of them stand in [`Preset::ALL`].
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name used on the command line and in a policy file.
    pub name: &'static str,
    /// Other names for the same model.
    pub aliases: &'static [&'static str],
    /// The default dynamic range of every scope; `None` where it is the host's own.
    pub range: Option<PortRange>,
    /// Where the last port of the range is a setting (`MaxUserPort`): the values that are valid. A
    /// value outside counts as the nearest one inside.
    pub max_user_port: Option<PortRange>,
    /// What the model asks of a dynamic range that replaces the default.
    pub dynamic: Option<DynamicLimits>,
    /// Where the model allows reserving while programs run; `None` where it does so anywhere.
    pub reserve: Option<ReserveRule>,
    /// Where the model allows blocking; `None` where it does so anywhere.
    pub block: Option<BlockRule>,
    /// Where it is written down that reservations made while programs run must keep apart, from each
    /// other and from ports in use; `None` where they may overlap.
    pub apart: Option<&'static str>,
    /// Whether a `[linux]` section speaks of this model.
    pub sysctls: bool,
    /// What [`Order::Native`] means here; `Native` itself is the running kernel's own order.
    pub native: Order,
    /// Whether connections to different peers share a port, unless told otherwise.
    pub sharing: Sharing,
    /// One line for help.
    pub summary: &'static str,
    /// Where the range comes from.
    pub source: &'static str,
}

/// What a model asks of a dynamic range.
#[derive(Debug, PartialEq, Eq)]
pub struct DynamicLimits {
    /// The smallest first port.
    pub first: u16,
    /// The smallest number of ports.
    pub count: u32,
    /// Where that is written down.
    pub source: &'static str,
}

/// Where a model allows reserving: in the range up to `MaxUserPort`, and in another one.
#[derive(Debug, PartialEq, Eq)]
pub struct ReserveRule {
    /// The other one.
    pub also: PortRange,
    /// Where that is written down.
    pub source: &'static str,
}

/// Where a model allows blocking: from `MaxUserPort` + 1 to `last`.
#[derive(Debug, PartialEq, Eq)]
pub struct BlockRule {
    /// The highest port that may be blocked.
    pub last: u16,
    /// Where that is written down.
    pub source: &'static str,
}

const fn ports(first: u16, last: u16) -> Option<PortRange> {
    match PortRange::new(first, last) {
        Ok(range) => Some(range),
        Err(_) => panic!("a preset's range is reversed"),
    }
}

/// Values of `MaxUserPort` that Windows takes as they are (KB 196271).
const MAX_USER_PORT: Option<PortRange> = ports(5000, 65534);
const CABLE_GUY: &str = "The Cable Guy, December 2005";

const WINDOWS_XP: Preset = Preset {
    name: "windows-xp",
    aliases: &["windows-2000"],
    range: ports(1025, 5000),
    max_user_port: MAX_USER_PORT,
    dynamic: None,
    reserve: match ports(49152, 65535) {
        Some(also) => Some(ReserveRule { also, source: CABLE_GUY }),
        None => None,
    },
    block: Some(BlockRule { last: 49151, source: CABLE_GUY }),
    apart: None,
    sysctls: false,
    native: Order::Sequential,
    sharing: Sharing::Exclusive,
    summary: "1025 to MaxUserPort (5000), one socket per port",
    source: "KB 196271, KB 929851",
};

const LINUX: Preset = Preset {
    name: "linux",
    aliases: &[],
    range: ports(32768, 60999),
    max_user_port: None,
    dynamic: None,
    reserve: None,
    block: None,
    apart: None,
    sysctls: true,
    native: Order::Native,
    sharing: Sharing::Tuple,
    summary: "a Linux kernel as it comes: 32768 to 60999, nothing reserved",
    source: "kernel documentation, ip-sysctl: ip_local_port_range",
};

impl Preset {
    /// The presets, the default one first, in the order in which help lists them.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "host",
            range: None,
            summary: "this host's own range and reserved ports",
            source: "the running kernel",
            ..LINUX
        },
        LINUX,
        WINDOWS_XP,
        Self { name: "windows-2003", aliases: &[], ..WINDOWS_XP },
        Self {
            name: "windows-2003-sp1",
            aliases: &["windows-2003-sp2", "windows-2003-r2"],
            // Service pack 1 raised the end of what may be blocked from 49151.
            block: Some(BlockRule { last: 65535, source: CABLE_GUY }),
            summary: "as windows-2003, but ports up to 65535 may be blocked",
            ..WINDOWS_XP
        },
        Self {
            name: "windows-vista",
            aliases: &[
                "windows-7",
                "windows-8",
                "windows-8.1",
                "windows-10",
                "windows-11",
                "windows-2008",
                "windows-2008-r2",
                "windows-2012",
                "windows-2012-r2",
                "windows-2016",
                "windows-2019",
                "windows-2022",
                "windows-2025",
            ],
            range: ports(49152, 65535),
            max_user_port: None,
            dynamic: Some(DynamicLimits { first: 1025, count: 255, source: "KB 929851" }),
            reserve: None,
            block: None,
            apart: Some("CreatePersistentTcpPortReservation"),
            sysctls: false,
            // A random choice is something a socket has to ask for: SO_RANDOMIZE_PORT.
            native: Order::Sequential,
            // A wildcard port is one socket's alone unless sockets ask to share
            // (SO_PORT_SCALABILITY, SO_REUSE_UNICASTPORT).
            sharing: Sharing::Exclusive,
            summary: "Windows since Vista and Server 2008: 49152 to 65535, one socket per port",
            source: "KB 929851",
        },
        Self {
            name: "bsd",
            aliases: &["4.4bsd"],
            range: ports(1024, 5000),
            native: Order::Sequential,
            sysctls: false,
            summary: "the original BSD: 1024 to 5000",
            source: "Stevens, UNIX Network Programming, 2.9",
            ..LINUX
        },
        Self {
            name: "freebsd",
            range: ports(10000, 65535),
            native: Order::RandomStart,
            sysctls: false,
            summary: "FreeBSD as it comes: 10000 to 65535 from a random start",
            source: "FreeBSD netinet/in.h: IPPORT_EPHEMERALFIRST",
            ..LINUX
        },
        Self {
            name: "iana",
            aliases: &["rfc6335"],
            range: ports(49152, 65535),
            native: Order::RandomStart,
            sysctls: false,
            summary: "the ports that IANA never assigns: 49152 to 65535",
            source: "RFC 6335 section 6, RFC 6056 section 3.3.1",
            ..LINUX
        },
    ];

    /// The preset that holds where none is named: `host`.
    #[must_use]
    pub fn host() -> &'static Self {
        &Self::ALL[0]
    }

    /// The preset with this name or alias.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|preset| preset.name == name || preset.aliases.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        for (name, range, native, sharing) in [
            ("host", None, Order::Native, Sharing::Tuple),
            ("linux", ports(32768, 60999), Order::Native, Sharing::Tuple),
            ("windows-xp", ports(1025, 5000), Order::Sequential, Sharing::Exclusive),
            ("windows-2003", ports(1025, 5000), Order::Sequential, Sharing::Exclusive),
            ("windows-2003-sp1", ports(1025, 5000), Order::Sequential, Sharing::Exclusive),
            ("windows-vista", ports(49152, 65535), Order::Sequential, Sharing::Exclusive),
            ("bsd", ports(1024, 5000), Order::Sequential, Sharing::Tuple),
            ("freebsd", ports(10000, 65535), Order::RandomStart, Sharing::Tuple),
            ("iana", ports(49152, 65535), Order::RandomStart, Sharing::Tuple),
        ] {
            let preset = Preset::named(name).unwrap();
            assert_eq!((preset.range, preset.native, preset.sharing), (range, native, sharing), "{name}");
            assert!(!preset.summary.is_empty() && !preset.source.is_empty(), "{name}");
        }
        assert_eq!(Preset::ALL.len(), 9);
        assert_eq!(Preset::host().name, "host");
    }

    #[test]
    fn no_name_stands_for_two_presets() {
        let mut names: Vec<_> = Preset::ALL.iter().flat_map(|p| p.aliases.iter().copied().chain([p.name])).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(Preset::named("windows-10").map(|p| p.name), Some("windows-vista"));
        assert_eq!(Preset::named("windows-95"), None);
    }

    #[test]
    fn max_user_port_governs_the_2003_models_alone() {
        for preset in Preset::ALL {
            let expected = preset.name.starts_with("windows-2003") || preset.name == "windows-xp";
            assert_eq!(preset.max_user_port, expected.then_some(ports(5000, 65534)).flatten(), "{}", preset.name);
            assert_eq!(preset.block.is_some(), expected, "{}", preset.name);
        }
    }
}
