//! Exits: by which way a call leaves that a hook has intercepted.

use crate::linux::original;
use crate::linux::serve::Exit;
use core::ffi::c_int;
use libc::socklen_t;
use portshim_mechanism::linux::kernel::call::Result;
use portshim_mechanism::linux::kernel::{errno, sockets};
use portshim_mechanism::linux::known::{fd_cache, fd_ports};
use portshim_mechanism::linux::serve::Interceptor;
use portshim_mechanism::linux::socket::address::Address;

/// Calls that leave through the next library.
static BY_LIBRARY: Interceptor =
    Interceptor { bind: next_bind, is_known_bound: fd_cache::is_bound, learn_unseen: fd_ports::learn_unseen };

/// Calls that leave by system call.
static BY_KERNEL: Interceptor = Interceptor {
    bind: |fd, address| sockets::bind(fd, address.storage(), address.len()),
    is_known_bound: fd_cache::is_bound,
    learn_unseen: fd_ports::learn_unseen,
};

/// Whoever does in the program's place what its call, which leaves so, would do.
pub(super) fn interceptor(exit: Exit) -> &'static Interceptor {
    if exit == Exit::Library { &BY_LIBRARY } else { &BY_KERNEL }
}

/// The next library's `bind`, to an address of ours.
#[inline]
pub(super) fn next_bind(fd: c_int, address: &Address) -> Result<()> {
    // SAFETY: `storage` is readable for `len` bytes.
    let result =
        unsafe { original::bind::next(fd, (&raw const *address.storage()).cast(), address.len() as socklen_t) };
    if result == 0 { Ok(()) } else { Err(errno::get()) }
}
