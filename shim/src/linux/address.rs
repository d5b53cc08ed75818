//! Addresses as the kernel reads and tells them.

use super::memory::is_readable;
use super::sys;
pub(crate) use crate::address::{Address, Storage};
use crate::address::{LENGTH, V4};
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use libc::{AF_INET, AF_INET6, AF_UNSPEC, sockaddr, sockaddr_storage, socklen_t};

/// The shortest IPv6 address that the kernel takes (RFC 2133's, without the scope: 24 bytes).
pub(crate) const SHORTEST_V6: usize = 24;
/// The longest address of any kind that the kernel copies.
const LONGEST: usize = size_of::<sockaddr_storage>();

impl Address {
    /// A copy of the program's address, or `None` where the kernel would refuse to copy it: then the
    /// program's call must go through untouched, for the kernel's own error.
    pub(crate) fn read(at: *const sockaddr, len: socklen_t) -> Option<Self> {
        let len = usize::try_from(len).ok()?;
        if !(2..=LONGEST).contains(&len) || !is_readable(at.cast::<c_void>(), len) {
            return None;
        }
        Self::copied(at, len)
    }

    /// A copy of the program's address, which the kernel has just taken.
    pub(crate) fn taken(at: *const sockaddr, len: socklen_t) -> Option<Self> {
        let len = usize::try_from(len).ok()?;
        Self::copied(at, len).filter(|_| (2..=LONGEST).contains(&len))
    }

    fn copied(at: *const sockaddr, len: usize) -> Option<Self> {
        Self::filled(|storage| {
            let kept = len.min(LENGTH);
            // SAFETY: the kernel has just been seen to read these bytes, and the storage holds `LENGTH`.
            unsafe { core::ptr::copy_nonoverlapping(at.cast::<u8>(), core::ptr::from_mut(storage).cast(), kept) };
            Ok(len)
        })
        .ok()
    }

    /// The local address of a socket.
    pub(crate) fn local(fd: c_int) -> sys::Result<Self> {
        Self::filled(|storage| sys::getsockname(fd, storage).map(|len| len.min(LENGTH)))
    }

    /// The address of a socket's peer.
    pub(crate) fn remote(fd: c_int) -> sys::Result<Self> {
        Self::filled(|storage| sys::getpeername(fd, storage).map(|len| len.min(LENGTH)))
    }

    /// The address whose connect releases a socket's port.
    pub(crate) fn unspecified() -> Self {
        Self::wildcard(AF_UNSPEC, size_of::<sockaddr>())
    }

    /// Whether it is a whole address of the family that a socket of `family` takes in `bind`. On
    /// IPv4 the kernel also takes AF_UNSPEC with 0.0.0.0 (`inet_bind`).
    pub(crate) fn fits_bind(&self, family: c_int) -> bool {
        match (family, self.family()) {
            (AF_INET, AF_INET) | (AF_INET6, AF_INET6) => self.is_whole(),
            (AF_INET, AF_UNSPEC) => self.reaches(V4) && self.ip()[..4] == [0; 4],
            _ => false,
        }
    }

    /// The scope of a link-local IPv6 address, an interface's number.
    pub(crate) fn interface(&self) -> u32 {
        if self.family() == AF_INET6 { self.storage().interface } else { 0 }
    }

    /// Whether it is 224.0.0.0/4, its mapped form, or ff00::/8.
    pub(crate) fn is_multicast(&self) -> bool {
        let ip = self.ip();
        match self.family() {
            AF_INET => ip[0] >> 4 == 14,
            _ => ip[0] == 0xff || self.is_mapped() && ip[12] >> 4 == 14,
        }
    }

    /// Whether it is fe80::/10.
    pub(crate) fn is_link_local(&self) -> bool {
        self.family() == AF_INET6 && self.ip()[0] == 0xfe && self.ip()[1] & 0xc0 == 0x80
    }

    /// Whether it is 127.0.0.0/8, its mapped form, or `::1`.
    pub(crate) fn is_loopback(&self) -> bool {
        let ip = self.ip();
        match self.family() {
            AF_INET => ip[0] == 127,
            _ => (self.is_mapped() && ip[12] == 127) || ip == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        }
    }
}
