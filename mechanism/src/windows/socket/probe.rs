//! A socket of our own that asks whether a port is free, before the program's socket is bound to
//! it.
//!
//! To a bind by number Winsock gives a port that another socket has at another address, or wants to
//! share; to a socket that asks for any port it gives one that nobody has. A socket that wants its
//! port for itself alone meets whoever has it, at whatever address (Microsoft, Using SO_REUSEADDR
//! and SO_EXCLUSIVEADDRUSE).

use super::address::{AF_INET, AF_INET6, Address};
use crate::windows::kernel::calls;
use core::ffi::c_int;
use portshim_policy::ports::{Scope, Transport};
use windows_sys::Win32::Networking::WinSock::{
    IPPROTO_TCP, IPPROTO_UDP, SO_EXCLUSIVEADDRUSE, SOCK_DGRAM, SOCK_STREAM, SOCKET, SOL_SOCKET,
};

/// The family whose ports `scope` has.
pub fn family(scope: Scope) -> c_int {
    if scope == Scope::Tcp4 || scope == Scope::Udp4 { AF_INET } else { AF_INET6 }
}

/// The asking socket. One that has got a port holds it until it is dropped.
pub struct Probe {
    handle: SOCKET,
    family: c_int,
}

impl Probe {
    /// A socket that asks for ports of `scope`.
    ///
    /// # Errors
    /// Winsock's own.
    pub fn of(scope: Scope) -> calls::Result<Self> {
        let family = family(scope);
        let (kind, protocol) = match scope.transport() {
            Transport::Tcp => (SOCK_STREAM, IPPROTO_TCP),
            Transport::Udp => (SOCK_DGRAM, IPPROTO_UDP),
        };
        let probe = Self { handle: calls::socket(family, kind, protocol)?, family };
        calls::set_option(probe.handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1)?;
        Ok(probe)
    }

    /// Takes `port`: WSAEADDRINUSE where a socket has it, WSAEACCES where the system keeps it back.
    /// After either, the next port can be asked for.
    pub fn take(&self, port: u16) -> calls::Result<()> {
        let candidate = Address::any(self.family).with_port(port);
        calls::bind(self.handle, candidate.storage(), candidate.len())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        calls::close(self.handle);
    }
}
