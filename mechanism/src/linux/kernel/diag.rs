//! Asks the kernel about sockets, by sock_diag(7): whether a connection with a given 4-tuple
//! exists, and whether any socket at all is bound inside a range.

use super::call::Result;
use super::constants::{NLMSG_DONE, NLMSG_ERROR, TCP_LISTEN as LISTEN, TCP_TIME_WAIT as TIME_WAIT};
use super::descriptors::close;
use super::sockets::{recv, send, socket};
use super::tcp_table::{State, resting};
use crate::address::Address;
use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use portshim_policy::ports::{PortRange, Scope, ScopeSet};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// A netlink header, and the request of linux/inet_diag.h after it.
const REQUEST: usize = 16 + 56;
/// Place where the reply's state and timer stand, after the netlink header.
const STATE: usize = 16 + 1;
const EXPIRES: usize = 16 + 4 + 48;
/// The same for the socket's own port and address, and where the attributes begin.
const PORT: usize = 16 + 4;
const SOURCE: usize = 16 + 8;
const ATTRIBUTES: usize = 16 + 72;
/// Attribute: whether a socket of IPv6 keeps to it, in one byte.
const SKV6ONLY: u16 = 11;
/// The kernel's filter for ports: at least, at most.
const S_GE: u8 = 2;
const S_LE: u8 = 3;
/// A request with such a filter of four words.
const DUMP: usize = REQUEST + 4 + 16;
/// Set if sock_diag was seen to know TCP. Where it does not, for want of a module, it says of every
/// 4-tuple that there is none.
static KNOWS_TCP: AtomicBool = AtomicBool::new(false);

/// A netlink socket, open for the length of one request's tries.
pub struct Diag {
    fd: c_int,
}

impl Diag {
    /// `None` where the kernel offers no sock_diag for TCP.
    pub fn open() -> Option<Self> {
        let diag = Self::opened().ok()?;
        if !KNOWS_TCP.load(Relaxed) {
            diag.knows_tcp().ok()?;
            KNOWS_TCP.store(true, Relaxed);
        }
        Some(diag)
    }

    /// Asks for the TCP sockets that are in no state at all: where the kernel can tell, it is an
    /// empty list.
    fn knows_tcp(&self) -> Result<()> {
        let mut reply = [0u8; 256];
        send(self.fd, &dump(libc::AF_INET, libc::IPPROTO_TCP, PortRange::ALL, 0))?;
        let len = recv(self.fd, &mut reply)?;
        let done = reply[4..6] == NLMSG_DONE.to_ne_bytes();
        if done && number(&reply[..len]).is_none() { Ok(()) } else { Err(libc::EOPNOTSUPP) }
    }

    fn opened() -> Result<Self> {
        socket(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_SOCK_DIAG).map(|fd| Self { fd })
    }

    /// State of the TCP connection from `local` to `peer`.
    ///
    /// # Errors
    /// Any, where the kernel does not tell.
    pub fn state(&self, local: &Address, peer: &Address, interface: i32) -> Result<State> {
        let mut reply = [0u8; 512];
        send(self.fd, &request(local, peer, interface))?;
        let len = recv(self.fd, &mut reply)?;
        state_of(&reply[..len])
    }
}

/// State of a connection, by a reply.
///
/// # Errors
/// Any, where it says nothing.
fn state_of(reply: &[u8]) -> Result<State> {
    match reply.get(4..6) {
        Some(kind) if kind == NLMSG_ERROR.to_ne_bytes() => match number(reply) {
            Some(libc::ENOENT) => Ok(State::Free),
            error => Err(error.unwrap_or(libc::EOPNOTSUPP)),
        },
        Some(kind) if kind == SOCK_DIAG_BY_FAMILY.to_ne_bytes() => {
            let left = *reply.get(EXPIRES..).and_then(|left| left.first_chunk()).ok_or(libc::EOPNOTSUPP)?;
            Ok(match reply[STATE] {
                // The look-up falls back to a listener on the same port, which is no connection.
                LISTEN => State::Free,
                TIME_WAIT => resting(u32::from_ne_bytes(left)),
                _ => State::Taken,
            })
        }
        _ => Err(libc::EOPNOTSUPP),
    }
}

