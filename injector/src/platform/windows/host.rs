//! This host's own port settings.

use super::private;
use portshim_policy::PortRange;
use portshim_policy::text::HostSettings;
use std::path::PathBuf;

/// The dynamic range that Windows begins with since Vista (KB929851).
const DYNAMIC: (u16, u16) = (49152, 65535);

/// The settings; where there is no telling, as they come.
pub(crate) fn host() -> HostSettings {
    let mut settings = HostSettings::default();
    settings.port_range = PortRange::new(DYNAMIC.0, DYNAMIC.1).unwrap_or(settings.port_range);
    settings
}

/// The usual places for a policy file, the user's before the system's.
pub(crate) fn policy_files() -> impl Iterator<Item = PathBuf> {
    let bases = ["APPDATA", "PROGRAMDATA"].into_iter().filter_map(private::variable);
    bases.map(|base| base.join("portshim").join("portshim.toml"))
}

/// Whether the kernel can be made to choose inside a range.
#[derive(Debug)]
pub(crate) struct Steering {
    /// The system's name and release.
    pub(crate) kernel: String,
    /// Whether it can.
    pub(crate) possible: bool,
}

/// What this host is called.
pub(crate) fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this host".into())
}

/// No version of Windows can.
pub(crate) fn steering() -> Steering {
    Steering { kernel: "Windows".into(), possible: false }
}
