//! This host's own port settings, and how far its kernel lets itself be steered.

use super::super::answers::Steering;
use super::directories;
use crate::messages::Failure;
use portshim_mechanism::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use portshim_mechanism::linux::kernel::{descriptors, sockets};
use portshim_policy::config::{self, HostSettings, local_port_range, reserved_ports};
use portshim_policy::ports::PortSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const SETTINGS: &str = "/proc/sys/net/ipv4";
/// Room for what a setting says, in bytes; a list of ports may take more.
const ROOM: usize = 128;
/// The policy that an administrator lays down for everybody.
const SYSTEM_POLICY: &str = "/etc/portshim/policy.toml";

/// The settings, each as the kernel has it; where there is no telling, as it comes.
pub(crate) fn host() -> HostSettings {
    let mut settings = HostSettings::default();
    if let Some(range) = setting("ip_local_port_range").and_then(|text| local_port_range(text.trim()).ok()) {
        settings.port_ranges = [range; 4];
    }
    if let Some(ports) = setting("ip_local_reserved_ports").and_then(|text| reserved_ports(text.trim()).ok()) {
        let ports: PortSet = ports.into_iter().collect();
        settings.reserved = std::array::from_fn(|_| ports.clone());
    }
    if let Some(start) = setting("ip_unprivileged_port_start").and_then(|text| text.trim().parse().ok()) {
        settings.unprivileged_start = start;
    }
    settings
}

/// The settings, as a policy file.
pub(crate) fn captured() -> Result<String, Failure> {
    Ok(format!("preset = \"linux\"\n\n{}", config::captured(setting)))
}

/// Reads what the kernel says of one setting. It says it in one go, as far as there is room, and
/// nothing to whoever asks for more (proc_do_large_bitmap in kernel/sysctl.c).
fn setting(name: &str) -> Option<String> {
    let file = File::open(format!("{SETTINGS}/{name}")).ok()?;
    let mut text = vec![0; ROOM];
    loop {
        let read = file.read_at(&mut text, 0).ok()?;
        if read < text.len() {
            text.truncate(read);
            return String::from_utf8(text).ok();
        }
        text.resize(text.len() * 16, 0);
    }
}

/// The usual places for a policy file, the user's before the system's.
pub(crate) fn policy_files() -> impl Iterator<Item = PathBuf> {
    let base =
        directories::variable("XDG_CONFIG_HOME").or_else(|| directories::variable("HOME").map(|h| h.join(".config")));
    base.map(|base| base.join("portshim/policy.toml")).into_iter().chain([SYSTEM_POLICY.into()])
}

/// Name of this host.
pub(crate) fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "this host".into(), |name| name.trim().to_owned())
}

/// Asks the running kernel.
pub(crate) fn steering() -> Steering {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Steering { kernel: format!("Linux {}", release.trim()), possible: takes_a_range() }
}

fn takes_a_range() -> bool {
    let Ok(socket) = sockets::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) else { return false };
    // No range at all: it takes an option that exists, and changes nothing.
    let taken = sockets::setsockopt(socket, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, 0_u32);
    descriptors::close(socket);
    taken.is_ok()
}
