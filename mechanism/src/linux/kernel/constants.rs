//! Numbers of the kernel's interfaces that libc does not name.

use core::ffi::c_int;

/// IP_LOCAL_PORT_RANGE, linux/in.h, since Linux 6.3: a u32, low | high << 16, 0 for no limit at
/// that end. It is an option of SOL_IP on IPv6 sockets, too.
pub const IP_LOCAL_PORT_RANGE: c_int = 51;
/// IPPROTO_MPTCP, linux/in.h.
pub const MPTCP: c_int = 262;
/// asm-generic/socket.h.
pub const SO_BINDTOIFINDEX: c_int = 62;
/// SO_NETNS_COOKIE, asm-generic/socket.h, since Linux 5.14: a number for a network, which is never
/// used again.
pub const SO_NETNS_COOKIE: c_int = 71;
/// linux/in6.h, and what the option reads on a new socket (IPV6_PREFER_SRC_PUBTMP_DEFAULT, …_HOME).
pub const IPV6_ADDR_PREFERENCES: c_int = 72;
/// See [`IPV6_ADDR_PREFERENCES`].
pub const NO_PREFERENCES: c_int = 0x100 | 0x400;
/// linux/netlink.h.
pub const NLMSG_ERROR: u16 = 2;
/// linux/netlink.h.
pub const NLMSG_DONE: u16 = 3;
/// include/net/tcp_states.h.
pub const TCP_TIME_WAIT: u8 = 6;
/// include/net/tcp_states.h.
pub const TCP_CLOSE: u8 = 7;
/// include/net/tcp_states.h.
pub const TCP_LISTEN: u8 = 10;
