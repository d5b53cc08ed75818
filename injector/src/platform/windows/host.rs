//! This host's own port settings.

use super::super::answers::Steering;
use super::super::windows_formats::listing;
use super::directories;
use super::netsh::{self, Question, Shown};
use crate::messages::{self, Failure};
use portshim_policy::config::{HostSetting, HostSettings, Layer};
use portshim_policy::ports::PortRange;
use std::path::PathBuf;
use std::sync::OnceLock;
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;

/// The dynamic range that Windows has since Vista, unless it is set otherwise (KB 929851).
const DYNAMIC: (u16, u16) = (49152, 65535);

/// The settings; where there is no telling, as they come.
pub(crate) fn host() -> HostSettings {
    static HOST: OnceLock<HostSettings> = OnceLock::new();
    HOST.get_or_init(|| asked(true, true)).clone()
}

/// The settings that a policy depends on, where `comes_to` tells what it comes to under given ones:
/// what changes nothing is not asked for, for that takes longer than all else that a start does.
pub(crate) fn host_for<T: PartialEq>(comes_to: impl Fn(&HostSettings) -> T) -> HostSettings {
    let plain = comes_to(&usual());
    let matters = |other: HostSettings| comes_to(&other) != plain;
    let range = matters(HostSettings { port_range: PortRange::single(DYNAMIC.0), ..usual() });
    let reserved = matters(HostSettings { reserved: PortRange::ALL.into(), ..usual() });
    if range || reserved { asked(range, reserved) } else { usual() }
}

fn usual() -> HostSettings {
    let range = PortRange::new(DYNAMIC.0, DYNAMIC.1).unwrap_or(PortRange::ALL);
    HostSettings {
        port_range: range,
        range_name: HostSetting("dynamicport"),
        reserved_name: HostSetting("excludedportrange"),
        // Low ports are no privilege on Windows.
        unprivileged_start: 0,
        ..HostSettings::default()
    }
}

/// Asks netsh for the dynamic range, of the excluded ranges, or of both. One dynamic range stands
/// for all: TCP's for IPv4.
fn asked(range: bool, reserved: bool) -> HostSettings {
    let mut settings = usual();
    let mut questions = Vec::new();
    if range {
        questions.push(Question(Shown::Dynamic, "ipv4", "tcp"));
    }
    if reserved {
        questions.extend(["tcp", "udp"].map(|transport| Question(Shown::Excluded, "ipv4", transport)));
    }
    for (question, answer) in netsh::answers(&questions) {
        match question.0 {
            Shown::Dynamic => {
                let range = listing::dynamic(&answer).and_then(|(first, count)| {
                    let last = first.checked_add(count)?.checked_sub(1)?;
                    PortRange::new(first.try_into().ok()?, last.try_into().ok()?).ok()
                });
                settings.port_range = range.unwrap_or(settings.port_range);
            }
            Shown::Excluded => {
                let ranges = listing::excluded(&answer).into_iter();
                let ranges = ranges.filter_map(|(first, last)| PortRange::new(first, last).ok());
                ranges.for_each(|range| settings.reserved.insert(range));
            }
        }
    }
    settings
}

/// The settings, as a policy file.
pub(crate) fn captured() -> Result<String, Failure> {
    let settings = netsh::transcript().ok_or_else(messages::netsh_silent)?;
    Ok(Layer::imported(settings.as_bytes(), "this host")?.to_toml())
}

/// The usual places for a policy file, the user's before the system's.
pub(crate) fn policy_files() -> impl Iterator<Item = PathBuf> {
    let bases = ["APPDATA", "PROGRAMDATA"].into_iter().filter_map(directories::variable);
    bases.map(|base| base.join("portshim").join("policy.toml"))
}

/// Name of this host.
pub(crate) fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this host".into())
}

/// No version of Windows can.
pub(crate) fn steering() -> Steering {
    let size = size_of::<OSVERSIONINFOW>() as u32;
    let mut version = OSVERSIONINFOW { dwOSVersionInfoSize: size, ..OSVERSIONINFOW::default() };
    // SAFETY: the structure outlives the call, and says how long it is.
    unsafe { RtlGetVersion(&mut version) };
    let OSVERSIONINFOW { dwMajorVersion: major, dwMinorVersion: minor, dwBuildNumber: build, .. } = version;
    Steering { kernel: format!("Windows {major}.{minor}.{build}"), possible: false }
}
