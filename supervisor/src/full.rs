//! Ports that are held so that whoever is limited to one of them finds none free: what stands for
//! no port where a policy has none left.

use portshim_mechanism::linux::kernel::sockets;
use portshim_mechanism::linux::socket::address::Address;
use portshim_policy::ports::{PortRange, Scope, Transport};
use portshim_policy::region::SharedRules;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A port that is held here.
struct Held {
    port: u16,
    _by: OwnedFd,
}

/// The ports that are held, by transport.
#[derive(Default)]
pub(crate) struct Full {
    tcp: Option<Held>,
    udp: Option<Held>,
}

impl Full {
    fn of(&mut self, transport: Transport) -> &mut Option<Held> {
        match transport {
            Transport::Tcp => &mut self.tcp,
            Transport::Udp => &mut self.udp,
        }
    }

    /// A range of one port that is in use, inside the kernel's `own`: one that the rules have not,
    /// if there is any, for a program may ask for theirs by number. `None` where the rules have
    /// none there.
    pub(crate) fn port(&mut self, rules: &SharedRules, scope: Scope, own: PortRange) -> Option<PortRange> {
        let transport = scope.transport();
        let held = self.of(transport);
        if held.as_ref().is_none_or(|held| !own.contains(held.port)) {
            let theirs = |port: &u16| is_of(rules, transport, *port);
            let ports = (own.first()..=own.last()).rev();
            // Where others have them all, the first will do.
            let any = ports.clone().find(theirs)?;
            let mut ports = ports.clone().filter(|port| !theirs(port)).chain(ports.filter(theirs));
            *held = ports.find_map(|port| Some(Held { port, _by: hold(port, transport)? }));
            return Some(PortRange::single(held.as_ref().map_or(any, |held| held.port)));
        }
        held.as_ref().map(|held| PortRange::single(held.port))
    }

    /// There are ports again, for all: what is held of them is let go. Any other port stays, for a
    /// socket may still be limited to it.
    pub(crate) fn is_over(&mut self, rules: &SharedRules, transport: Transport) {
        let held = self.of(transport);
        if held.as_ref().is_some_and(|held| is_of(rules, transport, held.port)) {
            *held = None;
        }
    }
}

/// Tells whether the rules have a port, over either protocol of the Internet.
fn is_of(rules: &SharedRules, transport: Transport, port: u16) -> bool {
    let mut scopes = Scope::ALL.into_iter().filter(|scope| scope.transport() == transport);
    scopes.any(|scope| rules.scope(scope).dynamic.contains(port))
}

/// A socket that has the port at every address, and shares it with nobody.
fn hold(port: u16, transport: Transport) -> Option<OwnedFd> {
    let kind = if transport == Transport::Tcp { libc::SOCK_STREAM } else { libc::SOCK_DGRAM };
    let bound = |family: c_int| {
        let fd = sockets::socket(family, kind | libc::SOCK_CLOEXEC, 0).ok()?;
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let any = Address::any(family).with_port(port);
        sockets::bind(socket.as_raw_fd(), any.storage(), any.len()).ok().map(|()| socket)
    };
    // Where there is no IPv6, IPv4 is all.
    bound(libc::AF_INET6).or_else(|| bound(libc::AF_INET))
}