/// A port of `range` that a socket of any process is bound to in one of `scopes`, be it in
/// TIME_WAIT. The error is EMFILE, ENFILE or ENOMEM where asking takes more than there is, else
/// EOPNOTSUPP: the kernel does not tell.
pub fn bound_port(range: PortRange, scopes: ScopeSet) -> Result<Option<u16>> {
    let [v4, v6] = [[Scope::Tcp4, Scope::Udp4], [Scope::Tcp6, Scope::Udp6]];
    for (n, protocols) in
        [&[libc::IPPROTO_TCP][..], &[libc::IPPROTO_UDP, libc::IPPROTO_UDPLITE]].into_iter().enumerate()
    {
        let wants = (scopes.contains(v4[n]), scopes.contains(v6[n]));
        if wants == (false, false) {
            continue;
        }
        for protocol in protocols {
            for family in [libc::AF_INET, libc::AF_INET6] {
                if family == libc::AF_INET && !wants.0 {
                    continue;
                }
                let told = Diag::opened().and_then(|diag| diag.bound(family, *protocol, range, wants));
                match told.map_err(untold) {
                    // A kernel without UDP-Lite has none of its sockets.
                    Err(libc::EOPNOTSUPP) if *protocol == libc::IPPROTO_UDPLITE => {}
                    Ok(None) => {}
                    told => return told,
                }
            }
        }
    }
    Ok(None)
}

fn untold(error: c_int) -> c_int {
    match error {
        libc::EMFILE | libc::ENFILE => error,
        libc::ENOMEM | libc::ENOBUFS => libc::ENOMEM,
        _ => libc::EOPNOTSUPP,
    }
}

/// Result of a dump of a range.
enum Dumped {
    /// This port of it is taken.
    Port(u16),
    /// A socket lost its port while the kernel was telling of it: into TIME_WAIT perhaps, where it
    /// has it still.
    Moving,
    /// None is taken.
    None,
}

/// Number of times that it is asked while sockets are moving.
const DUMPS: u32 = 5;

impl Diag {
    /// A port of `range` that is taken by a socket of this family and protocol, for IPv4 or IPv6 as
    /// `wants` says.
    fn bound(&self, family: c_int, protocol: c_int, range: PortRange, wants: (bool, bool)) -> Result<Option<u16>> {
        for _ in 0..DUMPS {
            match self.dumped(family, protocol, range, wants)? {
                Dumped::Moving => {}
                Dumped::Port(port) => return Ok(Some(port)),
                Dumped::None => return Ok(None),
            }
        }
        Ok(None)
    }

