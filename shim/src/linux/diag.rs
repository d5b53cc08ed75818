//! Asks the kernel whether a connection with a given 4-tuple exists, by sock_diag(7).

use super::address::Address;
use super::sys;
use core::ffi::c_int;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
/// A netlink header, and the request of linux/inet_diag.h after it.
const REQUEST: usize = 16 + 56;
/// Where the reply's state and timer stand, after the netlink header.
const STATE: usize = 16 + 1;
const EXPIRES: usize = 16 + 4 + 48;
const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;
/// How long TIME_WAIT lasts on Linux (TCP_TIMEWAIT_LEN), and how old it must be before the kernel's
/// own connect takes over a loopback tuple (tcp_tw_reuse = 2, tcp_tw_reuse_delay), in milliseconds.
const TIME_WAIT_LASTS: u32 = 60_000;
const TIME_WAIT_RESTS: u32 = 1_000;

/// A netlink socket, open for the length of one request's tries.
pub(crate) struct Diag {
    fd: c_int,
}

impl Diag {
    /// `None` where the kernel offers no sock_diag.
    pub(crate) fn open() -> Option<Self> {
        sys::socket(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_SOCK_DIAG).ok().map(|fd| Self { fd })
    }

    /// Whether a TCP connect from `local` to `peer` would find its 4-tuple free. Where the kernel
    /// gives no answer, it is not: a socket bound by number could never be moved again.
    pub(crate) fn is_free(&self, local: &Address, peer: &Address, interface: i32) -> bool {
        let mut reply = [0u8; 512];
        if sys::send(self.fd, &request(local, peer, interface)).is_err() {
            return false;
        }
        let Ok(len) = sys::recv(self.fd, &mut reply) else { return false };
        let kind = u16::from_ne_bytes([reply[4], reply[5]]);
        if kind == NLMSG_ERROR {
            let error = i32::from_ne_bytes([reply[16], reply[17], reply[18], reply[19]]);
            return len >= 20 && error == -libc::ENOENT;
        }
        if kind != SOCK_DIAG_BY_FAMILY || len < EXPIRES + 4 {
            return false;
        }
        match reply[STATE] {
            // The look-up falls back to a listener on the same port, which is no connection.
            LISTEN => true,
            TIME_WAIT if peer.is_loopback() => {
                let left =
                    u32::from_ne_bytes([reply[EXPIRES], reply[EXPIRES + 1], reply[EXPIRES + 2], reply[EXPIRES + 3]]);
                TIME_WAIT_LASTS.saturating_sub(left) > TIME_WAIT_RESTS
            }
            _ => false,
        }
    }
}

impl Drop for Diag {
    fn drop(&mut self) {
        sys::close(self.fd);
    }
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
