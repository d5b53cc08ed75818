//! The sockaddr codec: reads a program's address without faulting, and builds ours.

use super::memory::is_readable;
use super::sys;
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use libc::{AF_INET, AF_INET6, AF_UNSPEC, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};

/// The shortest IPv6 address that the kernel takes (RFC 2133's, without the scope: 24 bytes).
const SHORTEST_V6: usize = 24;
/// The longest address of any kind that the kernel copies.
const LONGEST: usize = size_of::<sockaddr_storage>();
/// As much of an address as means something to a socket that is served.
pub(crate) const LENGTH: usize = size_of::<sockaddr_in6>();

/// An address that the kernel could read: a private copy.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    /// Of either family, or of another one.
    storage: sockaddr_in6,
    len: usize,
}

impl Address {
    /// A copy of the program's address, or `None` where the kernel would refuse to copy it: then the
    /// program's call must go through untouched, for the kernel's own error.
    pub(crate) fn read(at: *const sockaddr, len: socklen_t) -> Option<Self> {
        let len = usize::try_from(len).ok()?;
        if !(2..=LONGEST).contains(&len) || !is_readable(at.cast::<c_void>(), len) {
            return None;
        }
        let mut address = Self::none();
        // SAFETY: the kernel has just been seen to read these bytes, and the storage holds `LENGTH`.
        unsafe {
            let kept = len.min(LENGTH);
            core::ptr::copy_nonoverlapping(at.cast::<u8>(), (&raw mut address.storage).cast::<u8>(), kept);
        }
        address.len = len;
        Some(address)
    }

    /// The local address of a socket.
    pub(crate) fn local(fd: c_int) -> sys::Result<Self> {
        let mut address = Self::none();
        address.len = sys::getsockname(fd, &mut address.storage)?.min(LENGTH);
        Ok(address)
    }

    /// The address of a socket's peer.
    pub(crate) fn remote(fd: c_int) -> sys::Result<Self> {
        let mut address = Self::none();
        address.len = sys::getpeername(fd, &mut address.storage)?.min(LENGTH);
        Ok(address)
    }

    /// The address whose connect releases a socket's port.
    pub(crate) fn unspecified() -> Self {
        Self { len: size_of::<sockaddr>(), ..Self::none() }
    }

    /// 0.0.0.0 or `::`, without a port.
    pub(crate) fn wildcard(family: c_int, len: usize) -> Self {
        let mut address = Self { len, ..Self::none() };
        address.storage.sin6_family = family as libc::sa_family_t;
        address
    }

    fn none() -> Self {
        // SAFETY: a sockaddr_in6 is all integers.
        Self { storage: unsafe { core::mem::zeroed() }, len: 0 }
    }

    /// The family field.
    pub(crate) fn family(&self) -> c_int {
        c_int::from(self.storage.sin6_family)
    }

    pub(crate) fn storage(&self) -> &sockaddr_in6 {
        &self.storage
    }

    /// How long it is as far as it is kept: the kernel reads no more of it than that.
    pub(crate) fn len(&self) -> usize {
        self.len.min(LENGTH)
    }

    /// Whether it is a whole address of the family that a socket of `family` takes in `bind`. On
    /// IPv4 the kernel also takes AF_UNSPEC with 0.0.0.0 (`inet_bind`).
    pub(crate) fn fits_bind(&self, family: c_int) -> bool {
        match (family, self.family()) {
            (AF_INET, AF_INET) => self.len >= size_of::<sockaddr_in>(),
            (AF_INET, AF_UNSPEC) => self.len >= size_of::<sockaddr_in>() && self.ip()[..4] == [0; 4],
            (AF_INET6, AF_INET6) => self.len >= SHORTEST_V6,
            _ => false,
        }
    }

    /// Whether it is a whole address of its own family.
    pub(crate) fn is_whole(&self) -> bool {
        match self.family() {
            AF_INET => self.len >= size_of::<sockaddr_in>(),
            AF_INET6 => self.len >= SHORTEST_V6,
            _ => false,
        }
    }

    /// The port, 0 where there is none. It stands at the same place in both families.
    pub(crate) fn port(&self) -> u16 {
        if self.len < 4 {
            return 0;
        }
        u16::from_be(self.storage.sin6_port)
    }

    /// The same address with another port.
    pub(crate) fn with_port(mut self, port: u16) -> Self {
        self.storage.sin6_port = port.to_be();
        self
    }

    /// The address proper, 16 bytes; an IPv4 address in the first four.
    pub(crate) fn ip(&self) -> [u8; 16] {
        let mut ip = [0; 16];
        if self.family() == AF_INET6 {
            ip = self.storage.sin6_addr.s6_addr;
        } else {
            // SAFETY: the storage is longer than a sockaddr_in and aligned for it; all its bytes are set.
            let v4 = unsafe { (*(&raw const self.storage).cast::<sockaddr_in>()).sin_addr.s_addr };
            ip[..4].copy_from_slice(&v4.to_ne_bytes());
        }
        ip
    }

    /// The scope of a link-local IPv6 address, an interface's number.
    pub(crate) fn interface(&self) -> u32 {
        if self.family() == AF_INET6 { self.storage.sin6_scope_id } else { 0 }
    }

    /// Whether it is `::ffff:a.b.c.d`, an IPv4 address in an IPv6 socket.
    pub(crate) fn is_mapped(&self) -> bool {
        self.family() == AF_INET6 && self.ip()[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    }

    /// Whether it is 0.0.0.0 or `::`.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.ip() == [0; 16]
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
