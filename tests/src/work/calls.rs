//! The calls that are measured, made through the C library, where a preloaded library can stand
//! between. They fail as the kernel says.

use super::task::{Form, Kind};
use std::io::{Error, Result};
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The address of one socket, as the kernel reads it.
pub fn address(of: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: of.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*of.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

const LENGTH: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;

fn outcome(result: libc::c_int) -> Result<()> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// A socket of the right form, not inherited by other programs.
#[inline]
pub fn socket(kind: Kind) -> Result<OwnedFd> {
    let form = if kind == Kind::UdpBind { libc::SOCK_DGRAM } else { libc::SOCK_STREAM };
    // SAFETY: socket(2) takes numbers only.
    let fd = unsafe { libc::socket(libc::AF_INET, form | libc::SOCK_CLOEXEC, 0) };
    outcome(fd)?;
    // SAFETY: it is open, and nobody else's yet.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// bind(2).
#[inline]
pub fn bind(fd: &OwnedFd, at: &libc::sockaddr_in) -> Result<()> {
    // SAFETY: bind(2) reads LENGTH bytes of an address of that size.
    outcome(unsafe { libc::bind(fd.as_raw_fd(), (&raw const *at).cast(), LENGTH) })
}

/// connect(2).
#[inline]
pub fn connect(fd: &OwnedFd, to: &libc::sockaddr_in) -> Result<()> {
    // SAFETY: connect(2) reads LENGTH bytes of an address of that size.
    outcome(unsafe { libc::connect(fd.as_raw_fd(), (&raw const *to).cast(), LENGTH) })
}

/// accept(2): a connection of a listening socket.
#[inline]
pub fn accept(listener: &OwnedFd) -> Result<OwnedFd> {
    // SAFETY: accept(2) writes no address where none is asked for.
    let fd = unsafe { libc::accept(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) };
    outcome(fd)?;
    // SAFETY: it is open, and nobody else's yet.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The port that a socket has.
pub fn port(fd: &OwnedFd) -> Result<u16> {
    let mut at = address(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
    let mut length = LENGTH;
    // SAFETY: getsockname(2) writes at most `length` bytes, the size of `at`.
    outcome(unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut at).cast(), &raw mut length) })?;
    Ok(u16::from_be(at.sin_port))
}

fn option<T>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: setsockopt(2) reads `length` bytes, the size of `value`.
    outcome(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const *value).cast(), length) })
}

/// A close ends the connection at once, and leaves no TIME_WAIT behind.
pub fn reset_on_close(fd: &OwnedFd) -> Result<()> {
    option(fd, libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 })
}

const IP_LOCAL_PORT_RANGE: i32 = 51;

/// Leaves the kernel one port to choose (Linux 6.3).
pub fn narrow(fd: &OwnedFd, port: u16) -> Result<()> {
    option(fd, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, &(u32::from(port) << 16 | u32::from(port)))
}

/// Leaves the kernel all ports again.
pub fn widen(fd: &OwnedFd) -> Result<()> {
    option(fd, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, &0u32)
}

/// Lets other connections use the same port.
pub fn share(fd: &OwnedFd) -> Result<()> {
    option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1)
}

/// Sends one byte.
#[inline]
pub fn send(fd: &OwnedFd, to: &libc::sockaddr_in, form: Form) -> Result<()> {
    match form {
        Form::SendTo => {
            // SAFETY: sendto(2) reads one byte, and LENGTH bytes of an address of that size.
            let sent =
                unsafe { libc::sendto(fd.as_raw_fd(), c"x".as_ptr().cast(), 1, 0, (&raw const *to).cast(), LENGTH) };
            outcome(sent as libc::c_int)
        }
        Form::SendMsg => {
            let mut part = libc::iovec { iov_base: c"x".as_ptr().cast_mut().cast(), iov_len: 1 };
            // SAFETY: a message of zeroes is an empty one.
            let mut message: libc::msghdr = unsafe { zeroed() };
            message.msg_name = (&raw const *to).cast_mut().cast();
            message.msg_namelen = LENGTH;
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            // SAFETY: sendmsg(2) reads the address and the one part, which are alive, and writes
            // neither.
            outcome(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, 0) } as libc::c_int)
        }
    }
}
