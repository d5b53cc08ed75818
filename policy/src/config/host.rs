//! Settings of the host that a policy depends on.

use super::origin::HostSetting;
use crate::model::Preset;
use crate::ports::{PortRange, PortSet};

/// The settings of the host that a policy depends on, read by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// The range from which the kernel draws: on Linux `net.ipv4.ip_local_port_range`.
    pub port_range: PortRange,
    /// Name of that setting.
    pub range_name: HostSetting,
    /// The ports that it leaves out: on Linux `net.ipv4.ip_local_reserved_ports`.
    pub reserved: PortSet,
    /// Name of that setting.
    pub reserved_name: HostSetting,
    /// The lowest port that needs no privilege: on Linux `net.ipv4.ip_unprivileged_port_start`.
    pub unprivileged_start: u16,
}

/// A Linux kernel as it comes.
impl Default for HostSettings {
    fn default() -> Self {
        Self {
            port_range: Preset::named("linux").and_then(|p| p.range).unwrap_or(PortRange::ALL),
            range_name: HostSetting("net.ipv4.ip_local_port_range"),
            reserved: PortSet::new(),
            reserved_name: HostSetting("net.ipv4.ip_local_reserved_ports"),
            unprivileged_start: 1024,
        }
    }
}
