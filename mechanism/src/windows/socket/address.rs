//! Addresses as Winsock reads and tells them.

pub use crate::address::{AF_INET, AF_INET6, Address, Storage};
use crate::windows::kernel::calls;
use core::ffi::c_int;
use windows_sys::Win32::Networking::WinSock::SOCKET;

impl Address {
    /// The local address of a socket, which one that is not bound has not.
    pub fn local(socket: SOCKET) -> calls::Result<Self> {
        Self::filled(|storage| calls::local(socket, storage))
    }

    /// Tells whether it is a whole address of the family that a socket of `family` takes.
    pub fn fits(&self, family: c_int) -> bool {
        self.family() == family && self.is_whole()
    }
}
