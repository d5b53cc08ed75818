//! Asks the kernel for all sockets of this network, by sock_diag(7).
//!
//! By hand: the packets are two structures, and the crates that know them neither ask for MPTCP nor
//! tell which sockets at `::` take IPv4's ports, too.

use super::super::answers::Socket;
use super::socket::address;
use libc::c_int;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use portshim_policy::ports::Transport;
use std::os::fd::{AsRawFd, OwnedFd};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const MPTCP: c_int = 262;
/// Names a protocol whose number does not fit into a request's own byte (linux/inet_diag.h).
const REQUEST_PROTOCOL: u16 = 3;
/// Attribute: whether an IPv6 socket keeps out of IPv4, as a reply tells of sockets that are not
/// connected.
const V6_ONLY: u16 = 11;
const TIME_WAIT: u8 = 6;
/// The lengths of a message's header, of `struct inet_diag_req_v2` and of `struct inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const REPLY: usize = 72;
/// The most that the kernel puts into one piece of its answer is 32 KiB.
const PIECE: usize = 1 << 16;

/// Number of times that it is asked while sockets are moving.
const DUMPS: u32 = 5;

/// Every socket of this thread's network that has a port.
pub(super) fn sockets() -> Result<Vec<Socket>, String> {
    sockets_or_errno().map_err(|errno| format!("sock_diag: {}", errno.desc()))
}

fn sockets_or_errno() -> nix::Result<Vec<Socket>> {
    let diag =
        socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
    let mut sockets = Vec::new();
    for (protocol, transport) in [
        (libc::IPPROTO_TCP, Transport::Tcp),
        (MPTCP, Transport::Tcp),
        (libc::IPPROTO_UDP, Transport::Udp),
        (libc::IPPROTO_UDPLITE, Transport::Udp),
    ] {
        for v6 in [false, true] {
            match settled(&diag, protocol, v6, transport) {
                // MPTCP, UDP-Lite and IPv6 are not part of every kernel.
                Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EINVAL) if protocol != libc::IPPROTO_TCP || v6 => {}
                told => sockets.extend(told?),
            }
        }
    }
    Ok(sockets)
}

/// Asks again while a socket lost its port as the kernel was telling of it: into TIME_WAIT perhaps,
/// where it has it still, and where the kernel had looked already.
fn settled(diag: &OwnedFd, protocol: c_int, v6: bool, transport: Transport) -> nix::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for _ in 0..DUMPS {
        let mut moving = false;
        sockets.clear();
        dump(diag, protocol, v6, |reply| match read(reply, transport) {
            Some(socket) => sockets.push(socket),
            None => moving = true,
        })?;
        if !moving {
            break;
        }
    }
    Ok(sockets)
}

fn dump(diag: &OwnedFd, protocol: c_int, v6: bool, mut each: impl FnMut(&[u8])) -> nix::Result<()> {
    send(diag.as_raw_fd(), &request(protocol, v6), MsgFlags::empty())?;
    let mut piece = vec![0; PIECE];
    loop {
        let len = match recv(diag.as_raw_fd(), &mut piece, MsgFlags::empty()) {
            Err(Errno::EINTR) => continue,
            received => received?,
        };
        let mut rest = &piece[..len];
        while let Some((kind, body, after)) = message(rest) {
            match c_int::from(kind) {
                libc::NLMSG_DONE => return Ok(()),
                libc::NLMSG_ERROR => {
                    let number = body.first_chunk().map_or(0, |number| i32::from_ne_bytes(*number));
                    return Err(Errno::from_raw(-number));
                }
                _ if kind == SOCK_DIAG_BY_FAMILY => each(body),
                _ => {}
            }
            rest = after;
        }
    }
}

/// The first message: its kind, its body, and what comes after it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let len = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let body = bytes.get(HEADER..len)?;
    Some((u16::from_ne_bytes([bytes[4], bytes[5]]), body, bytes.get(aligned(len)..).unwrap_or_default()))
}

const fn aligned(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// Asks for all sockets of a protocol and a family, whatever they are at.
fn request(protocol: c_int, v6: bool) -> Vec<u8> {
    let wide = u8::try_from(protocol).is_err();
    let len = HEADER + REQUEST + if wide { 8 } else { 0 };
    let mut message = Vec::with_capacity(len);
    message.extend((len as u32).to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([if v6 { libc::AF_INET6 } else { libc::AF_INET } as u8, protocol as u8, 0, 0]);
    // Every state, the one of sockets that are bound and nothing else (Linux 6.8) among them.
    message.extend(u32::MAX.to_ne_bytes());
    message.resize(HEADER + REQUEST, 0);
    if wide {
        message.extend(8_u16.to_ne_bytes());
        message.extend(REQUEST_PROTOCOL.to_ne_bytes());
        message.extend(protocol.to_ne_bytes());
    }
    message
}

/// Reads a reply; `None` where the socket has no port.
fn read(reply: &[u8], transport: Transport) -> Option<Socket> {
    let v6 = c_int::from(*reply.first()?) == libc::AF_INET6;
    let (fixed, attributes) = reply.split_at_checked(REPLY)?;
    let port = u16::from_be_bytes([fixed[4], fixed[5]]);
    let ip = address(*fixed[8..].first_chunk()?, v6);
    let only = attribute(attributes, V6_ONLY).and_then(|value| value.first()).is_some_and(|only| *only != 0);
    let inode = u32::from_ne_bytes(*fixed[68..].first_chunk()?);
    let socket = Socket::new(transport, ip, v6, port, !only);
    let waits = transport == Transport::Tcp && fixed[1] == TIME_WAIT;
    (port != 0).then_some(Socket { waits, inode: inode.into(), ..socket })
}

fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let [a, b, c, d] = *rest.first_chunk()?;
        let len = u16::from_ne_bytes([a, b]) as usize;
        let value = rest.get(4..len)?;
        if u16::from_ne_bytes([c, d]) == wanted {
            return Some(value);
        }
        rest = rest.get(aligned(len)..)?;
    }
}
