//! The clock that the kernel dates processes by: ticks of a hundredth of a second since it booted.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Now. The C library's function asks no kernel.
pub(crate) fn boot_ticks() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap_or(TimeSpec::new(0, 0));
    (Duration::from(now).as_millis() / 10) as u64
}

/// Moment that was so long ago.
pub(super) fn ticks_ago(age: Duration) -> u64 {
    boot_ticks().saturating_sub((age.as_millis() / 10) as u64)
}

/// Time that has passed since a moment; `None` if it is not known.
pub(super) fn age(then: u64) -> Option<Duration> {
    let ticks = boot_ticks().checked_sub(then).filter(|_| then != 0)?;
    Some(Duration::from_millis(ticks.saturating_mul(10)))
}
