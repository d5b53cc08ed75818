//! Which ports are in use: asked of Winsock by trying. The system's tables do not list TCP sockets that are bound and
//! do nothing yet.

use super::address::{AF_INET, AF_INET6, Address};
use super::{errno, sys};
use core::ffi::c_int;
use portshim_policy::{PortRange, Scope, ScopeSet, Transport};
use windows_sys::Win32::Networking::WinSock::{
    INVALID_SOCKET, IPPROTO_TCP, IPPROTO_UDP, SO_EXCLUSIVEADDRUSE, SOCK_DGRAM, SOCK_STREAM, SOCKET, SOL_SOCKET,
    WSACleanup, WSADATA, WSAEACCES, WSAEADDRINUSE, WSAEAFNOSUPPORT, WSAEMFILE, WSAENOBUFS, WSAStartup, closesocket,
    socket,
};

/// Winsock 2.2.
const VERSION: u16 = 0x0202;

/// A port of `range` that a socket of any process is bound to in one of `scopes`. The error is EMFILE where asking
/// takes more than there is, else EOPNOTSUPP: Winsock does not tell.
pub(crate) fn bound_port(range: PortRange, scopes: ScopeSet) -> sys::Result<Option<u16>> {
    let _winsock = Winsock::start()?;
    for scope in scopes.iter() {
        let mut probe = None;
        for port in range.first()..=range.last() {
            let asking = match probe.take() {
                Some(probe) => probe,
                None => match Probe::of(scope) {
                    Ok(probe) => probe,
                    // Nobody has a port of a family that this host does not know.
                    Err(WSAEAFNOSUPPORT) => break,
                    Err(WSAEMFILE | WSAENOBUFS) => return Err(errno::EMFILE),
                    Err(_) => return Err(errno::EOPNOTSUPP),
                },
            };
            match asking.bind(port) {
                Ok(()) => {}
                Err(WSAEADDRINUSE) => return Ok(Some(port)),
                // The system keeps the port back itself: no socket is bound to it.
                Err(WSAEACCES) => probe = Some(asking),
                Err(_) => return Err(errno::EOPNOTSUPP),
            }
        }
    }
    Ok(None)
}

/// Winsock, started once more: a program may ask about ports before it has started it.
struct Winsock;

impl Winsock {
    fn start() -> sys::Result<Self> {
        // SAFETY: the structure is plain integers and pointers, and ours.
        let started = unsafe {
            let mut data: WSADATA = core::mem::zeroed();
            WSAStartup(VERSION, &raw mut data)
        };
        if started == 0 { Ok(Self) } else { Err(errno::EOPNOTSUPP) }
    }
}

impl Drop for Winsock {
    fn drop(&mut self) {
        // SAFETY: undoes one start.
        unsafe { WSACleanup() };
    }
}

/// A socket of our own that asks for a port. It wants the port for itself alone: such a bind meets whatever socket
/// has it, at whatever address (Microsoft, Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE).
struct Probe {
    handle: SOCKET,
    family: c_int,
}

impl Probe {
    fn of(scope: Scope) -> sys::Result<Self> {
        let family = if scope == Scope::Tcp4 || scope == Scope::Udp4 { AF_INET } else { AF_INET6 };
        let (kind, protocol) = match scope.transport() {
            Transport::Tcp => (SOCK_STREAM, IPPROTO_TCP),
            Transport::Udp => (SOCK_DGRAM, IPPROTO_UDP),
        };
        // SAFETY: no memory is passed.
        let handle = unsafe { socket(family, kind, protocol) };
        if handle == INVALID_SOCKET {
            return Err(errno::get());
        }
        let probe = Self { handle, family };
        sys::set_option(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1)?;
        Ok(probe)
    }

    fn bind(&self, port: u16) -> sys::Result<()> {
        let candidate = Address::any(self.family).with_port(port);
        sys::bind(self.handle, candidate.storage(), candidate.len())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: the socket is ours. The hook has nothing to remember of it.
        unsafe { closesocket(self.handle) };
    }
}
