//! Clocks, and time that passes.

use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::SystemInformation::{GetSystemTimePreciseAsFileTime, GetTickCount64};
use windows_sys::Win32::System::Threading::{Sleep, SwitchToThread};

/// From 1601, from which Windows counts, to 1970, in units of 100 ns.
const UNTIL_1970: u64 = 116_444_736_000_000_000;

/// Nanoseconds since 1970.
pub fn now() -> u64 {
    let mut time = windows_sys::Win32::Foundation::FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    // SAFETY: `time` is ours.
    unsafe { GetSystemTimePreciseAsFileTime(&raw mut time) };
    let since_1601 = u64::from(time.dwLowDateTime) | u64::from(time.dwHighDateTime) << 32;
    since_1601.wrapping_sub(UNTIL_1970).wrapping_mul(100)
}

/// Nanoseconds since some moment in the past, by a clock that nobody sets.
pub fn monotonic() -> u64 {
    let (mut count, mut each_second) = (0, 0);
    // SAFETY: both numbers are ours.
    unsafe {
        QueryPerformanceCounter(&raw mut count);
        QueryPerformanceFrequency(&raw mut each_second);
    }
    (u128::from(count.cast_unsigned()) * 1_000_000_000 / u128::from(each_second.cast_unsigned().max(1))) as u64
}

/// Hundredths of a second since the system started.
pub fn boot_ticks() -> u64 {
    // SAFETY: no conditions.
    unsafe { GetTickCount64() / 10 }
}

/// Milliseconds, by a clock that all processes share.
pub fn milliseconds() -> u32 {
    // SAFETY: no conditions.
    unsafe { GetTickCount64() as u32 }
}

/// Lets another thread run.
pub fn yield_now() {
    // SAFETY: no conditions.
    unsafe { SwitchToThread() };
}

/// Sleeps for a millisecond.
pub fn sleep_1ms() {
    // SAFETY: no conditions.
    unsafe { Sleep(1) };
}
