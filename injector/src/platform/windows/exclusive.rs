//! Sockets that let nobody have their port besides, at whichever address, and meet whoever has it
//! (Microsoft, Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE).

use portshim_policy::ports::{Scope, Transport};
use std::io;
use std::os::windows::io::{AsRawSocket, FromRawSocket, OwnedSocket};
use std::ptr::null;
use std::sync::OnceLock;
use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, INVALID_SOCKET, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPV6_V6ONLY, SO_EXCLUSIVEADDRUSE,
    SOCK_DGRAM, SOCK_STREAM, SOCKADDR_IN6, SOCKET, SOL_SOCKET, SOMAXCONN, WSA_FLAG_NO_HANDLE_INHERIT,
    WSA_FLAG_OVERLAPPED, WSADATA, WSAGetLastError, WSASocketW, WSAStartup, bind, listen, setsockopt,
};

/// Version 2.2.
const WINSOCK: u16 = 0x0202;
/// Length of an address of IPv4.
const LENGTH_OF_FOUR: usize = 16;

/// A socket that is bound to a port at all addresses of its family.
pub(super) struct Exclusive(OwnedSocket);

impl Exclusive {
    /// Takes this port. No child inherits it.
    ///
    /// # Errors
    /// Winsock's own.
    pub(super) fn at(port: u16, scope: Scope) -> io::Result<Self> {
        started()?;
        let family = if matches!(scope, Scope::Tcp4 | Scope::Udp4) { AF_INET } else { AF_INET6 };
        let (kind, protocol) = match scope.transport() {
            Transport::Tcp => (SOCK_STREAM, IPPROTO_TCP),
            Transport::Udp => (SOCK_DGRAM, IPPROTO_UDP),
        };
        let flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
        // SAFETY: Winsock has been started.
        let made = unsafe { WSASocketW(family.into(), kind, protocol, null(), 0, flags) };
        if made == INVALID_SOCKET {
            return Err(last_error());
        }
        // SAFETY: it has just been opened, and nobody else knows of it.
        let one = Self(unsafe { OwnedSocket::from_raw_socket(made as u64) });
        one.set(SOL_SOCKET, SO_EXCLUSIVEADDRUSE)?;
        // An address of IPv4 is a shorter one, with the family and the port in the same places.
        let mut address = SOCKADDR_IN6 { sin6_family: family, sin6_port: port.to_be(), ..SOCKADDR_IN6::default() };
        let length = if family == AF_INET6 { size_of::<SOCKADDR_IN6>() } else { LENGTH_OF_FOUR };
        if family == AF_INET6 {
            one.set(IPPROTO_IPV6, IPV6_V6ONLY)?;
        }
        // SAFETY: the address is at least as long as is said, and outlives the call.
        done(unsafe { bind(one.handle(), (&raw mut address).cast(), length as i32) })?;
        Ok(one)
    }

    /// Lets connections be made to it.
    ///
    /// # Errors
    /// Winsock's own.
    pub(super) fn listen(&self) -> io::Result<()> {
        // SAFETY: the socket is open.
        done(unsafe { listen(self.handle(), SOMAXCONN as i32) })
    }

    fn set(&self, level: i32, option: i32) -> io::Result<()> {
        let on = 1_i32.to_ne_bytes();
        // SAFETY: the value is as long as is said.
        done(unsafe { setsockopt(self.handle(), level, option, on.as_ptr(), on.len() as i32) })
    }

    fn handle(&self) -> SOCKET {
        self.0.as_raw_socket() as SOCKET
    }
}

/// Starts Winsock, once.
fn started() -> io::Result<()> {
    static STARTED: OnceLock<i32> = OnceLock::new();
    let mut about = WSADATA::default();
    // SAFETY: the structure outlives the call.
    match STARTED.get_or_init(|| unsafe { WSAStartup(WINSOCK, &mut about) }) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(*error)),
    }
}

fn done(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> io::Error {
    // SAFETY: the call has no conditions.
    io::Error::from_raw_os_error(unsafe { WSAGetLastError() })
}
