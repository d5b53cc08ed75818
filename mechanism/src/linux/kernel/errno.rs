//! `errno`: kept as the program's own call left it, and the one place where a fault becomes a
//! number.

use core::ffi::c_int;
pub use libc::{EADDRINUSE, EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOTCONN, EOPNOTSUPP, ERANGE};
use portshim_policy::model::Fault;

/// The error number of the last failed call of this thread.
pub fn get() -> c_int {
    // SAFETY: libc promises a valid pointer to this thread's `errno`.
    unsafe { *libc::__errno_location() }
}

/// Sets this thread's error number.
pub fn set(number: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = number }
}

/// Result of a failed call, with its error number.
pub fn fail(number: c_int) -> isize {
    set(number);
    -1
}

/// Error that the kernel has in the same place (bind(2), connect(2), udp(7)); EACCES for a blocked
/// port mirrors Windows' WSAEACCES.
pub const fn of(fault: Fault) -> c_int {
    match fault {
        Fault::AddressInUse | Fault::Taken => EADDRINUSE,
        Fault::AddressNotAvailable => libc::EADDRNOTAVAIL,
        Fault::TryAgain => libc::EAGAIN,
        Fault::Blocked => libc::EACCES,
        Fault::AlreadyBound => EINVAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portshim_policy::model::Errors;

    #[test]
    fn each_number_is_that_of_the_name() {
        let numbers = [
            ("EADDRINUSE", EADDRINUSE),
            ("EADDRNOTAVAIL", libc::EADDRNOTAVAIL),
            ("EAGAIN", libc::EAGAIN),
            ("EACCES", libc::EACCES),
            ("EINVAL", EINVAL),
        ];
        for fault in Fault::ALL {
            let name = Errors::LINUX.of(fault).name;
            assert!(numbers.contains(&(name, of(fault))), "{fault:?}: {name}, {}", of(fault));
        }
    }
}
