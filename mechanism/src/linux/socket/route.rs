//! Addresses that a connection to a peer would have, or why there would be none.

use super::address::Address;
use super::facts::Socket;
use crate::linux::kernel::call::Result;
use crate::linux::kernel::constants::{IPV6_ADDR_PREFERENCES, NLMSG_ERROR, NO_PREFERENCES, SO_BINDTOIFINDEX};
use crate::linux::kernel::descriptors::close;
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

/// linux/rtnetlink.h.
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_PREFSRC: u16 = 7;
const RTA_MARK: u16 = 16;
const RTA_IP_PROTO: u16 = 27;
const RTA_DPORT: u16 = 29;
const RTN_LOCAL: u8 = 2;
const RTN_BROADCAST: u8 = 3;
const RTN_MULTICAST: u8 = 5;
/// Behind the netlink header, `struct rtmsg`, and behind that the attributes.
const HEADER: usize = 16;
const ATTRIBUTES: usize = HEADER + 12;
/// Place where in the reply the kind of the route stands.
const KIND: usize = HEADER + 7;
/// A request with every attribute.
const LONGEST: usize = ATTRIBUTES + 20 + 20 + 8 + 8 + 8 + 8;

/// Options of a socket about the way that its packets take, besides their addresses. What is known
/// of a new one leaves these options out.
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

/// Place where the way leads, without a port being bound. `local` is the address that the program's
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

/// Reason why a socket at `local` does not speak to `peer` at all: one that is bound to an address
/// of the one kind has no way to the other kind; nobody has a way to many at once.
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

/// Asks rtnetlink(7). `None` where it does not say.
fn told(from: &Address, to: &Address, wishes: &Wishes) -> Option<Result<Route>> {
    let fd = sockets::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).ok()?;
    let mut reply = [0u8; 512];
    let (request, len) = request(from, to, wishes);
    let read = sockets::send(fd, &request[..len]).and_then(|_| sockets::recv(fd, &mut reply));
    close(fd);
    answer(reply.get(..read.ok()?)?, from, to)
}

fn answer(reply: &[u8], from: &Address, to: &Address) -> Option<Result<Route>> {
    match u16::from_ne_bytes(*reply.get(4..)?.first_chunk()?) {
        RTM_NEWROUTE => {}
        NLMSG_ERROR => {
            let error = i32::from_ne_bytes(*reply.get(HEADER..)?.first_chunk()?).wrapping_neg();
            // EINVAL also says that this kernel does not know the question.
            return (is_unreachable(error) && error != libc::EINVAL).then_some(Err(error));
        }
        _ => return None,
    }
    let kind = *reply.get(KIND)?;
    if matches!(kind, RTN_BROADCAST | RTN_MULTICAST) {
        return Some(Err(libc::ENETUNREACH)); // as in `seen`
    }
    let source = if from.is_wildcard() { to.with_ip(preferred(reply.get(ATTRIBUTES..)?)?).with_port(0) } else { *from };
    Some(Ok(Route { source, peer: *to, is_local: kind == RTN_LOCAL }))
}

/// The source address that the kernel names.
fn preferred(mut attributes: &[u8]) -> Option<[u8; 16]> {
    loop {
        let (header, rest) = attributes.split_at_checked(4)?;
        let (size, kind) = (u16::from_ne_bytes([header[0], header[1]]), u16::from_ne_bytes([header[2], header[3]]));
        let size = usize::from(size).max(4);
        if kind == RTA_PREFSRC {
            let value = rest.get(..size - 4)?;
            let mut ip = [0; 16];
            ip.get_mut(..value.len())?.copy_from_slice(value);
            return Some(ip);
        }
        attributes = attributes.get(size.next_multiple_of(4)..)?;
    }
}

