//! Addresses of sockets: a private copy of a program's, and ours. All systems lay them out alike; their
//! numbers for the families differ.

use crate::system::{AF_INET, AF_INET6, SHORTEST_V6};
use core::ffi::c_int;
use core::mem::size_of;

/// A whole IPv4 address.
pub(crate) const V4: usize = 16;
/// As much of an address as means something to a socket that is served: a whole IPv6 address.
pub(crate) const LENGTH: usize = size_of::<Storage>();

/// `struct sockaddr_in6`; `struct sockaddr_in` is its beginning, with the address where this has the flow.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Storage {
    family: u16,
    port: [u8; 2],
    v4: [u8; 4],
    v6: [u8; 16],
    interface: u32,
}

const _: () = assert!(LENGTH == 28);

/// An address that the system could read: a private copy.
#[derive(Clone, Copy, Default)]
pub(crate) struct Address {
    storage: Storage,
    len: usize,
}

impl Address {
    /// 0.0.0.0 or `::`, without a port.
    pub(crate) fn wildcard(family: c_int, len: usize) -> Self {
        Self { storage: Storage { family: family as u16, ..Storage::default() }, len }
    }

    /// The address that `fill` writes, which says how long it is.
    pub(crate) fn filled(fill: impl FnOnce(&mut Storage) -> Option<usize>) -> Option<Self> {
        let mut storage = Storage::default();
        let len = fill(&mut storage)?;
        Some(Self { storage, len })
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How long it is as far as it is kept: the system reads no more of it than that.
    pub(crate) fn len(&self) -> usize {
        self.len.min(LENGTH)
    }

    /// The family field.
    pub(crate) fn family(&self) -> c_int {
        c_int::from(self.storage.family)
    }

    /// Whether it is a whole address of its own family.
    pub(crate) fn is_whole(&self) -> bool {
        match self.family() {
            AF_INET => self.len >= V4,
            AF_INET6 => self.len >= SHORTEST_V6,
            _ => false,
        }
    }

    /// The port, 0 where there is none. It stands at the same place in both families.
    pub(crate) fn port(&self) -> u16 {
        if self.len < 4 { 0 } else { u16::from_be_bytes(self.storage.port) }
    }

    /// The same address with another port.
    pub(crate) fn with_port(mut self, port: u16) -> Self {
        self.storage.port = port.to_be_bytes();
        self
    }

    /// The address proper, 16 bytes; an IPv4 address in the first four.
    pub(crate) fn ip(&self) -> [u8; 16] {
        if self.family() == AF_INET6 {
            return self.storage.v6;
        }
        let mut ip = [0; 16];
        ip[..4].copy_from_slice(&self.storage.v4);
        ip
    }

    /// Whether it is `::ffff:a.b.c.d`, an IPv4 address in an IPv6 socket.
    pub(crate) fn is_mapped(&self) -> bool {
        self.family() == AF_INET6 && self.ip()[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    }

    /// Whether it is 0.0.0.0 or `::`.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.ip() == [0; 16]
    }
}
