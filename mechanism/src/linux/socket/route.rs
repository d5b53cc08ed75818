//! Addresses that a connection to a peer would have, or the reason why there would be none.

use super::address::Address;
use super::facts::Socket;
use crate::linux::kernel::call::Result;
use crate::linux::kernel::constants::{IPV6_ADDR_PREFERENCES, NO_PREFERENCES, SO_BINDTOIFINDEX};
use crate::linux::kernel::descriptors::close;
use crate::linux::kernel::rtnetlink::{self, Answer, Question};
use crate::linux::kernel::sockets;
use core::ffi::c_int;

/// Both ends of a connection that has not been made.
pub struct Route {
    /// Our own address.
    pub source: Address,
    /// The peer's: where the program says 0.0.0.0 or `::`, the kernel goes to the loopback address.
    pub peer: Address,
    /// Set if the peer is this host.
    pub is_local: bool,
}

/// Facts of a socket that decide about the way of its packets, besides their addresses. What is
/// known of a new one leaves these options out.
struct Wishes {
    interface: c_int,
    mark: u32,
    tos: u8,
    /// Kinds of IPv6 addresses it likes best, if it has been told to say.
    preferences: Option<c_int>,
}

impl Wishes {
    fn of(socket: &Socket, v4: bool) -> Self {
        let option = |level, name| sockets::getsockopt::<c_int>(socket.fd, level, name).ok();
        let preferences = if v4 { None } else { option(libc::IPPROTO_IPV6, IPV6_ADDR_PREFERENCES) };
        Self {
            interface: socket.interface(),
            mark: option(libc::SOL_SOCKET, libc::SO_MARK).unwrap_or(0) as u32,
            tos: if v4 { option(libc::SOL_IP, libc::IP_TOS).unwrap_or(0) as u8 & !3 } else { 0 },
            preferences: preferences.filter(|preferences| *preferences != NO_PREFERENCES),
        }
    }
}

/// Finds the way, without binding a port. `local` is the address that the program's
/// socket is bound to, if any.
///
/// # Errors
/// The error that a connect to `peer` would meet in routing: ENETUNREACH, EHOSTUNREACH, …
pub fn find(socket: &Socket, local: &Address, peer: &Address) -> Result<Route> {
    let v4 = peer.family() == libc::AF_INET || peer.is_mapped() || local.is_mapped();
    match mute(local, peer) {
        // That comes after the look for a route.
        Some(libc::EAFNOSUPPORT) => {
            let any = find(socket, &Address::any(libc::AF_INET6), peer);
            return Err(any.err().filter(|error| *error != UNTOLD).unwrap_or(libc::EAFNOSUPPORT));
        }
        Some(error) => return Err(error),
        None => {}
    }
    let wishes = Wishes::of(socket, v4);
    if peer.is_link_local() && peer.interface() == 0 && wishes.interface == 0 {
        return Err(libc::EINVAL); // as tcp_v6_connect says
    }
    // Which of its addresses 0.0.0.0 then is, and which interface counts, is the kernel's to say.
    let ambiguous = wishes.interface != 0 && (v4 && peer.unmapped().is_wildcard() || peer.interface() != 0);
    let (from, to) = ends(local, peer, v4);
    if wishes.preferences.is_none()
        && !ambiguous
        && let Some(told) = told(&from, &to, &wishes)
    {
        return told;
    }
    shown(socket, local, peer, &wishes)
}

/// Why a socket at `local` does not speak to `peer` at all: one that is bound to an address of the
/// one kind has no way to the other kind; nobody has a way to many at once.
fn mute(local: &Address, peer: &Address) -> Option<c_int> {
    let is_v4 = |address: &Address| address.family() == libc::AF_INET || address.is_mapped();
    if peer.is_multicast() {
        return Some(libc::ENETUNREACH);
    }
    if local.is_wildcard() || is_v4(local) == is_v4(peer) || local.is_mapped() && peer.is_wildcard() {
        return None;
    }
    Some(if local.is_mapped() { libc::EAFNOSUPPORT } else { libc::ENETUNREACH })
}

