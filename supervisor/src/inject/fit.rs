//! Processes that the guest may come into, as they are when they ask for a program.

use crate::client::field;
use std::fs;

const CAP_SYS_PTRACE: u32 = 19;

/// Limits that the guest's memory counts for: where one is set, nobody knows how much of it the
/// program needs.
const LIMITS: [&str; 2] = ["Max data size", "Max address space"];

/// What is asked of processes.
pub(super) struct Fit {
    /// Number of filters that a process has which has not forbidden itself anything.
    filters: Option<u32>,
    /// What this process traces may gain privileges nevertheless.
    keeps_privileges: bool,
}

impl Fit {
    /// A process that has come of this one, and is under one filter more: that which tells of
    /// calls.
    pub(super) fn as_this_process() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = field(&status, "CapEff:").and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
        Self {
            filters: filters(&status).map(|filters| filters + 1),
            keeps_privileges: effective >> CAP_SYS_PTRACE & 1 == 1,
        }
    }

    /// Tells whether the guest may come into the program that this thread becomes: no filter
    /// forbids the guest's calls, no limit is reached because of it, no privilege is lost, and no
    /// signal ceases to be ignored.
    pub(super) fn is(&self, thread: u32) -> bool {
        let read = |what: &str| fs::read_to_string(format!("/proc/{thread}/{what}")).ok();
        let Some((status, limits)) = read("status").zip(read("limits")) else { return false };
        let gains_nothing = field(&status, "NoNewPrivs:") == Some("1");
        self.filters.is_some()
            && filters(&status) == self.filters
            && !ignores_breakpoints(&status)
            && (self.keeps_privileges || gains_nothing)
            && LIMITS.into_iter().all(|limit| is_unlimited(&limits, limit))
    }
}

/// Tells whether a process ignores SIGTRAP: it would no longer, once the kernel has forced a
/// breakpoint on it.
fn ignores_breakpoints(status: &str) -> bool {
    let ignored = field(status, "SigIgn:").and_then(|signals| u64::from_str_radix(signals, 16).ok());
    ignored.is_none_or(|signals| signals >> (libc::SIGTRAP - 1) & 1 == 1)
}

/// Number of filters that a process is under.
fn filters(status: &str) -> Option<u32> {
    field(status, "Seccomp_filters:")?.parse().ok()
}

/// Tells whether proc(5)'s `limits` say that this one is not set.
fn is_unlimited(limits: &str, name: &str) -> bool {
    let soft = limits.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next());
    soft == Some("unlimited")
}
