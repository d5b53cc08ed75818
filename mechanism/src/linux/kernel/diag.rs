//! Asks the kernel about sockets, by sock_diag(7): whether a connection with a given 4-tuple
//! exists, and whether any socket at all is bound inside a range.

use super::call::Result;
use super::constants::{NLMSG_DONE, NLMSG_ERROR, TCP_LISTEN as LISTEN, TCP_TIME_WAIT as TIME_WAIT};
use super::descriptors::close;
use super::netlink::{self, Message, Request, messages};
use super::sockets::{recv, send, socket};
use super::tcp_table::{State, resting};
use crate::address::Address;
use core::ffi::c_int;
use core::ops::{ControlFlow, Deref};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use portshim_policy::ports::{PortRange, Scope, ScopeSet};
use zerocopy::FromBytes;
use zerocopy::network_endian::U16;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The length of `struct inet_diag_req_v2`, and of a request with it.
const QUESTION: usize = 56;
const SHORTEST: usize = 16 + QUESTION;
/// The length of a request with every attribute.
pub const LONGEST: usize = SHORTEST + 8 + 4 + 16;
/// Attributes of a request: which ports, as a program that the kernel runs, and a protocol whose
/// number does not fit into a byte.
const BYTECODE: u16 = 1;
const PROTOCOL: u16 = 3;
/// Steps of such a program, which compare the socket's own port: at least, at most.
const S_GE: u8 = 2;
const S_LE: u8 = 3;
/// Attribute of one byte: set if a socket of IPv6 keeps to IPv6.
const SKV6ONLY: u16 = 11;
/// Set if sock_diag was seen to know TCP. Where it does not, for want of a module, it says of
/// every 4-tuple that there is none.
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
        send(self.fd, dump(libc::AF_INET, libc::IPPROTO_TCP, 0).bytes())?;
        let len = recv(self.fd, &mut reply)?;
        match messages(&reply[..len]).next() {
            Some(Ok(Message { kind: NLMSG_DONE, body })) if netlink::error(body).is_none() => Ok(()),
            _ => Err(libc::EOPNOTSUPP),
        }
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
        send(self.fd, request(local, peer, interface).bytes())?;
        let len = recv(self.fd, &mut reply)?;
        state_of(&reply[..len])
    }
}

/// Answer about a connection.
///
/// # Errors
/// Any, where it says nothing.
fn state_of(reply: &[u8]) -> Result<State> {
    let message = messages(reply).next().ok_or(libc::EOPNOTSUPP)??;
    if message.kind == NLMSG_ERROR {
        return match netlink::error(message.body) {
            Some(libc::ENOENT) => Ok(State::Free),
            error => Err(error.unwrap_or(libc::EOPNOTSUPP)),
        };
    }
    let told = Told::of(message).ok_or(libc::EOPNOTSUPP)?;
    Ok(match told.state {
        // The look-up falls back to a listener on the same port, which is no connection.
        LISTEN => State::Free,
        TIME_WAIT => resting(told.expires),
        _ => State::Taken,
    })
}

/// Facts of a socket, as the kernel tells them: `struct inet_diag_msg`.
#[derive(Clone, Copy, FromBytes)]
#[repr(C)]
pub struct Facts {
    /// AF_INET or AF_INET6.
    pub family: u8,
    /// The state, as the kernel numbers those of TCP.
    pub state: u8,
    _timer: [u8; 2],
    /// The socket's own port; 0 where it has none, or has just lost it.
    pub port: U16,
    /// The port of its peer; 0 where it has none.
    pub peer_port: U16,
    /// The socket's own address; 4 bytes of IPv4, and others behind them that mean nothing.
    pub source: [u8; 16],
    /// The address of its peer, as its own.
    pub destination: [u8; 16],
    _interface_and_cookie: [u32; 3],
    /// In how many milliseconds the socket's timer ends.
    pub expires: u32,
    _queues: [u32; 2],
    /// The user whose socket it is; 0 also where it is nobody's any more.
    pub user: u32,
    /// The inode by which the descriptors of processes name it; 0 where no process has it.
    pub inode: u32,
}