/// Both addresses as the kernel routes them: as plain IPv4 addresses where they are mapped ones,
/// and with one of this host for a peer that is none.
fn ends(local: &Address, peer: &Address, v4: bool) -> (Address, Address) {
    let (from, to) = if v4 { (local.unmapped(), peer.unmapped()) } else { (*local, *peer) };
    if !to.is_wildcard() {
        return (from, to);
    }
    let mut ip = [0; 16];
    match v4 {
        false => ip[15] = 1,
        // `::` itself is never taken for the address that a socket is bound to.
        true if from.is_wildcard() || peer.is_wildcard() && peer.family() == libc::AF_INET6 => {
            ip[..4].copy_from_slice(&[127, 0, 0, 1]);
        }
        true => ip = from.ip(),
    }
    (from, to.with_ip(ip))
}

/// Asks the kernel's routing. `None` where it does not say.
fn told(from: &Address, to: &Address, wishes: &Wishes) -> Option<Result<Route>> {
    // A link-local peer names its interface; else it is the one that the socket is confined to.
    let interface = if wishes.interface == 0 { to.interface() } else { wishes.interface as u32 };
    let question = Question { from, to, interface, mark: wishes.mark, tos: wishes.tos };
    let fd = sockets::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).ok()?;
    let mut reply = [0u8; 512];
    let read = sockets::send(fd, question.request().bytes()).and_then(|_| sockets::recv(fd, &mut reply));
    close(fd);
    match rtnetlink::read(reply.get(..read.ok()?)?)? {
        Ok(Answer::Way { is_local, source }) => {
            let source = if from.is_wildcard() { to.with_ip(source?).with_port(0) } else { *from };
            Some(Ok(Route { source, peer: *to, is_local }))
        }
        Ok(Answer::ToMany) => Some(Err(libc::ENETUNREACH)), // as in `seen`
        // EINVAL also says that this kernel does not know the question.
        Err(error) => (is_unreachable(error) && error != libc::EINVAL).then_some(Err(error)),
    }
}

/// Asks where netlink does not say, or not for such a socket: by connecting a datagram socket of
/// our own, which sends nothing. For that moment it has a port of the kernel's choice.
fn shown(socket: &Socket, local: &Address, peer: &Address, wishes: &Wishes) -> Result<Route> {
    let fd = sockets::socket(socket.family, libc::SOCK_DGRAM, 0).map_err(|_| UNTOLD)?;
    let way = seen(fd, local, peer, wishes);
    close(fd);
    way
}

fn seen(fd: c_int, local: &Address, peer: &Address, wishes: &Wishes) -> Result<Route> {
    if wishes.interface != 0 {
        sockets::setsockopt(fd, libc::SOL_SOCKET, SO_BINDTOIFINDEX, wishes.interface).map_err(|_| UNTOLD)?;
    }
    if wishes.mark != 0 {
        let _ = sockets::setsockopt(fd, libc::SOL_SOCKET, libc::SO_MARK, wishes.mark);
    }
    if wishes.tos != 0 {
        let _ = sockets::setsockopt(fd, libc::SOL_IP, libc::IP_TOS, c_int::from(wishes.tos));
    }
    if let Some(preferences) = wishes.preferences {
        let _ = sockets::setsockopt(fd, libc::IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, preferences);
    }
    if !local.is_wildcard() {
        let local = local.with_port(0);
        sockets::bind(fd, local.storage(), local.len()).map_err(|_| UNTOLD)?;
    }
    let target = if peer.port() == 0 { peer.with_port(1) } else { *peer };
    let connect = || sockets::connect(fd, target.storage(), target.len());
    // To many at once TCP has no way: tcp_v4_connect and tcp_v6_connect say ENETUNREACH.
    let broadcast = || {
        let allowed = sockets::setsockopt::<c_int>(fd, libc::SOL_SOCKET, libc::SO_BROADCAST, 1);
        allowed.and_then(|()| connect()).map_or_else(|error| error, |()| libc::ENETUNREACH)
    };
    connect().map_err(|error| if error == libc::EACCES { broadcast() } else { error })?;
    let (source, peer) = (Address::local(fd)?, Address::remote(fd)?.with_port(peer.port()));
    Ok(Route { source, peer, is_local: peer.is_loopback() || peer.ip() == source.ip() })
}

/// An error of [`find`] where there was no way to ask.
const UNTOLD: c_int = libc::EOPNOTSUPP;

/// Tells whether an error of [`find`] says that there is no way to the peer, rather than no way to
/// ask.
pub fn is_unreachable(error: c_int) -> bool {
    matches!(error, libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL | libc::EAFNOSUPPORT)
}