/// A message that asks for the route of a TCP connection, and how long it is.
fn request(from: &Address, to: &Address, wishes: &Wishes) -> ([u8; LONGEST], usize) {
    let width = if to.family() == libc::AF_INET { 4 } else { 16 };
    let bits = (width * 8) as u8;
    let mut message = [0; LONGEST];
    let mut len = ATTRIBUTES;
    let mut put = |kind: u16, value: &[u8]| {
        message[len..len + 2].copy_from_slice(&(4 + value.len() as u16).to_ne_bytes());
        message[len + 2..len + 4].copy_from_slice(&kind.to_ne_bytes());
        message[len + 4..len + 4 + value.len()].copy_from_slice(value);
        len += 4 + value.len().next_multiple_of(4);
    };
    put(RTA_DST, &to.ip()[..width]);
    if !from.is_wildcard() {
        put(RTA_SRC, &from.ip()[..width]);
    }
    // A link-local peer names its interface; else it is the one that the socket is confined to.
    let interface = if wishes.interface == 0 { to.interface() } else { wishes.interface as u32 };
    if interface != 0 {
        put(RTA_OIF, &interface.to_ne_bytes());
    }
    if wishes.mark != 0 {
        put(RTA_MARK, &wishes.mark.to_ne_bytes());
    }
    put(RTA_IP_PROTO, &[libc::IPPROTO_TCP as u8]);
    if to.port() != 0 {
        put(RTA_DPORT, &to.port().to_be_bytes());
    }
    message[..4].copy_from_slice(&(len as u32).to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_GETROUTE.to_ne_bytes());
    message[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    let sources = if from.is_wildcard() { 0 } else { bits };
    message[HEADER..HEADER + 4].copy_from_slice(&[to.family() as u8, bits, sources, wishes.tos]);
    (message, len)
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

#[cfg(test)]
mod tests {
    use super::*;

    const NO_WISHES: Wishes = Wishes { interface: 0, mark: 0, tos: 0, preferences: None };

    fn address(family: c_int, ip: &[u8], port: u16) -> Address {
        let mut whole = [0; 16];
        whole[..ip.len()].copy_from_slice(ip);
        Address::any(family).with_ip(whole).with_port(port)
    }

    /// The attributes of a message, by their kinds.
    fn attributes(message: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut rest = &message[ATTRIBUTES..];
        let mut found = Vec::new();
        while let [a, b, c, d, ..] = *rest {
            let len = usize::from(u16::from_ne_bytes([a, b]));
            found.push((u16::from_ne_bytes([c, d]), rest[4..len].to_vec()));
            rest = &rest[len.next_multiple_of(4)..];
        }
        found
    }

    fn asked(from: &Address, to: &Address) -> Vec<u8> {
        let fd = sockets::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).unwrap();
        let (request, len) = request(from, to, &NO_WISHES);
        let mut reply = vec![0; 512];
        sockets::send(fd, &request[..len]).unwrap();
        let len = sockets::recv(fd, &mut reply).unwrap();
        close(fd);
        reply.truncate(len);
        reply
    }

    #[test]
    fn a_question_has_the_attributes_that_it_needs() {
        let to = address(libc::AF_INET, &[10, 0, 0, 2], 443);
        let (message, len) = request(&Address::any(libc::AF_INET), &to, &Wishes { tos: 16, ..NO_WISHES });
        assert_eq!(message[..4], (len as u32).to_ne_bytes());
        assert_eq!(message[4..6], RTM_GETROUTE.to_ne_bytes());
        assert_eq!(message[HEADER..HEADER + 4], [libc::AF_INET as u8, 32, 0, 16]);
        let tcp = (RTA_IP_PROTO, vec![libc::IPPROTO_TCP as u8]);
        let expected = [(RTA_DST, vec![10, 0, 0, 2]), tcp.clone(), (RTA_DPORT, vec![1, 187])];
        assert_eq!(attributes(&message[..len]), expected);

        let (from, to) = (address(libc::AF_INET6, &[1; 16], 0), address(libc::AF_INET6, &[2; 16], 9));
        let (message, len) = request(&from, &to, &Wishes { interface: 3, mark: 5, ..NO_WISHES });
        assert_eq!(len, LONGEST);
        assert_eq!(message[HEADER..HEADER + 4], [libc::AF_INET6 as u8, 128, 128, 0]);
        let number = |number: u32| number.to_ne_bytes().to_vec();
        let expected = [
            (RTA_DST, vec![2; 16]),
            (RTA_SRC, vec![1; 16]),
            (RTA_OIF, number(3)),
            (RTA_MARK, number(5)),
            tcp,
            (RTA_DPORT, vec![0, 9]),
        ];
        assert_eq!(attributes(&message[..len]), expected);
    }

    #[test]
    fn the_kernel_answers_for_its_own_addresses() {
        let (any, loopback) = (Address::any(libc::AF_INET), address(libc::AF_INET, &[127, 0, 0, 1], 80));
        let reply = asked(&any, &loopback);
        let route = answer(&reply, &any, &loopback).and_then(Result::ok).expect("there is a way");
        assert!(route.is_local);
        assert_eq!((route.source.ip(), route.source.port()), (loopback.ip(), 0));
        // What is cut short never tells of another address.
        for cut in 0..reply.len() {
            if let Some(told) = answer(&reply[..cut], &any, &loopback) {
                assert!(told.is_ok_and(|route| route.source.ip() == loopback.ip()), "{cut} bytes");
            }
        }
    }

    #[test]
    fn errors_of_routing_are_told_and_others_are_not() {
        let (any, to) = (Address::any(libc::AF_INET), address(libc::AF_INET, &[10, 0, 0, 2], 80));
        let mut reply = [0; HEADER + 4];
        reply[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        for (error, told) in [(libc::ENETUNREACH, true), (libc::EINVAL, false), (libc::EPERM, false), (0, false)] {
            reply[HEADER..].copy_from_slice(&(-error).to_ne_bytes());
            let expected = told.then_some(error);
            assert_eq!(answer(&reply, &any, &to).and_then(Result::err), expected, "{error}");
        }
        // Nobody here has this address to send from.
        let stranger = address(libc::AF_INET, &[203, 0, 113, 7], 0);
        let reply = asked(&stranger, &address(libc::AF_INET, &[127, 0, 0, 1], 80));
        assert_eq!(reply[4..6], NLMSG_ERROR.to_ne_bytes());
    }
}
