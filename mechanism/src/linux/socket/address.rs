//! Addresses of sockets as the kernel tells them.

pub use crate::address::{Address, Storage};
use crate::address::{LENGTH, V4};
use crate::linux::kernel::call::Result;
use crate::linux::kernel::sockets::{getpeername, getsockname};
use core::ffi::c_int;
use core::mem::size_of;
use libc::{AF_INET, AF_INET6, AF_UNSPEC, sockaddr};

impl Address {
    /// The local address of a socket.
    pub fn local(fd: c_int) -> Result<Self> {
        Self::filled(|storage| getsockname(fd, storage).map(|len| len.min(LENGTH)))
    }

    /// The address of a socket's peer.
    pub fn remote(fd: c_int) -> Result<Self> {
        Self::filled(|storage| getpeername(fd, storage).map(|len| len.min(LENGTH)))
    }

    /// The address whose connect releases a socket's port.
    pub fn unspecified() -> Self {
        Self::wildcard(AF_UNSPEC, size_of::<sockaddr>())
    }

    /// Tells whether it is a whole address of the family that a socket of `family` takes in `bind`.
    /// On IPv4 the kernel also takes AF_UNSPEC with 0.0.0.0 (`inet_bind`).
    pub fn fits_bind(&self, family: c_int) -> bool {
        match (family, self.family()) {
            (AF_INET, AF_INET) | (AF_INET6, AF_INET6) => self.is_whole(),
            (AF_INET, AF_UNSPEC) => self.reaches(V4) && self.ip()[..4] == [0; 4],
            _ => false,
        }
    }

    /// The scope of a link-local IPv6 address, an interface's number.
    pub fn interface(&self) -> u32 {
        if self.family() == AF_INET6 { self.storage().interface } else { 0 }
    }

    /// Tells whether it is 224.0.0.0/4, its mapped form, or ff00::/8.
    pub fn is_multicast(&self) -> bool {
        let ip = self.ip();
        match self.family() {
            AF_INET => ip[0] >> 4 == 14,
            _ => ip[0] == 0xff || self.is_mapped() && ip[12] >> 4 == 14,
        }
    }

    /// Tells whether it is fe80::/10.
    pub fn is_link_local(&self) -> bool {
        self.family() == AF_INET6 && self.ip()[0] == 0xfe && self.ip()[1] & 0xc0 == 0x80
    }

    /// Tells whether it is 127.0.0.0/8, its mapped form, or `::1`.
    pub fn is_loopback(&self) -> bool {
        let ip = self.ip();
        match self.family() {
            AF_INET => ip[0] == 127,
            _ => (self.is_mapped() && ip[12] == 127) || ip == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        }
    }
}
