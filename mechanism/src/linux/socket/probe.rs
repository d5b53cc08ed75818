//! A socket of our own that asks which port is free, before the program's socket is steered to it.
//!
//! A datagram socket that is steered to a port that is taken makes the kernel walk its whole table,
//! 0.9 ms; a bind that fails takes 0.7 µs and leaves the socket as it was, for the next question.

use super::address::Address;
use super::facts::Socket;
use crate::linux::kernel::descriptors::close;
use crate::linux::kernel::sockets;
use core::ffi::c_int;
use portshim_policy::ports::PortRange;

/// The asking socket, of the same kind as the program's.
pub struct Probe {
    fd: c_int,
}

impl Probe {
    /// A new socket of the same kind as `socket`.
    pub fn like(socket: &Socket) -> Option<Self> {
        let fd = sockets::socket(socket.family, libc::SOCK_DGRAM, socket.protocol).ok()?;
        if socket.family == libc::AF_INET6 && socket.is_v6_only() {
            let _ = sockets::setsockopt::<c_int>(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1);
        }
        Some(Self { fd })
    }

    /// Tells whether any port of `run` is free at `local`. Afterwards the probe may hold it: drop
    /// it.
    pub fn finds_free(&self, local: &Address, run: PortRange) -> bool {
        (run.first()..=run.last()).any(|port| {
            let candidate = local.with_port(port);
            sockets::bind(self.fd, candidate.storage(), candidate.len()) != Err(libc::EADDRINUSE)
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        close(self.fd);
    }
}
