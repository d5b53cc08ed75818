//! Which local address the kernel would use towards a peer, or why it would not.

use super::address::Address;
use super::socket::{SO_BINDTOIFINDEX, Socket};
use super::sys;

/// Asks by connecting a datagram socket of our own, which sends nothing. `local` is the address that
/// the program's socket is bound to, if any.
///
/// # Errors
/// The error that a connect to `peer` would meet in routing: ENETUNREACH, EHOSTUNREACH, …
pub(crate) fn source(socket: &Socket, local: &Address, peer: &Address) -> sys::Result<Address> {
    let fd = sys::socket(socket.family, libc::SOCK_DGRAM, 0)?;
    let source = ask(fd, socket, local, peer);
    sys::close(fd);
    source
}

fn ask(fd: i32, socket: &Socket, local: &Address, peer: &Address) -> sys::Result<Address> {
    let interface = socket.interface();
    if interface != 0 {
        sys::setsockopt(fd, libc::SOL_SOCKET, SO_BINDTOIFINDEX, interface)?;
    }
    if !local.is_wildcard() {
        let local = local.with_port(0);
        sys::bind(fd, local.storage(), local.len())?;
    }
    let peer = if peer.port() == 0 { peer.with_port(1) } else { *peer };
    sys::connect(fd, peer.storage(), peer.len())?;
    Address::local(fd)
}

/// Whether an error of [`source`] says that there is no way to the peer, rather than no way to ask.
pub(crate) fn is_unreachable(error: i32) -> bool {
    matches!(error, libc::ENETUNREACH | libc::EHOSTUNREACH)
}
