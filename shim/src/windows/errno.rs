//! The last error: kept as the program's own call left it, and the one place where a fault becomes a number.

use portshim_policy::model::{Errors, Fault};
use windows_sys::Win32::Foundation::{GetLastError, SetLastError};
use windows_sys::Win32::Networking::WinSock::WSAENOBUFS;

/// The error number of the last failed call of this thread. Winsock keeps its own in the same place.
pub(crate) fn get() -> i32 {
    // SAFETY: reads this thread's own number.
    unsafe { GetLastError() as i32 }
}

/// Sets this thread's error number.
pub(crate) fn set(number: i32) {
    // SAFETY: writes this thread's own number.
    unsafe { SetLastError(number as u32) }
}

/// What a failed call returns, with its error number.
pub(crate) fn fail(number: i32) -> i32 {
    set(number);
    -1
}

/// The C runtime's numbers, which `portshim.h` makes `errno` of (errno.h).
pub(crate) const ENOENT: i32 = 2;
pub(crate) const ENOMEM: i32 = 12;
pub(crate) const EBUSY: i32 = 16;
pub(crate) const EEXIST: i32 = 17;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const EMFILE: i32 = 24;
pub(crate) const ENOSPC: i32 = 28;
pub(crate) const ERANGE: i32 = 34;
pub(crate) const EADDRINUSE: i32 = 100;
pub(crate) const ENOTCONN: i32 = 126;
pub(crate) const EOPNOTSUPP: i32 = 130;

/// What Winsock says in the same place.
pub(crate) fn of(fault: Fault) -> i32 {
    Errors::WINSOCK.of(fault).number.map_or(WSAENOBUFS, i32::from)
}
