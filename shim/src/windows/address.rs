//! Addresses as Winsock reads and tells them.

use super::memory::is_readable;
use super::sys;
pub(crate) use crate::address::Address;
use crate::address::LENGTH;
pub(crate) use crate::address::Storage;
use core::ffi::c_int;
use windows_sys::Win32::Networking::WinSock::{self, SOCKADDR, SOCKET};

pub(crate) const AF_INET: c_int = WinSock::AF_INET as c_int;
pub(crate) const AF_INET6: c_int = WinSock::AF_INET6 as c_int;

/// The shortest IPv6 address that Winsock takes: a whole one.
pub(crate) const SHORTEST_V6: usize = size_of::<WinSock::SOCKADDR_IN6>();

impl Address {
    /// A copy of the program's address, or `None` where Winsock would refuse to read it: then the
    /// program's call must go through untouched, for Winsock's own error.
    pub(crate) fn read(at: *const SOCKADDR, len: i32) -> Option<Self> {
        // More than an address's length is no error to Winsock.
        let len = usize::try_from(len).ok()?.min(LENGTH);
        if len < 2 || !is_readable(at.cast(), len) {
            return None;
        }
        Self::filled(|storage| {
            // SAFETY: these bytes have just been seen to be readable, and the storage holds `LENGTH`.
            unsafe { core::ptr::copy_nonoverlapping(at.cast::<u8>(), core::ptr::from_mut(storage).cast::<u8>(), len) };
            Ok(len)
        })
        .ok()
    }

    /// The local address of a socket, which one that is not bound has not.
    pub(crate) fn local(socket: SOCKET) -> sys::Result<Self> {
        Self::filled(|storage| sys::local(socket, storage))
    }

    /// Whether it is a whole address of the family that a socket of `family` takes.
    pub(crate) fn fits(&self, family: c_int) -> bool {
        self.family() == family && self.is_whole()
    }
}
