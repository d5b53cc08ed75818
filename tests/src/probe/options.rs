//! Socket options by name.

use super::calls::{self, Answer};

/// IP_LOCAL_PORT_RANGE, from linux/in.h; Linux 6.3.
pub(super) const IP_LOCAL_PORT_RANGE: i32 = 51;

const NAMES: [(&str, i32, i32); 9] = [
    ("reuseaddr", libc::SOL_SOCKET, libc::SO_REUSEADDR),
    ("reuseport", libc::SOL_SOCKET, libc::SO_REUSEPORT),
    ("v6only", libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
    ("noport", libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT),
    ("range", libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE),
    ("tfoconnect", libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT),
    ("error", libc::SOL_SOCKET, libc::SO_ERROR),
    ("broadcast", libc::SOL_SOCKET, libc::SO_BROADCAST),
    ("listening", libc::SOL_SOCKET, libc::SO_ACCEPTCONN),
];

fn named(name: &str) -> Result<(i32, i32), String> {
    let found = NAMES.iter().find(|(n, ..)| *n == name);
    found.map(|(_, level, option)| (*level, *option)).ok_or_else(|| format!("no option is named `{name}`"))
}

/// Sets an option; `nonblock` is a flag of the descriptor.
pub(super) fn set(fd: i32, name: &str, value: u32) -> Result<Answer, String> {
    if name == "nonblock" {
        return Ok(calls::fcntl(fd, libc::F_SETFL, if value == 0 { 0 } else { libc::O_NONBLOCK }));
    }
    let (level, option) = named(name)?;
    Ok(calls::set(fd, level, option, &value.to_ne_bytes()))
}

/// Reads an option; the flags of the descriptor for `nonblock`.
pub(super) fn get(fd: i32, name: &str) -> Result<Answer, String> {
    if name == "nonblock" {
        return Ok(calls::fcntl(fd, libc::F_GETFL, 0).map(|flags| i64::from(flags as i32 & libc::O_NONBLOCK != 0)));
    }
    let (level, option) = named(name)?;
    Ok(calls::get(fd, level, option))
}
