//! Clocks, and time that passes.

use super::call::call;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// libc's own clock, which needs no system call; null until it has been found. Another library's
/// may tell another time.
static CLOCK: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Uses libc's own clock from now on, where it has been found.
///
/// # Safety
/// `clock` must be null or libc's `clock_gettime`.
pub unsafe fn use_libcs(clock: *mut c_void) {
    CLOCK.store(clock, Relaxed);
}

/// clock_gettime(2).
fn time(clock: libc::clockid_t) -> libc::timespec {
    type Clock = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let libcs = CLOCK.load(Relaxed);
    // SAFETY: libc's function or the kernel, safe in signal handlers, writes one timespec.
    unsafe {
        if libcs.is_null() {
            let _ = call!(clock_gettime, clock, &raw mut time);
        } else {
            core::mem::transmute::<*mut c_void, Clock>(libcs)(clock, &raw mut time);
        }
    }
    time
}

/// Hundredths of a second since boot: the unit of proc(5).
pub fn boot_ticks() -> u64 {
    let time = time(libc::CLOCK_BOOTTIME);
    (time.tv_sec as u64).wrapping_mul(100).wrapping_add(time.tv_nsec as u64 / 10_000_000)
}

/// Nanoseconds since 1970, by the clock that needs no system call.
pub fn now() -> u64 {
    let time = time(libc::CLOCK_REALTIME);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Nanoseconds since some moment in the past, by a clock that nobody sets.
pub fn monotonic() -> u64 {
    let time = time(libc::CLOCK_MONOTONIC);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// The moment, some four milliseconds long, by the clock that costs least.
pub fn coarse_now() -> u32 {
    let time = time(libc::CLOCK_MONOTONIC_COARSE);
    (time.tv_sec as u32) << 8 | (time.tv_nsec as u32) >> 22
}

/// Milliseconds, some four of them at a time, by the clock that costs least of those that all
/// processes share: every time namespace has a monotonic clock of its own.
pub fn milliseconds() -> u32 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as in `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut time) };
    (time.tv_sec as u32).wrapping_mul(1000).wrapping_add(time.tv_nsec as u32 / 1_000_000)
}

/// Lets others run.
pub fn yield_now() {
    // SAFETY: no memory is passed.
    let _ = unsafe { call!(sched_yield) };
}

/// Sleeps for a millisecond, or until a signal comes.
pub fn sleep_1ms() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: the kernel reads one timespec, and is asked to write none.
    let _ = unsafe { call!(nanosleep, &raw const time, 0) };
}
