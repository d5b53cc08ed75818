//! Which addresses a connection to a peer would have, or why there would be none.

use super::address::Address;
use super::socket::{SO_BINDTOIFINDEX, Socket};
use super::sys;
use core::ffi::c_int;

/// Both ends of a connection that has not been made.
pub(crate) struct Way {
    /// Our own address.
    pub(crate) source: Address,
    /// The peer's: where the program says 0.0.0.0 or `::`, the kernel goes to the loopback address.
    pub(crate) peer: Address,
}

/// Asks by connecting a datagram socket of our own, which sends nothing. `local` is the address that
/// the program's socket is bound to, if any.
///
/// # Errors
/// The error that a connect to `peer` would meet in routing: ENETUNREACH, EHOSTUNREACH, …
pub(crate) fn way(socket: &Socket, local: &Address, peer: &Address) -> sys::Result<Way> {
    let fd = sys::socket(socket.family, libc::SOCK_DGRAM, 0)?;
    let way = ask(fd, socket, local, peer);
    sys::close(fd);
    way
}

fn ask(fd: c_int, socket: &Socket, local: &Address, peer: &Address) -> sys::Result<Way> {
    let interface = socket.interface();
    if interface != 0 {
        sys::setsockopt(fd, libc::SOL_SOCKET, SO_BINDTOIFINDEX, interface)?;
    }
    if !local.is_wildcard() {
        let local = local.with_port(0);
        sys::bind(fd, local.storage(), local.len())?;
    }
    let target = if peer.port() == 0 { peer.with_port(1) } else { *peer };
    sys::connect(fd, target.storage(), target.len())?;
    Ok(Way { source: Address::local(fd)?, peer: Address::remote(fd)?.with_port(peer.port()) })
}

/// Whether an error of [`way`] says that there is no way to the peer, rather than no way to ask.
pub(crate) fn is_unreachable(error: c_int) -> bool {
    matches!(error, libc::ENETUNREACH | libc::EHOSTUNREACH)
}
