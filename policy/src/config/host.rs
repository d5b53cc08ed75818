//! Settings of the host that a policy depends on.

use crate::model::Preset;
use crate::ports::{PortRange, PortSet, Scope};
use core::array;

/// The settings of the host that a policy depends on, read by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// The range from which the kernel draws in each scope: on Linux
    /// `net.ipv4.ip_local_port_range` for all of them.
    pub port_ranges: [PortRange; 4],
    /// Name of that setting.
    pub range_name: &'static str,
    /// The ports that it leaves out in each: on Linux `net.ipv4.ip_local_reserved_ports`.
    pub reserved: [PortSet; 4],
    /// Name of that setting.
    pub reserved_name: &'static str,
    /// The lowest port that needs no privilege: on Linux `net.ipv4.ip_unprivileged_port_start`.
    pub unprivileged_start: u16,
}

impl HostSettings {
    /// The range of TCP over IPv4, which stands for all where there is room for one alone.
    #[must_use]
    pub const fn port_range(&self) -> PortRange {
        self.port_ranges[Scope::Tcp4.index()]
    }
}

/// A Linux kernel as it comes.
impl Default for HostSettings {
    fn default() -> Self {
        Self {
            port_ranges: [Preset::named("linux").and_then(|p| p.range).unwrap_or(PortRange::ALL); 4],
            range_name: "net.ipv4.ip_local_port_range",
            reserved: array::from_fn(|_| PortSet::new()),
            reserved_name: "net.ipv4.ip_local_reserved_ports",
            unprivileged_start: 1024,
        }
    }
}