/// What is told of a socket.
#[derive(Clone, Copy)]
pub struct Told {
    facts: Facts,
    /// Set if a socket of IPv6 keeps out of IPv4.
    pub is_v6_only: bool,
}

impl Deref for Told {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl Told {
    /// Reads a message; `None` where it tells of no socket.
    pub fn of(message: Message<'_>) -> Option<Self> {
        let (facts, attributes) = Facts::read_from_prefix(message.body).ok()?;
        let v6_only = netlink::attribute(attributes, SKV6ONLY).and_then(|value| value.first());
        let is_v6_only = v6_only.is_some_and(|only| *only != 0);
        (message.kind == SOCK_DIAG_BY_FAMILY).then_some(Self { facts, is_v6_only })
    }

    /// Tells whether the socket takes its port in a family that is asked for: IPv4, IPv6.
    fn takes(&self, (v4, v6): (bool, bool)) -> bool {
        if c_int::from(self.family) == libc::AF_INET {
            return v4;
        }
        let address = self.source;
        if address[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] {
            return v4;
        }
        v6 || v4 && address == [0; 16] && !self.is_v6_only
    }
}

/// A port of `range` that a socket of any process is bound to in one of `scopes`, be it in
/// TIME_WAIT. The error is EMFILE, ENFILE or ENOMEM where asking takes more than there is, else
/// EOPNOTSUPP: the kernel does not tell.
pub fn bound_port(range: PortRange, scopes: ScopeSet) -> Result<Option<u16>> {
    each_bound(range, scopes, &mut ControlFlow::Break).map(ControlFlow::break_value)
}

/// Number of ports that are asked about at once, as many as there is room for on a small stack.
const WINDOW: u16 = 1 << 11;

/// Fills `found` with ports of `scope` that no socket of any process is bound to, in ascending
/// order, and says how many there are. `next` gives the lowest of those in question that is not
/// below a port. Errors are those of [`bound_port`].
pub fn unused(scope: Scope, next: impl Fn(u16) -> Option<u16>, found: &mut [PortRange]) -> Result<usize> {
    let (mut count, mut from) = (0, Some(1));
    while let Some(first) = from.filter(|_| count < found.len()).and_then(&next) {
        let window = PortRange::new(first, first.saturating_add(WINDOW - 1)).map_err(|_| libc::EINVAL)?;
        let mut taken = [0u64; WINDOW as usize / 64];
        let place = |port: u16| (usize::from(port - first) / 64, 1 << ((port - first) % 64));
        let _ = each_bound(window, scope.into(), &mut |port| {
            let (word, bit) = place(port);
            taken[word] |= bit;
            ControlFlow::Continue(())
        })?;
        let mut port = Some(first);
        while let Some(one) = port.filter(|one| window.contains(*one) && count < found.len()) {
            let (word, bit) = place(one);
            if taken[word] & bit == 0 {
                found[count] = PortRange::single(one);
                count += 1;
            }
            port = one.checked_add(1).and_then(&next);
        }
        from = window.last().checked_add(1);
    }
    Ok(count)
}

/// Who is told of a port, and says whether to go on.
type Each<'a> = &'a mut dyn FnMut(u16) -> ControlFlow<u16>;

/// Tells of the ports of `range` that sockets are bound to in any of `scopes`, of some perhaps more
/// than once.
fn each_bound(range: PortRange, scopes: ScopeSet, each: Each<'_>) -> Result<ControlFlow<u16>> {
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
                let told = Diag::opened().and_then(|diag| diag.bound(family, *protocol, range, wants, each));
                match told.map_err(untold) {
                    // A kernel without UDP-Lite has none of its sockets.
                    Err(libc::EOPNOTSUPP) if *protocol == libc::IPPROTO_UDPLITE => {}
                    Ok(ControlFlow::Continue(())) => {}
                    told => return told,
                }
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn untold(error: c_int) -> c_int {
    match error {
        libc::EMFILE | libc::ENFILE => error,
        libc::ENOMEM | libc::ENOBUFS => libc::ENOMEM,
        _ => libc::EOPNOTSUPP,
    }
}

/// Number of times it is asked while sockets are moving.
const DUMPS: u32 = 5;

impl Diag {
    /// Tells of the ports of `range` that are taken by sockets of this family and protocol, for
    /// IPv4 or IPv6 as `wants` says.
    fn bound(
        &self,
        family: c_int,
        protocol: c_int,
        range: PortRange,
        wants: (bool, bool),
        each: Each<'_>,
    ) -> Result<ControlFlow<u16>> {
        for _ in 0..DUMPS {
            let mut moving = false;
            let told = self.dumped(family, protocol, range, wants, &mut |port| match port {
                // It lost its port while the kernel was telling of it: into TIME_WAIT perhaps,
                // where it has it still.
                0 => {
                    moving = true;
                    ControlFlow::Continue(())
                }
                port if range.contains(port) => each(port),
                _ => ControlFlow::Continue(()),
            })?;
            if told.is_break() || !moving {
                return Ok(told);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn dumped(
        &self,
        family: c_int,
        protocol: c_int,
        range: PortRange,
        wants: (bool, bool),
        each: Each<'_>,
    ) -> Result<ControlFlow<u16>> {
        let mut question = dump(family, protocol, u32::MAX);
        question.attribute(BYTECODE, &between(range));
        send(self.fd, question.bytes())?;
        let mut reply = [0u8; 8192];
        loop {
            let len = recv(self.fd, &mut reply)?;
            for message in messages(&reply[..len]) {
                let message = message?;
                match message.kind {
                    // What became of the dump: ENOENT where the kernel, or a module that it lacks,
                    // knows no such sockets.
                    NLMSG_DONE => {
                        return netlink::error(message.body).map_or(Ok(ControlFlow::Continue(())), Err);
                    }
                    NLMSG_ERROR => return Err(netlink::error(message.body).unwrap_or(libc::EOPNOTSUPP)),
                    _ => {}
                }
                let told = Told::of(message).ok_or(libc::EOPNOTSUPP)?;
                if told.takes(wants)
                    && let stop @ ControlFlow::Break(_) = each(told.port.get())
                {
                    return Ok(stop);
                }
            }
        }
    }
}

impl Drop for Diag {
    fn drop(&mut self) {
        close(self.fd);
    }
}

/// A request for all sockets of a family and protocol that are in any of these states: a bit each,
/// also for those that are bound and nothing else (Linux 6.8).
pub fn dump(family: c_int, protocol: c_int, states: u32) -> Request<LONGEST> {
    let mut request = Request::new(SOCK_DIAG_BY_FAMILY, libc::NLM_F_DUMP);
    request.put(&[family as u8, protocol as u8, 0, 0]);
    request.put(&states.to_ne_bytes());
    request.put(&[0; QUESTION - 8]);
    if u8::try_from(protocol).is_err() {
        request.attribute(PROTOCOL, &protocol.to_ne_bytes());
    }
    request
}

/// Those alone whose own port lies in `range`. Each comparison says how far to go on where it
/// holds, and where it does not: there, past the end.
fn between(range: PortRange) -> [u8; 16] {
    let mut steps = [0; 16];
    for (at, code, past, port) in [(0, S_GE, 20u16, range.first()), (8, S_LE, 12, range.last())] {
        steps[at] = code;
        steps[at + 1] = 8;
        steps[at + 2..at + 4].copy_from_slice(&past.to_ne_bytes());
        steps[at + 6..at + 8].copy_from_slice(&port.to_ne_bytes());
    }
    steps
}

/// A request for the TCP connection between two addresses.
fn request(local: &Address, peer: &Address, interface: i32) -> Request<SHORTEST> {
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
    let mut request = Request::new(SOCK_DIAG_BY_FAMILY, 0);
    request.put(&[if v4 { libc::AF_INET } else { libc::AF_INET6 } as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    request.put(&u32::MAX.to_ne_bytes());
    request.put(&local.port().to_be_bytes());
    request.put(&peer.port().to_be_bytes());
    request.put(&bytes(local));
    request.put(&bytes(peer));
    // A link-local peer names its interface; else it is the one that the socket is confined to.
    request.put(&if interface == 0 && !v4 { peer.interface() as i32 } else { interface }.to_ne_bytes());
    request.put(&[0xff; 8]); // no cookie is known
    request
}

#[cfg(test)]
mod tests;