    fn dumped(&self, family: c_int, protocol: c_int, range: PortRange, wants: (bool, bool)) -> Result<Dumped> {
        send(self.fd, &dump(family, protocol, range, u32::MAX))?;
        let mut reply = [0u8; 8192];
        let mut found = Dumped::None;
        loop {
            let len = recv(self.fd, &mut reply)?;
            let mut left = &reply[..len];
            while let Some((header, _)) = left.split_at_checked(16) {
                let size = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
                let Some(message) = left.get(..size).filter(|message| message.len() >= 16) else {
                    return Err(libc::EOPNOTSUPP);
                };
                match u16::from_ne_bytes([header[4], header[5]]) {
                    SOCK_DIAG_BY_FAMILY if message.len() >= ATTRIBUTES => {
                        let port = u16::from_be_bytes([message[PORT], message[PORT + 1]]);
                        match port {
                            _ if !takes(message, family, wants) => {}
                            0 => found = Dumped::Moving,
                            _ if range.contains(port) => return Ok(Dumped::Port(port)),
                            _ => {}
                        }
                    }
                    // What became of the dump: ENOENT where the kernel, or a module that it lacks,
                    // knows no such sockets.
                    NLMSG_DONE => return number(message).map_or(Ok(found), Err),
                    NLMSG_ERROR => return Err(number(message).unwrap_or(libc::EOPNOTSUPP)),
                    _ => return Err(libc::EOPNOTSUPP),
                }
                left = left.get(size.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// The error number of a message that ends a dump, where it tells of one.
fn number(message: &[u8]) -> Option<c_int> {
    let error = i32::from_ne_bytes(*message.get(16..)?.first_chunk()?);
    (error < 0).then(|| error.saturating_neg())
}

/// Tells whether this socket takes its port in a family that is asked for: IPv4, IPv6.
fn takes(message: &[u8], family: c_int, (v4, v6): (bool, bool)) -> bool {
    if family == libc::AF_INET {
        return v4;
    }
    let address = &message[SOURCE..SOURCE + 16];
    if address[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] {
        return v4;
    }
    v6 || v4 && address == [0; 16] && !is_v6_only(&message[ATTRIBUTES..])
}

fn is_v6_only(mut attributes: &[u8]) -> bool {
    while let Some((header, rest)) = attributes.split_at_checked(4) {
        let (size, kind) = (u16::from_ne_bytes([header[0], header[1]]), u16::from_ne_bytes([header[2], header[3]]));
        if kind == SKV6ONLY {
            return rest.first().is_some_and(|only| *only != 0);
        }
        attributes = attributes.get(usize::from(size).max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

impl Drop for Diag {
    fn drop(&mut self) {
        close(self.fd);
    }
}

/// A request for all sockets of a family and protocol, in any of these states, whose own port lies
/// in `range`.
fn dump(family: c_int, protocol: c_int, range: PortRange, states: u32) -> [u8; DUMP] {
    let mut message = [0; DUMP];
    message[..4].copy_from_slice(&(DUMP as u32).to_ne_bytes());
    message[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message[6..8].copy_from_slice(&((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
    message[16] = family as u8;
    message[17] = protocol as u8;
    message[20..24].copy_from_slice(&states.to_ne_bytes());
    let filter = &mut message[REQUEST..];
    filter[..2].copy_from_slice(&20u16.to_ne_bytes());
    filter[2..4].copy_from_slice(&1u16.to_ne_bytes()); // INET_DIAG_REQ_BYTECODE
    // Each comparison says how far to go on where it holds, and where it does not: there, past the
    // end.
    for (at, code, past, port) in [(4, S_GE, 20u16, range.first()), (12, S_LE, 12, range.last())] {
        filter[at] = code;
        filter[at + 1] = 8;
        filter[at + 2..at + 4].copy_from_slice(&past.to_ne_bytes());
        filter[at + 6..at + 8].copy_from_slice(&port.to_ne_bytes());
    }
    message
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`, as bytes.
fn request(local: &Address, peer: &Address, interface: i32) -> [u8; REQUEST] {
    let v4 = local.family() == libc::AF_INET || local.is_mapped() || peer.is_mapped();
    let bytes = |address: &Address| {
        let ip = address.ip();
        if v4 && address.family() == libc::AF_INET6 {
            let mut short = [0; 16];
            short[..4].copy_from_slice(&ip[12..]);
            short
        } else {
            ip
        }
    };
    let mut message = [0; REQUEST];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        message[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(&(REQUEST as u32).to_ne_bytes());
    put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    put(&[0; 8]);
    put(&[if v4 { libc::AF_INET } else { libc::AF_INET6 } as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    put(&u32::MAX.to_ne_bytes());
    put(&local.port().to_be_bytes());
    put(&peer.port().to_be_bytes());
    put(&bytes(local));
    put(&bytes(peer));
    // A link-local peer names its interface; else it is the one that the socket is confined to.
    put(&if interface == 0 && !v4 { peer.interface() as i32 } else { interface }.to_ne_bytes());
    put(&[0xff; 8]); // no cookie is known
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(family: c_int, ip: &[u8], port: u16) -> Address {
        let mut whole = [0; 16];
        whole[..ip.len()].copy_from_slice(ip);
        Address::any(family).with_ip(whole).with_port(port)
    }

    /// A message of one socket, or of an error.
    fn message(kind: u16, len: usize) -> Vec<u8> {
        let mut message = vec![0; len];
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message
    }

    #[test]
    fn a_request_names_both_ends_in_network_order() {
        let local = address(libc::AF_INET, &[127, 0, 0, 1], 0x1234);
        let peer = address(libc::AF_INET, &[10, 0, 0, 2], 443);
        let message = request(&local, &peer, 7);
        assert_eq!(u32::from_ne_bytes(*message.first_chunk().unwrap()) as usize, message.len());
        assert_eq!((message[16], message[17]), (libc::AF_INET as u8, libc::IPPROTO_TCP as u8));
        assert_eq!(message[24..28], [0x12, 0x34, 1, 187]);
        assert_eq!((&message[28..32], &message[44..48]), (&[127, 0, 0, 1][..], &[10, 0, 0, 2][..]));
        assert_eq!(message[60..64], 7i32.to_ne_bytes());
    }

    #[test]
    fn a_mapped_peer_is_asked_about_as_ipv4() {
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2];
        let message = request(&Address::any(libc::AF_INET6), &address(libc::AF_INET6, &mapped, 1), 0);
        assert_eq!((message[16], &message[44..48]), (libc::AF_INET as u8, &[10, 0, 0, 2][..]));
    }

    #[test]
    fn a_dump_is_filtered_by_port() {
        let range = PortRange::new(258, 772).unwrap();
        let message = dump(libc::AF_INET6, libc::IPPROTO_UDP, range, 3);
        let filter = &message[REQUEST + 4..];
        assert_eq!(filter[..8], [S_GE, 8, 20, 0, 0, 0, 2, 1]);
        assert_eq!(filter[8..], [S_LE, 8, 12, 0, 0, 0, 4, 3]);
        assert_eq!(message[20..24], 3u32.to_ne_bytes());
    }

    #[test]
    fn replies_tell_what_there_is_of_a_connection() {
        let mut refused = message(NLMSG_ERROR, 36);
        for (error, said) in
            [(libc::ENOENT, Ok(State::Free)), (libc::EPERM, Err(libc::EPERM)), (0, Err(libc::EOPNOTSUPP))]
        {
            refused[16..20].copy_from_slice(&(-error).to_ne_bytes());
            assert!(state_of(&refused) == said, "{error}");
        }
        let mut found = message(SOCK_DIAG_BY_FAMILY, ATTRIBUTES);
        found[EXPIRES..EXPIRES + 4].copy_from_slice(&59_000u32.to_ne_bytes());
        for (state, said) in [(1, State::Taken), (LISTEN, State::Free), (TIME_WAIT, State::Resting(1000))] {
            found[STATE] = state;
            assert!(state_of(&found) == Ok(said), "{state}");
        }
        for cut in 0..EXPIRES + 4 {
            assert!(state_of(&found[..cut]).is_err(), "{cut} bytes");
        }
    }

    #[test]
    fn a_dual_socket_takes_its_port_in_ipv4_unless_it_is_v6_only() {
        let mut found = message(SOCK_DIAG_BY_FAMILY, ATTRIBUTES + 8);
        assert!(takes(&found, libc::AF_INET6, (true, false)));
        found[ATTRIBUTES..ATTRIBUTES + 2].copy_from_slice(&5u16.to_ne_bytes());
        found[ATTRIBUTES + 2..ATTRIBUTES + 4].copy_from_slice(&SKV6ONLY.to_ne_bytes());
        found[ATTRIBUTES + 4] = 1;
        assert!(!takes(&found, libc::AF_INET6, (true, false)));
        assert!(takes(&found, libc::AF_INET6, (false, true)));
    }
}
