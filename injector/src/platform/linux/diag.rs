//! Asks the kernel for all sockets of this network, by sock_diag(7).

use super::super::answers::Socket;
use super::socket::{self, address};
use libc::c_int;
use nix::errno::Errno;
use nix::sys::socket as calls;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send};
use portshim_mechanism::linux::kernel::constants::{MPTCP, NLMSG_DONE, NLMSG_ERROR};
use portshim_mechanism::linux::kernel::diag::{Told, dump};
use portshim_mechanism::linux::kernel::netlink::{self, messages};
use portshim_policy::ports::Transport;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// The most that the kernel puts into one piece of its answer is 32 KiB.
const PIECE: usize = 1 << 16;

/// Number of times it is asked while sockets are moving.
const DUMPS: u32 = 5;

/// Every socket of this thread's network that has a port.
pub(super) fn sockets() -> Result<Vec<Socket>, String> {
    sockets_or_errno().map_err(|errno| format!("sock_diag: {}", errno.desc()))
}

fn sockets_or_errno() -> nix::Result<Vec<Socket>> {
    let diag = calls::socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
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
        ask(diag, protocol, v6, |told| match read(told, transport) {
            Some(socket) => sockets.push(socket),
            None => moving = true,
        })?;
        if !moving {
            break;
        }
    }
    Ok(sockets)
}

fn ask(diag: &OwnedFd, protocol: c_int, v6: bool, mut each: impl FnMut(&Told)) -> nix::Result<()> {
    let family = if v6 { libc::AF_INET6 } else { libc::AF_INET };
    send(diag.as_raw_fd(), dump(family, protocol, u32::MAX).bytes(), MsgFlags::empty())?;
    let mut piece = vec![0; PIECE];
    loop {
        let len = match recv(diag.as_raw_fd(), &mut piece, MsgFlags::empty()) {
            Err(Errno::EINTR) => continue,
            received => received?,
        };
        for message in messages(&piece[..len]) {
            let message = message.map_err(Errno::from_raw)?;
            match (message.kind, netlink::error(message.body)) {
                (NLMSG_DONE, None) => return Ok(()),
                // A kernel, or a module that it lacks, that knows no such sockets says so at the
                // end.
                (NLMSG_DONE | NLMSG_ERROR, error) => return Err(Errno::from_raw(error.unwrap_or(libc::EOPNOTSUPP))),
                _ => Told::of(message).iter().for_each(&mut each),
            }
        }
    }
}

/// Reads what is told of a socket; `None` where it has no port.
fn read(told: &Told, transport: Transport) -> Option<Socket> {
    let (v6, port) = (c_int::from(told.family) == libc::AF_INET6, told.port.get());
    let told = socket::Told {
        transport,
        v6,
        local: (address(told.source, v6), port),
        peer: (address(told.destination, v6), told.peer_port.get()),
        both: !told.is_v6_only,
        state: told.state,
        left: Some(Duration::from_millis(told.expires.into())),
        user: told.user,
        inode: told.inode.into(),
    };
    (port != 0).then(|| told.socket())
}
