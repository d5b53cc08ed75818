//! Requests as the kernel reads them, and what it answers.

use super::*;
use crate::linux::kernel::constants::MPTCP;

/// The length of `struct inet_diag_msg`.
const TOLD: usize = 72;

/// A message of one socket, or of an error.
fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut request = Request::<128>::new(kind, 0);
    request.put(body);
    request.bytes().to_vec()
}

#[test]
fn a_request_names_both_ends_in_network_order() {
    let local = Address::of_ip(libc::AF_INET, &[127, 0, 0, 1], 0x1234);
    let peer = Address::of_ip(libc::AF_INET, &[10, 0, 0, 2], 443);
    let mut request = request(&local, &peer, 7);
    let message = request.bytes();
    assert_eq!(u32::from_ne_bytes(*message.first_chunk().unwrap()) as usize, message.len());
    assert_eq!((message[16], message[17]), (libc::AF_INET as u8, libc::IPPROTO_TCP as u8));
    assert_eq!(message[24..28], [0x12, 0x34, 1, 187]);
    assert_eq!((&message[28..32], &message[44..48]), (&[127, 0, 0, 1][..], &[10, 0, 0, 2][..]));
    assert_eq!(message[60..64], 7i32.to_ne_bytes());
}

#[test]
fn a_mapped_peer_is_asked_about_as_ipv4() {
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2];
    let mut request = request(&Address::any(libc::AF_INET6), &Address::of_ip(libc::AF_INET6, &mapped, 1), 0);
    let message = request.bytes();
    assert_eq!((message[16], &message[44..48]), (libc::AF_INET as u8, &[10, 0, 0, 2][..]));
}

#[test]
fn a_dump_is_filtered_by_port() {
    let mut request = dump(libc::AF_INET6, libc::IPPROTO_UDP, 3);
    request.attribute(BYTECODE, &between(PortRange::new(258, 772).unwrap()));
    let message = request.bytes();
    let steps = &message[SHORTEST + 4..];
    assert_eq!(steps[..8], [S_GE, 8, 20, 0, 0, 0, 2, 1]);
    assert_eq!(steps[8..], [S_LE, 8, 12, 0, 0, 0, 4, 3]);
    assert_eq!(message[20..24], 3u32.to_ne_bytes());
}

#[test]
fn a_wide_protocol_stands_in_an_attribute() {
    assert_eq!(dump(libc::AF_INET, libc::IPPROTO_UDP, 1).bytes().len(), SHORTEST);
    let mut request = dump(libc::AF_INET, MPTCP, 1);
    request.attribute(BYTECODE, &between(PortRange::ALL));
    assert_eq!(request.bytes().len(), LONGEST);
    let told = netlink::attribute(&request.bytes()[SHORTEST..], PROTOCOL);
    assert_eq!(told, Some(&MPTCP.to_ne_bytes()[..]));
}

#[test]
fn replies_tell_what_there_is_of_a_connection() {
    for (error, said) in [(libc::ENOENT, Ok(State::Free)), (libc::EPERM, Err(libc::EPERM)), (0, Err(libc::EOPNOTSUPP))]
    {
        assert!(state_of(&message(NLMSG_ERROR, &(-error).to_ne_bytes())) == said, "{error}");
    }
    let mut found = [0; TOLD];
    found[52..56].copy_from_slice(&59_000u32.to_ne_bytes());
    for (state, said) in [(1, State::Taken), (LISTEN, State::Free), (TIME_WAIT, State::Resting(1000))] {
        found[1] = state;
        assert!(state_of(&message(SOCK_DIAG_BY_FAMILY, &found)) == Ok(said), "{state}");
    }
    let whole = message(SOCK_DIAG_BY_FAMILY, &found);
    for cut in 0..whole.len() {
        assert!(state_of(&whole[..cut]).is_err(), "{cut} bytes");
    }
}

#[test]
fn a_dual_socket_takes_its_port_in_ipv4_unless_it_is_v6_only() {
    let mut fixed = [0; TOLD];
    fixed[0] = libc::AF_INET6 as u8;
    let told = |body: &[u8]| Told::of(Message { kind: SOCK_DIAG_BY_FAMILY, body }).unwrap();
    assert!(told(&fixed).takes((true, false)));
    let mut only = Request::<24>::new(0, 0);
    only.attribute(SKV6ONLY, &[1]);
    let told = told(&[&fixed, &only.bytes()[16..]].concat());
    assert!(!told.takes((true, false)));
    assert!(told.takes((false, true)));
}

#[test]
fn the_kernel_tells_of_a_socket_that_is_bound() {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = bound.local_addr().unwrap().port();
    let range = PortRange::new(port, port).unwrap();
    assert_eq!(bound_port(range, Scope::Tcp4.into()), Ok(Some(port)));
    assert_eq!(bound_port(range, Scope::Tcp6.into()), Ok(None));
}

#[test]
fn ports_that_nobody_uses_are_found() {
    let [one, other, gone] = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let mut three = [&one, &other, &gone].map(|bound| bound.local_addr().unwrap().port());
    let free = three[2];
    three.sort_unstable();
    drop(gone);
    let next = |from| three.into_iter().find(|port| *port >= from);
    let mut found = [PortRange::ALL; 3];
    assert_eq!(unused(Scope::Tcp6, next, &mut found), Ok(3));
    assert_eq!(found, three.map(PortRange::single));
    assert_eq!(unused(Scope::Tcp6, next, &mut found[..2]), Ok(2));
    assert_eq!(unused(Scope::Tcp4, next, &mut found), Ok(1));
    assert_eq!(found[0], PortRange::single(free));
}
