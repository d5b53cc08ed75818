//! Privileges of this process, and whether programs may gain some.

use nix::sys::prctl::get_no_new_privs;
use std::fs;

/// Tells whether programs may go on to gain privileges by being executed: that takes CAP_SYS_ADMIN
/// (seccomp(2)), or what is lost already cannot be lost.
pub(super) fn keeps_privileges() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    has_capability(CAP_SYS_ADMIN) && !get_no_new_privs().unwrap_or(true)
}

/// Tells whether this process has the capability of that number.
pub(super) fn has_capability(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    effective.is_some_and(|effective| effective >> number & 1 == 1)
}
