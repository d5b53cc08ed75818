//! A socket of our own that asks which port is free, before the program's socket is steered to it.
//!
//! A datagram socket that is steered to a port that is taken makes the kernel walk its whole table,
//! 0.9 ms; a bind that fails takes 0.7 µs and leaves the socket as it was, for the next question.

use super::address::Address;
use super::socket::Socket;
use super::sys;
use core::ffi::c_int;
use portshim_policy::ports::PortRange;

/// The largest run whose ports are asked about one by one: beyond it the kernel's walk is as fast.
pub(crate) const LARGEST: u32 = 1024;

/// The asking socket, of the same kind as the program's.
pub(crate) struct Probe {
    fd: c_int,
}

impl Probe {
    pub(crate) fn like(socket: &Socket) -> Option<Self> {
        let fd = sys::socket(socket.family, libc::SOCK_DGRAM, socket.protocol).ok()?;
        if socket.family == libc::AF_INET6 && socket.is_v6_only() {
            let _ = sys::setsockopt::<c_int>(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1);
        }
        Some(Self { fd })
    }

    /// Whether any port of `run` is free at `local`. Afterwards the probe may hold it: drop it.
    pub(crate) fn finds_free(&self, local: &Address, run: PortRange) -> bool {
        (run.first()..=run.last()).any(|port| {
            let candidate = local.with_port(port);
            sys::bind(self.fd, candidate.storage(), candidate.len()) != Err(libc::EADDRINUSE)
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        sys::close(self.fd);
    }
}
