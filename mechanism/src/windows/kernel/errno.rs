//! The last error: kept as the program's own call left it, and the one place where a fault becomes
//! a number.

use portshim_policy::model::{Errors, Fault};
use windows_sys::Win32::Foundation::{GetLastError, SetLastError};
use windows_sys::Win32::Networking::WinSock::WSAENOBUFS;

/// The error number of the last failed call of this thread. Winsock keeps its own in the same
/// place.
pub fn get() -> i32 {
    // SAFETY: reads this thread's own number.
    unsafe { GetLastError() as i32 }
}

/// Sets this thread's error number.
pub fn set(number: i32) {
    // SAFETY: writes this thread's own number.
    unsafe { SetLastError(number as u32) }
}

/// Result of a failed call, with its error number.
pub fn fail(number: i32) -> i32 {
    set(number);
    -1
}

/// The C runtime's numbers, which `portshim.h` makes `errno` of (errno.h).
/// errno.h.
pub const ENOENT: i32 = 2;
/// errno.h.
pub const ENOMEM: i32 = 12;
/// errno.h.
pub const EBUSY: i32 = 16;
/// errno.h.
pub const EEXIST: i32 = 17;
/// errno.h.
pub const EINVAL: i32 = 22;
/// errno.h.
pub const EMFILE: i32 = 24;
/// errno.h.
pub const ENOSPC: i32 = 28;
/// errno.h.
pub const ERANGE: i32 = 34;
/// errno.h.
pub const EADDRINUSE: i32 = 100;
/// errno.h.
pub const ENOTCONN: i32 = 126;
/// errno.h.
pub const EOPNOTSUPP: i32 = 130;

/// Error that Winsock has in the same place.
pub fn of(fault: Fault) -> i32 {
    Errors::WINSOCK.of(fault).number.map_or(WSAENOBUFS, i32::from)
}
