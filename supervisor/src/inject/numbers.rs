//! The system calls that lead to the guest, by their numbers.

use std::ffi::c_long;

/// Calls that may bind a socket.
const SERVED: [c_long; 6] =
    [libc::SYS_connect, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_bind, libc::SYS_listen, libc::SYS_sendmmsg];

/// And those that the guest has to see besides, to know what descriptors are.
const WATCHED: [c_long; 21] = [
    libc::SYS_socket,
    libc::SYS_setsockopt,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_close_range,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_vfork,
    libc::SYS_unshare,
    libc::SYS_setns,
    // It tells where handlers may run.
    libc::SYS_sigaltstack,
    // They may bring code that is in no file.
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_pkey_mprotect,
    libc::SYS_shmat,
    libc::SYS_personality,
    // And these, requests that are no calls.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
];

/// Tells whether a call of this number may bind a socket.
pub(super) fn is_served(number: u32) -> bool {
    SERVED.contains(&c_long::from(number))
}

/// Tells whether it is a send.
pub(super) fn is_send(number: u32) -> bool {
    [libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg].contains(&c_long::from(number))
}

/// Tells whether the guest has to see calls of this number to know what descriptors are.
pub(super) fn is_watched(number: u32) -> bool {
    WATCHED.contains(&c_long::from(number))
}
