//! Kinds of descriptors: taken from the cache, or asked of the kernel.

use super::fd_cache::{self, Made};
use crate::linux::kernel::call::Result;
use crate::linux::kernel::sandbox;
use crate::linux::socket::address::Address;
use crate::linux::socket::facts::{Kind, Socket};
use core::ffi::c_int;

/// Kind of `fd`, for a call that may bind it.
#[inline]
pub fn of(fd: c_int) -> Kind {
    made(fd).map_or_else(|| Socket::asked(fd), Kind::Served)
}

/// The same, for calls to which every other descriptor is the same.
#[inline]
pub fn served(fd: c_int) -> Option<Socket> {
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
pub fn local(socket: &Socket) -> Result<Address> {
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
pub fn surely_has_port(socket: &Socket, local: &Address) -> bool {
    socket.surely_has_port(local, fd_cache::is_bound)
}
