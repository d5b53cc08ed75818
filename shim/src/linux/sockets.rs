//! Kinds of descriptors: taken from the cache, or asked of the kernel.

use super::fd_cache::{self, Made};
use core::ffi::c_int;
use portshim_mechanism::linux::kernel::call::Result;
use portshim_mechanism::linux::kernel::sandbox;
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::{Kind, Socket};

/// Kind of `fd`, for a call that may bind it.
#[inline]
pub(crate) fn of(fd: c_int) -> Kind {
    made(fd).map_or_else(|| Socket::asked(fd), Kind::Served)
}

/// The same, for calls to which every other descriptor is the same.
#[inline]
pub(crate) fn served(fd: c_int) -> Option<Socket> {
    made(fd).or_else(|| asked(fd))
}

#[inline]
fn made(fd: c_int) -> Option<Socket> {
    fd_cache::made(fd).map(|Made { scope, untouched }| Socket::made(fd, scope, untouched))
}

#[cold]
fn asked(fd: c_int) -> Option<Socket> {
    match Socket::asked(fd) {
        Kind::Served(socket) => Some(socket),
        Kind::Other | Kind::None => None,
    }
}

/// The socket's own address.
pub(crate) fn local(socket: &Socket) -> Result<Address> {
    if socket.untouched {
        return Ok(Address::any(socket.family));
    }
    match Address::local(socket.fd) {
        // It was made without a port, and has none yet, or one that no call can change.
        Err(sandbox::NOT_ASKED) if fd_cache::is_fresh_datagram(socket.fd) => Ok(Address::any(socket.family)),
        local => local,
    }
}

/// Tells whether the socket, whose address is `local`, surely has a port.
pub(crate) fn surely_has_port(socket: &Socket, local: &Address) -> bool {
    socket.surely_has_port(local, fd_cache::is_bound)
}
