//! This host's own port settings.

use super::super::answers::Steering;
use super::super::windows_formats::listing;
use super::directories;
use super::netsh::{self, Question};
use crate::messages::{self, Failure};
use portshim_policy::config::{HostSettings, Layer, Problem};
use portshim_policy::netsh::Object;
use portshim_policy::ports::{PortRange, PortSet};
use std::path::PathBuf;
use std::sync::OnceLock;
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;

/// The dynamic range that Windows has since Vista, unless it is set otherwise (KB 929851).
const DYNAMIC: (u16, u16) = (49152, 65535);

/// The settings; where there is no telling, as they come.
pub(crate) fn host() -> HostSettings {
    static HOST: OnceLock<HostSettings> = OnceLock::new();
    HOST.get_or_init(|| asked(&Question::all().collect::<Vec<_>>()).0).clone()
}

/// The settings that a policy depends on, where `comes_to` tells what it comes to under given ones:
/// what changes nothing is not asked for, for that takes longer than all else that a start does.
/// With it a warning, where there is no telling.
pub(crate) fn host_for<T: PartialEq>(comes_to: impl Fn(&HostSettings) -> T) -> (HostSettings, Option<Problem>) {
    let plain = comes_to(&usual());
    let matters = |Question { shown, scope }: &Question| {
        let mut other = usual();
        match shown {
            Object::DynamicPort => other.port_ranges[scope.index()] = PortRange::single(DYNAMIC.0),
            Object::ExcludedPortRange => other.reserved[scope.index()] = PortRange::ALL.into(),
        }
        comes_to(&other) != plain
    };
    asked(&Question::all().filter(matters).collect::<Vec<_>>())
}

fn usual() -> HostSettings {
    let range = PortRange::new(DYNAMIC.0, DYNAMIC.1).unwrap_or(PortRange::ALL);
    HostSettings {
        port_ranges: [range; 4],
        range_name: "dynamicport",
        reserved_name: "excludedportrange",
        // Low ports are no privilege on Windows.
        unprivileged_start: 0,
        ..HostSettings::default()
    }
}

/// Asks netsh, and warns where it does not tell. Where it does not of IPv6, which a host may not
/// have, what it tells of IPv4 holds.
fn asked(questions: &[Question]) -> (HostSettings, Option<Problem>) {
    let mut settings = usual();
    let mut warning = None;
    if questions.is_empty() {
        return (settings, warning);
    }
    let (answers, in_time) = netsh::answers(questions);
    let mut told = Vec::new();
    for (question, answer) in answers {
        let Question { shown, scope } = question;
        let asked_before = || told.contains(&(shown, scope.other_family()));
        let (here, there) = (scope.index(), scope.other_family().index());
        let heard = match shown {
            Object::DynamicPort => range(&answer).map(|range| settings.port_ranges[here] = range).is_some(),
            Object::ExcludedPortRange => excluded(&answer).map(|ports| settings.reserved[here] = ports).is_some(),
        };
        if heard {
            told.push((shown, scope));
        } else if in_time && asked_before() {
            match shown {
                Object::DynamicPort => settings.port_ranges[here] = settings.port_ranges[there],
                Object::ExcludedPortRange => settings.reserved[here] = settings.reserved[there].clone(),
            }
        } else {
            let limit = (!in_time).then_some(netsh::LIMIT);
            warning.get_or_insert_with(|| messages::netsh_unheard(&question.words(), limit));
        }
    }
    (settings, warning)
}

fn range(answer: &str) -> Option<PortRange> {
    let (first, count) = listing::dynamic(answer)?;
    let last = first.checked_add(count)?.checked_sub(1)?;
    PortRange::new(first.try_into().ok()?, last.try_into().ok()?).ok()
}

/// The excluded ports; `None` where there is no answer, for one without any port has a heading.
fn excluded(answer: &str) -> Option<PortSet> {
    let ranges = listing::excluded(answer).into_iter();
    let ports = ranges.filter_map(|(first, last)| PortRange::new(first, last).ok()).collect();
    (!answer.trim().is_empty()).then_some(ports)
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
