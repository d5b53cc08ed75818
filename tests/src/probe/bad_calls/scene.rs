//! Where bad calls are made: on fresh descriptors of every kind, which say what came of it.

use super::super::address;
use super::super::calls::{self, Answer, Via};
use super::super::fixture::{self, Ports};
use super::memory::{self, Memory};

/// What bad calls need around them.
pub(super) struct Scene {
    pub(super) ports: Ports,
    pub(super) memory: Memory,
}

/// What a bad call may be made on.
#[derive(Clone, Copy)]
pub(super) enum On {
    /// A socket of a kind that portshim serves.
    Served(&'static str),
    /// Another socket: its name, family, type and protocol.
    Foreign(&'static str, i32, i32, i32),
    /// A file that is no socket.
    File,
    /// A number that is no open descriptor.
    Number(i32),
}

/// Everything but descriptors that are served.
pub(super) const UNSERVED: [On; 13] = [
    On::Foreign("unix", libc::AF_UNIX, libc::SOCK_STREAM, 0),
    On::Foreign("unix-dgram", libc::AF_UNIX, libc::SOCK_DGRAM, 0),
    On::Foreign("netlink", libc::AF_NETLINK, libc::SOCK_RAW, 0),
    On::Foreign("raw", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW),
    On::Foreign("raw6", libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
    On::Foreign("ping", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
    On::Foreign("packet", libc::AF_PACKET, libc::SOCK_DGRAM, 0),
    On::File,
    On::Number(-1),
    On::Number(900),
    On::Number(1 << 20),
    On::Number(i32::MAX),
    On::Number(i32::MIN),
];

pub(super) const SERVED: [On; 8] = [
    On::Served("tcp4"),
    On::Served("tcp6"),
    On::Served("udp4"),
    On::Served("udp6"),
    On::Served("mptcp4"),
    On::Served("mptcp6"),
    On::Served("lite4"),
    On::Served("lite6"),
];

impl Scene {
    /// Makes a call on a fresh descriptor and says what came of it.
    pub(super) fn say(&self, on: On, what: &str, call: impl FnOnce(i32) -> Answer) -> Result<(), String> {
        let (name, opened) = match on {
            On::Served(kind) => (kind.to_owned(), fixture::socket(kind, false, Via::Name)?.0),
            On::Foreign(name, family, kind, protocol) => {
                (name.to_owned(), calls::socket(family, kind | libc::SOCK_CLOEXEC, protocol, Via::Name))
            }
            On::File => ("file".to_owned(), Ok(memory::file()?.into())),
            On::Number(number) => (number.to_string(), Ok(number.into())),
        };
        let fd = match opened {
            Ok(fd) => fd as i32,
            // An older kernel has no MPTCP.
            Err(number) => {
                println!("{what} on {name} => cannot be opened: {}", calls::errno_name(number));
                return Ok(());
            }
        };
        // Nothing here shall wait for anything.
        if !matches!(on, On::Number(_)) {
            let _ = calls::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
        }
        let answer = call(fd).map_or_else(calls::errno_name, |n| n.to_string());
        let then = match calls::name(fd, false).map(|bytes| address::decode(&bytes)) {
            // A ping socket has an identifier in place of a port, counted up in the whole machine.
            Ok(Some((address, 1..))) if name == "ping" => format!("{address}:id"),
            Ok(Some((address, port))) => format!("{address}:{}", self.ports.class(port)),
            Ok(None) => "other".to_owned(),
            Err(number) => calls::errno_name(number),
        };
        if !matches!(on, On::Number(_)) {
            let _ = calls::close(fd, Via::Name);
        }
        println!("{what} on {name} => {answer} {then}");
        Ok(())
    }
}
