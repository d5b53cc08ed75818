//! Addresses of sockets: a private copy of a program's, and ours. All systems lay them out alike;
//! their numbers for the families differ.

use core::ffi::c_int;
use core::mem::size_of;
use portshim_policy::ports::{Scope, Transport};

#[cfg(target_os = "linux")]
pub use libc::{AF_INET, AF_INET6};
/// IPv4.
#[cfg(windows)]
pub const AF_INET: c_int = windows_sys::Win32::Networking::WinSock::AF_INET as c_int;
/// IPv6.
#[cfg(windows)]
pub const AF_INET6: c_int = windows_sys::Win32::Networking::WinSock::AF_INET6 as c_int;

/// The shortest IPv6 address that the system takes: Linux also RFC 2133's, without the scope.
const SHORTEST_V6: usize = if cfg!(windows) { LENGTH } else { 24 };

/// A whole IPv4 address.
pub const V4: usize = 16;
/// As much of an address as means something to a socket that is served: a whole IPv6 address.
pub const LENGTH: usize = size_of::<Storage>();

/// `struct sockaddr_in6`; `struct sockaddr_in` is its beginning, with the address where this has
/// the flow.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Storage {
    family: u16,
    port: [u8; 2],
    v4: [u8; 4],
    v6: [u8; 16],
    /// The scope of a link-local address.
    pub interface: u32,
}

const _: () = assert!(LENGTH == 28);

/// An address that the system could read: a private copy.
#[derive(Clone, Copy, Default)]
pub struct Address {
    storage: Storage,
    len: usize,
}

impl Address {
    /// 0.0.0.0 or `::`, without a port.
    pub fn wildcard(family: c_int, len: usize) -> Self {
        Self { storage: Storage { family: family as u16, ..Storage::default() }, len }
    }

    /// 0.0.0.0 or `::`, without a port, as long as it has to be.
    pub fn any(family: c_int) -> Self {
        Self::wildcard(family, if family == AF_INET6 { LENGTH } else { V4 })
    }

    /// The address of these bytes, for tests.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn of_ip(family: c_int, ip: &[u8], port: u16) -> Self {
        let mut whole = [0; 16];
        whole[..ip.len()].copy_from_slice(ip);
        Self::any(family).with_ip(whole).with_port(port)
    }

    /// The bytes of a whole IPv4 address, or of one of any other kind that is as long.
    #[cfg(target_os = "linux")]
    #[inline]
    pub fn of_v4(bytes: [u8; V4]) -> Self {
        let [f0, f1, p0, p1, a, b, c, d, rest @ ..] = bytes;
        let mut v6 = [0; 16];
        v6[..8].copy_from_slice(&rest);
        let storage =
            Storage { family: u16::from_ne_bytes([f0, f1]), port: [p0, p1], v4: [a, b, c, d], v6, interface: 0 };
        Self { storage, len: V4 }
    }

    /// The address that begins with these bytes, and is `len` bytes long.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn of_bytes(bytes: &[u8; LENGTH], len: usize) -> Self {
        let [f0, f1, p0, p1, a, b, c, d, v6 @ .., i0, i1, i2, i3] = *bytes;
        let (family, interface) = (u16::from_ne_bytes([f0, f1]), u32::from_ne_bytes([i0, i1, i2, i3]));
        Self { storage: Storage { family, port: [p0, p1], v4: [a, b, c, d], v6, interface }, len }
    }

    /// The address that `fill` writes, which says how long it is.
    ///
    /// # Errors
    /// What `fill` says.
    pub fn filled(fill: impl FnOnce(&mut Storage) -> Result<usize, i32>) -> Result<Self, i32> {
        let mut storage = Storage::default();
        let len = fill(&mut storage)?;
        Ok(Self { storage, len })
    }

    /// Its bytes, as the system reads them.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Length as far as it is kept: the system reads no more of it than that.
    #[expect(clippy::len_without_is_empty, reason = "it says how much of it is to be passed")]
    pub fn len(&self) -> usize {
        self.len.min(LENGTH)
    }

    /// The family field.
    pub fn family(&self) -> c_int {
        c_int::from(self.storage.family)
    }

    /// Tells whether it is a whole address of its own family.
    pub fn is_whole(&self) -> bool {
        match self.family() {
            AF_INET => self.reaches(V4),
            AF_INET6 => self.reaches(SHORTEST_V6),
            _ => false,
        }
    }

    /// Tells whether it is `len` bytes long at least.
    pub fn reaches(&self, len: usize) -> bool {
        self.len >= len
    }

    /// The port, 0 where there is none. It stands at the same place in both families.
    pub fn port(&self) -> u16 {
        if self.reaches(4) { u16::from_be_bytes(self.storage.port) } else { 0 }
    }

    /// The same address with another port.
    pub fn with_port(mut self, port: u16) -> Self {
        self.storage.port = port.to_be_bytes();
        self
    }

    /// The same with another address proper, 16 bytes; an IPv4 address in the first four.
    #[cfg(target_os = "linux")]
    pub fn with_ip(mut self, ip: [u8; 16]) -> Self {
        if self.family() == AF_INET6 {
            self.storage.v6 = ip;
        } else {
            self.storage.v4.copy_from_slice(&ip[..4]);
        }
        self
    }

    /// As an IPv4 address, where it is a mapped one, or `::`.
    #[cfg(target_os = "linux")]
    pub fn unmapped(self) -> Self {
        if self.family() != AF_INET6 {
            return self;
        }
        let mut ip = [0; 16];
        ip[..4].copy_from_slice(&self.ip()[12..]);
        Self::any(AF_INET).with_ip(ip).with_port(self.port())
    }

    /// The address proper, 16 bytes; an IPv4 address in the first four.
    pub fn ip(&self) -> [u8; 16] {
        if self.family() == AF_INET6 {
            return self.storage.v6;
        }
        let mut ip = [0; 16];
        ip[..4].copy_from_slice(&self.storage.v4);
        ip
    }

    /// Tells whether it is `::ffff:a.b.c.d`, an IPv4 address in an IPv6 socket.
    pub fn is_mapped(&self) -> bool {
        self.family() == AF_INET6 && self.ip()[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    }

    /// The address in IPv6's form; one of IPv4 is mapped.
    pub fn mapped(&self) -> core::net::Ipv6Addr {
        match self.family() {
            AF_INET6 => self.storage.v6.into(),
            _ => core::net::Ipv4Addr::from(self.storage.v4).to_ipv6_mapped(),
        }
    }

    /// Tells whether it is 0.0.0.0 or `::`.
    pub fn is_wildcard(&self) -> bool {
        self.ip() == [0; 16]
    }
}

/// The scope of a port at `local`, and whether a socket takes it in the other family too. A mapped
/// address, or a mapped peer of an unbound socket, speaks IPv4 and draws from its ports.
#[inline]
pub fn scope_of(
    transport: Transport,
    family: c_int,
    local: &Address,
    peer: Option<&Address>,
    is_v6_only: impl FnOnce() -> bool,
) -> (Scope, bool) {
    let (v4, v6) = match transport {
        Transport::Tcp => (Scope::Tcp4, Scope::Tcp6),
        Transport::Udp => (Scope::Udp4, Scope::Udp6),
    };
    if family == AF_INET || local.is_mapped() {
        return (v4, false);
    }
    if !local.is_wildcard() || is_v6_only() {
        return (v6, false);
    }
    // Dual-stack. A UDP socket keeps `::` and is reached over both families whoever its peer is.
    let to_v4 = peer.is_some_and(|p| p.is_mapped() || p.family() == AF_INET);
    (if to_v4 { v4 } else { v6 }, true)
}
