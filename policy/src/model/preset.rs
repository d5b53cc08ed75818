//! Presets: one table of the port models of operating systems, each with its default range, its
//! limits, its order of choice, and where that is written down.

use super::errors::Errors;
use super::freebsd::PortRanges;
use super::order::Order;
use super::reference::classes::{self, ClassRule};
use super::reference::second_bind::{Binder, SecondBind, SecondBinds};
use super::rresvport::{PrivilegedOrder, PrivilegedRange};
use super::sharing::Sharing;
use crate::ports::PortRange;

/// One operating system's port model. All of them stand in [`Preset::ALL`].
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name used on the command line and in a policy file.
    pub name: &'static str,
    /// Other names for the same model.
    pub aliases: &'static [&'static str],
    /// The default dynamic range of every scope; `None` where it is the host's own.
    pub range: Option<PortRange>,
    /// Valid values of the last port of the range, where that is a setting (`MaxUserPort`). A
    /// value outside counts as the nearest one inside.
    pub max_user_port: Option<PortRange>,
    /// Demands of the model on a dynamic range that replaces the default.
    pub dynamic: Option<DynamicLimits>,
    /// Limits within which the model allows reserving while programs run; `None` where it does so
    /// anywhere.
    pub reserve: Option<ReserveRule>,
    /// Limits within which the model allows blocking; `None` where it does so anywhere.
    pub block: Option<BlockRule>,
    /// Source that says that reservations made while programs run must keep apart, from each
    /// other and from ports in use; `None` where they may overlap.
    pub apart: Option<&'static str>,
    /// Keys of a policy for older versions of the same system, which this one ignores, each with
    /// the reason.
    pub ignored: &'static [(&'static str, &'static str)],
    /// Set if a `[linux]` section speaks of this model.
    pub sysctls: bool,
    /// The ranges that a `[freebsd]` section sets; `None` where it does not speak of this model.
    pub portrange: Option<PortRanges>,
    /// The table of classes in that system's documentation.
    pub classes: &'static [ClassRule],
    /// Ports that rresvport and bindresvport hand out.
    pub privileged: Privileged,
    /// Rules for when a second socket may bind a port; `None` where the running kernel's rule is
    /// the model's.
    pub second_binds: Option<&'static SecondBinds>,
    /// Errors of the model's own system where a port cannot be had. A program is told in the words
    /// of the system that it runs on.
    pub errors: &'static Errors,
    /// Meaning of [`Order::Native`] here; `Native` itself is the running kernel's own order.
    pub native: Order,
    /// Sharing: whether connections to different peers share a port, unless told otherwise.
    pub sharing: Sharing,
    /// One line for help.
    pub summary: &'static str,
    /// Source of the range.
    pub source: &'static str,
}

/// Demands of a model on a dynamic range.
#[derive(Debug, PartialEq, Eq)]
pub struct DynamicLimits {
    /// The smallest first port.
    pub first: u16,
    /// The smallest number of ports.
    pub count: u32,
    /// Source.
    pub source: &'static str,
}

/// Limits within which a model allows reserving: in the range up to `MaxUserPort`, and in another
/// one.
#[derive(Debug, PartialEq, Eq)]
pub struct ReserveRule {
    /// The other one.
    pub also: PortRange,
    /// Source.
    pub source: &'static str,
}

/// Limits within which a model allows blocking: from `MaxUserPort` + 1 to `last`.
#[derive(Debug, PartialEq, Eq)]
pub struct BlockRule {
    /// The highest port that may be blocked.
    pub last: u16,
    /// Source.
    pub source: &'static str,
}

/// Ports that rresvport and bindresvport hand out, and where that is written down.
#[derive(Debug, PartialEq, Eq)]
pub struct Privileged {
    /// The ports and their order.
    pub range: PrivilegedRange,
    /// Source.
    pub source: &'static str,
}

impl DynamicLimits {
    /// Of Windows Vista, Server 2008 and later.
    pub const SINCE_VISTA: Self = Self { first: 1025, count: 255, source: "KB 929851" };
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

/// Programs for Linux call libc's.
const LIBC: Privileged = Privileged { range: PrivilegedRange::LIBC, source: "glibc 2.36" };

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
    ignored: &[],
    sysctls: false,
    portrange: None,
    classes: classes::WINDOWS_2003,
    privileged: LIBC,
    second_binds: Some(&SecondBinds::UP_TO_XP),
    errors: &Errors::WINSOCK,
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
    ignored: &[],
    sysctls: true,
    portrange: None,
    classes: classes::LINUX,
    privileged: LIBC,
    second_binds: None,
    errors: &Errors::LINUX,
    native: Order::Native,
    sharing: Sharing::Tuple,
    summary: "a Linux kernel as it comes: 32768 to 60999, nothing reserved",
    source: "kernel documentation, ip-sysctl: ip_local_port_range",
};

const WINDOWS_VISTA: Preset = Preset {
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
        "windows-server-2008",
        "windows-server-2008-r2",
        "windows-server-2012",
        "windows-server-2012-r2",
        "windows-server-2016",
        "windows-server-2019",
        "windows-server-2022",
        "windows-server-2025",
    ],
    range: ports(49152, 65535),
    max_user_port: None,
    dynamic: Some(DynamicLimits::SINCE_VISTA),
    reserve: None,
    block: None,
    apart: Some("CreatePersistentTcpPortReservation"),
    ignored: &[
        ("max-user-port", "since Windows Vista and Server 2008 a dynamic range is set in its place (KB 929851)"),
        ("reserved-ports", "ReservedPorts is not implemented since Windows Vista and Server 2008 (KB 812873)"),
    ],
    sysctls: false,
    portrange: None,
    classes: classes::WINDOWS_VISTA,
    privileged: LIBC,
    second_binds: Some(&SecondBinds::SINCE_2003),
    errors: &Errors::WINSOCK,
    // A random choice is something a socket has to ask for: SO_RANDOMIZE_PORT.
    native: Order::Sequential,
    // A wildcard port is one socket's alone unless sockets ask to share
    // (SO_PORT_SCALABILITY, SO_REUSE_UNICASTPORT).
    sharing: Sharing::Exclusive,
    summary: "Windows since Vista and Server 2008: 49152 to 65535, one socket per port",
    source: "KB 929851",
};

