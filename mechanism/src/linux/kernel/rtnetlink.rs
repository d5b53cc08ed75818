//! Questions to the kernel's routing, by rtnetlink(7): which way a connection would take, and from
//! which address.

use super::call::Result;
use super::constants::NLMSG_ERROR;
use super::netlink::{self, Request, messages};
use crate::address::Address;

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

/// The length of `struct rtmsg`, and where in it the kind of the route stands.
const ROUTE: usize = 12;
const KIND: usize = 7;
/// The length of a question with every attribute.
pub const LONGEST: usize = 16 + ROUTE + 20 + 20 + 8 + 8 + 8 + 8;

/// A TCP connection whose way is asked for.
pub struct Question<'a> {
    /// The address that its socket is bound to; the wildcard where it is to none.
    pub from: &'a Address,
    /// Its peer, of the same family.
    pub to: &'a Address,
    /// The index of the interface that its packets are to take, or 0.
    pub interface: u32,
    /// SO_MARK.
    pub mark: u32,
    /// IP_TOS.
    pub tos: u8,
}

/// The kernel's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is a way.
    Way {
        /// The peer is this host.
        is_local: bool,
        /// The address that the kernel would give the connection; 4 bytes for IPv4, and zeroes
        /// behind them.
        source: Option<[u8; 16]>,
    },
    /// It leads to many hosts at once.
    ToMany,
}

impl Question<'_> {
    /// The question as a message.
    pub fn request(&self) -> Request<LONGEST> {
        let Self { from, to, interface, mark, tos } = *self;
        let width = if to.family() == libc::AF_INET { 4 } else { 16 };
        let bits = (width * 8) as u8;
        let mut request = Request::new(RTM_GETROUTE, 0);
        request.put(&[to.family() as u8, bits, if from.is_wildcard() { 0 } else { bits }, tos]);
        request.put(&[0; ROUTE - 4]);
        request.attribute(RTA_DST, &to.ip()[..width]);
        if !from.is_wildcard() {
            request.attribute(RTA_SRC, &from.ip()[..width]);
        }
        if interface != 0 {
            request.attribute(RTA_OIF, &interface.to_ne_bytes());
        }
        if mark != 0 {
            request.attribute(RTA_MARK, &mark.to_ne_bytes());
        }
        request.attribute(RTA_IP_PROTO, &[libc::IPPROTO_TCP as u8]);
        if to.port() != 0 {
            request.attribute(RTA_DPORT, &to.port().to_be_bytes());
        }
        request
    }
}

/// Reads an answer. The inner error is the kernel's; EINVAL also says that it does not know the
/// question. `None` where the answer cannot be read.
pub fn read(reply: &[u8]) -> Option<Result<Answer>> {
    let message = messages(reply).next()?.ok()?;
    match message.kind {
        NLMSG_ERROR => return netlink::error(message.body).map(Err),
        RTM_NEWROUTE => {}
        _ => return None,
    }
    let (route, attributes) = message.body.split_at_checked(ROUTE)?;
    let kind = route[KIND];
    if matches!(kind, RTN_BROADCAST | RTN_MULTICAST) {
        return Some(Ok(Answer::ToMany));
    }
    let source = netlink::attribute(attributes, RTA_PREFSRC).and_then(|value| {
        let mut ip = [0; 16];
        ip.get_mut(..value.len())?.copy_from_slice(value);
        Some(ip)
    });
    Some(Ok(Answer::Way { is_local: kind == RTN_LOCAL, source }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::kernel::descriptors::close;
    use crate::linux::kernel::sockets::{recv, send, socket};

    fn asked(from: &Address, to: &Address) -> Vec<u8> {
        let question = Question { from, to, interface: 0, mark: 0, tos: 0 };
        let fd = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).unwrap();
        let mut reply = vec![0; 512];
        send(fd, question.request().bytes()).unwrap();
        let len = recv(fd, &mut reply).unwrap();
        close(fd);
        reply.truncate(len);
        reply
    }

    #[test]
    fn a_question_has_the_attributes_that_it_needs() {
        let any = Address::any(libc::AF_INET);
        let to = Address::of_ip(libc::AF_INET, &[10, 0, 0, 2], 443);
        let mut bare = Question { from: &any, to: &to, interface: 0, mark: 0, tos: 16 }.request();
        let bytes = bare.bytes();
        let message = messages(bytes).next().unwrap().unwrap();
        assert_eq!(message.kind, RTM_GETROUTE);
        assert_eq!(message.body[..4], [libc::AF_INET as u8, 32, 0, 16]);
        let attributes = &message.body[ROUTE..];
        assert_eq!(netlink::attribute(attributes, RTA_DST), Some(&[10, 0, 0, 2][..]));
        assert_eq!(netlink::attribute(attributes, RTA_DPORT), Some(&[1, 187][..]));
        for kind in [RTA_SRC, RTA_OIF, RTA_MARK] {
            assert_eq!(netlink::attribute(attributes, kind), None);
        }
        let (from, to) = (Address::of_ip(libc::AF_INET6, &[1; 16], 0), Address::of_ip(libc::AF_INET6, &[2; 16], 9));
        let mut whole = Question { from: &from, to: &to, interface: 3, mark: 5, tos: 0 }.request();
        assert_eq!(whole.bytes().len(), LONGEST);
        let message = messages(whole.bytes()).next().unwrap().unwrap();
        assert_eq!(message.body[..4], [libc::AF_INET6 as u8, 128, 128, 0]);
        let attributes = &message.body[ROUTE..];
        assert_eq!(netlink::attribute(attributes, RTA_SRC), Some(&[1; 16][..]));
        assert_eq!(netlink::attribute(attributes, RTA_OIF), Some(&3u32.to_ne_bytes()[..]));
        assert_eq!(netlink::attribute(attributes, RTA_MARK), Some(&5u32.to_ne_bytes()[..]));
    }

    #[test]
    fn the_kernel_answers_for_its_own_addresses() {
        let loopback = Address::of_ip(libc::AF_INET, &[127, 0, 0, 1], 80);
        let reply = asked(&Address::any(libc::AF_INET), &loopback);
        let source = Some(loopback.ip());
        assert_eq!(read(&reply), Some(Ok(Answer::Way { is_local: true, source })));
        for cut in 0..reply.len() {
            assert_eq!(read(&reply[..cut]), None, "{cut} bytes");
        }
    }

    #[test]
    fn errors_and_ways_to_many_are_told() {
        let many = Address::of_ip(libc::AF_INET, &[224, 0, 0, 1], 80);
        let from = Address::of_ip(libc::AF_INET, &[127, 0, 0, 1], 0);
        let told = read(&asked(&from, &many));
        assert!(matches!(told, Some(Ok(Answer::ToMany) | Err(libc::ENETUNREACH))), "{told:?}");
        // Nobody has this address.
        let from = Address::of_ip(libc::AF_INET, &[203, 0, 113, 7], 0);
        let told = read(&asked(&from, &Address::of_ip(libc::AF_INET, &[127, 0, 0, 1], 80)));
        assert!(matches!(told, Some(Err(_))), "{told:?}");
    }
}
