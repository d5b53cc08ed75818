//! The clock that the kernel dates processes by: ticks of a hundredth of a second since it booted.

use portshim_mechanism::linux::kernel::clock::boot_ticks;
use std::time::Duration;

/// Moment that was so long ago.
pub(super) fn ticks_ago(age: Duration) -> u64 {
    boot_ticks().saturating_sub((age.as_millis() / 10) as u64)
}

/// Time that has passed since a moment; `None` if it is not known.
pub(super) fn age(then: u64) -> Option<Duration> {
    let ticks = boot_ticks().checked_sub(then).filter(|_| then != 0)?;
    Some(Duration::from_millis(ticks.saturating_mul(10)))
}