/// The system that this is built for, with what an administrator has set there.
const HOST: Preset = if cfg!(windows) {
    Preset {
        name: "host",
        aliases: &[],
        range: None,
        dynamic: None,
        summary: "this host's own dynamic ranges and excluded ports, one socket per port",
        source: "netsh",
        ..WINDOWS_VISTA
    }
} else {
    Preset {
        name: "host",
        range: None,
        summary: "this host's own range and reserved ports",
        source: "the running kernel",
        ..LINUX
    }
};

impl Preset {
    /// The presets, the default one first, in the order in which help lists them.
    pub const ALL: &'static [Self] = &[
        HOST,
        LINUX,
        WINDOWS_XP,
        Self {
            name: "windows-2003",
            aliases: &["windows-server-2003"],
            second_binds: Some(&SecondBinds::SINCE_2003),
            ..WINDOWS_XP
        },
        Self {
            name: "windows-2003-sp1",
            aliases: &[
                "windows-2003-sp2",
                "windows-2003-r2",
                "windows-server-2003-sp1",
                "windows-server-2003-sp2",
                "windows-server-2003-r2",
            ],
            second_binds: Some(&SecondBinds::SINCE_2003),
            // Service pack 1 raised the end of what may be blocked from 49151.
            block: Some(BlockRule { last: 65535, source: CABLE_GUY }),
            summary: "as windows-2003, but ports up to 65535 may be blocked",
            ..WINDOWS_XP
        },
        WINDOWS_VISTA,
        Self {
            name: "bsd",
            aliases: &["4.4bsd"],
            range: ports(1024, 5000),
            native: Order::Sequential,
            sysctls: false,
            classes: classes::BSD,
            privileged: Privileged {
                range: PrivilegedRange { low: 513, ..PrivilegedRange::LIBC },
                source: "Stevens, UNIX Network Programming, 2.9",
            },
            summary: "the original BSD: 1024 to 5000",
            source: "Stevens, UNIX Network Programming, 2.9",
            ..LINUX
        },
        Self {
            name: "freebsd",
            range: ports(10000, 65535),
            native: Order::RandomStart,
            sysctls: false,
            portrange: Some(PortRanges::FREEBSD),
            classes: classes::FREEBSD,
            privileged: Privileged {
                range: PrivilegedRange { high: 1023, low: 600, order: PrivilegedOrder::Down },
                source: "FreeBSD ip(4): net.inet.ip.portrange.lowfirst, lowlast",
            },
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
            classes: classes::IANA,
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
        Self::ALL.iter().find(|preset| {
            preset.name.eq_ignore_ascii_case(name)
                || preset.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        })
    }

    /// Outcome of a bind of `second` to the port that `first` has, where `same_user` runs both;
    /// `None` where the running kernel's rule is the model's.
    #[must_use]
    pub fn second_bind(&self, first: Binder, second: Binder, same_user: bool) -> Option<SecondBind> {
        self.second_binds.map(|binds| binds.outcome(first, second, same_user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::errors::Fault;

    #[test]
    fn the_table() {
        let rows = [
            ("host", None, Order::Native, Sharing::Tuple),
            ("linux", ports(32768, 60999), Order::Native, Sharing::Tuple),
            ("windows-xp", ports(1025, 5000), Order::Sequential, Sharing::Exclusive),
            ("windows-2003", ports(1025, 5000), Order::Sequential, Sharing::Exclusive),
            ("windows-2003-sp1", ports(1025, 5000), Order::Sequential, Sharing::Exclusive),
            ("windows-vista", ports(49152, 65535), Order::Sequential, Sharing::Exclusive),
            ("bsd", ports(1024, 5000), Order::Sequential, Sharing::Tuple),
            ("freebsd", ports(10000, 65535), Order::RandomStart, Sharing::Tuple),
            ("iana", ports(49152, 65535), Order::RandomStart, Sharing::Tuple),
        ];
        let names: Vec<_> = Preset::ALL.iter().map(|preset| preset.name).collect();
        assert_eq!(names, rows.map(|row| row.0), "add a row here for each of Preset::ALL");
        for (name, range, native, sharing) in rows {
            let preset = Preset::named(name).unwrap();
            assert_eq!((preset.range, preset.native, preset.sharing), (range, native, sharing), "{name}");
            assert!(!preset.summary.is_empty() && !preset.source.is_empty(), "{name}");
        }
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

    #[test]
    fn each_model_speaks_its_own_system_s_language() {
        for preset in Preset::ALL {
            let winsock = preset.name.starts_with("windows");
            assert_eq!(*preset.errors, if winsock { Errors::WINSOCK } else { Errors::LINUX }, "{}", preset.name);
        }
        assert_eq!(SecondBind::InUse.error(), Errors::WINSOCK.of(Fault::Taken).number);
        assert_eq!(SecondBind::Access.error(), Errors::WINSOCK.of(Fault::Blocked).number);
    }
}
