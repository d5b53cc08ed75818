//! Time, as the kernel counts it for processes.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};
use std::time::Duration;

/// Hundredths of a second since boot.
pub(crate) fn boot_ticks() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap_or(TimeSpec::new(0, 0));
    (Duration::from(now).as_millis() / 10) as u64
}

/// Now, as proc(5) counts the time at which a process started.
pub(crate) fn ticks() -> u64 {
    // rustix would look for the vDSO first, in a file, and finds none under valgrind.
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap_or(TimeSpec::new(0, 0));
    (Duration::from(now).as_micros() * u128::from(ticks_a_second()) / 1_000_000) as u64
}

/// Time when it was that long ago.
pub(super) fn ticks_ago(age: Duration) -> u64 {
    ticks().saturating_sub((age.as_millis() * u128::from(ticks_a_second()) / 1000) as u64)
}

fn ticks_a_second() -> u64 {
    sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100).unsigned_abs().max(1)
}

/// Time since a time that is counted so; `None` where it is yet to come, or cannot be one.
pub(super) fn age(then: u64) -> Option<Duration> {
    let ticks = ticks().checked_sub(then).filter(|_| then != 0)?;
    Some(Duration::from_secs_f64(ticks as f64 / ticks_a_second() as f64))
}
