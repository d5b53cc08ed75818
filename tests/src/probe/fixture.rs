//! What the probe's own peers are, and which ports the policy under test hands out.

use super::address;
use super::calls::{self, Via};

/// Where the probe's own servers listen, for TCP, UDP and UDP-Lite in both families. Outside every
/// policy and outside the host's range.
pub(super) const SERVERS: [u16; 4] = [7001, 7002, 7003, 7004];
/// A port on which nobody ever listens.
pub(super) const REFUSED: u16 = 7099;
/// A port that no policy covers.
pub(super) const OUTSIDE: u16 = 15000;

/// The policy under test, as far as the probe must know it to name what it sees.
pub(super) struct Ports {
    first: u16,
    last: u16,
    reserved: Vec<u16>,
}

impl Ports {
    /// Reads `--range A-B` and `--reserved LIST`.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let mut ports = Self { first: 0, last: 0, reserved: Vec::new() };
        for pair in words.chunks(2) {
            match pair {
                [option, value] if option == "--range" => (ports.first, ports.last) = span(value)?,
                [option, value] if option == "--reserved" => {
                    for part in value.split(',').filter(|p| !p.is_empty()) {
                        let (first, last) = span(part)?;
                        ports.reserved.extend(first..=last);
                    }
                }
                _ => return Err(format!("play: unknown option `{}`", pair[0])),
            }
        }
        Ok(ports)
    }

    /// The ports that a wildcard bind may get, ascending.
    pub(super) fn allowed(&self) -> impl Iterator<Item = u16> {
        (self.first..=self.last).filter(|p| !self.reserved.contains(p))
    }

    /// The first reserved port inside the range.
    pub(super) fn reserved(&self) -> Option<u16> {
        (self.first..=self.last).find(|p| self.reserved.contains(p))
    }

    /// What a transcript says of a port: its class, never its number, which is drawn by chance.
    pub(super) fn class(&self, port: u16) -> &'static str {
        match port {
            0 => "-",
            p if (self.first..=self.last).contains(&p) => {
                if self.reserved.contains(&p) {
                    "R"
                } else {
                    "P"
                }
            }
            p if SERVERS.contains(&p) => "srv",
            p if p < 1024 => "low",
            _ => "O",
        }
    }
}

fn span(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |t: &str| t.trim().parse().map_err(|_| format!("`{t}` is not a port"));
    Ok((number(first)?, number(last)?))
}

/// The kinds of socket that scripts name.
const KINDS: [(&str, i32, i32, i32); 8] = [
    ("tcp4", libc::AF_INET, libc::SOCK_STREAM, 0),
    ("tcp6", libc::AF_INET6, libc::SOCK_STREAM, 0),
    ("mptcp4", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
    ("mptcp6", libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
    ("udp4", libc::AF_INET, libc::SOCK_DGRAM, 0),
    ("udp6", libc::AF_INET6, libc::SOCK_DGRAM, 0),
    ("lite4", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE),
    ("lite6", libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE),
];

/// Whose numbers a socket draws from: TCP with MPTCP, UDP, and UDP-Lite are three spaces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Tcp,
    Udp,
    Lite,
}

/// Makes a socket of that kind. A TCP socket, unless `graceful`, is closed by a reset, so that it
/// leaves no TIME_WAIT behind for the next sequence.
pub(super) fn socket(kind: &str, graceful: bool, via: Via) -> Result<(calls::Answer, Space), String> {
    let (name, family, style, protocol) =
        *KINDS.iter().find(|(n, ..)| *n == kind).ok_or_else(|| format!("no kind of socket is named `{kind}`"))?;
    let space = match name {
        _ if style == libc::SOCK_STREAM => Space::Tcp,
        _ if protocol == libc::IPPROTO_UDPLITE => Space::Lite,
        _ => Space::Udp,
    };
    let answer = calls::socket(family, style | libc::SOCK_CLOEXEC, protocol, via);
    if let (Ok(fd), Space::Tcp) = (answer, space) {
        hurry(fd as i32);
        if !graceful {
            reset_on_close(fd as i32);
        }
    }
    Ok((answer, space))
}

/// Some connections never come about on the bare kernel either: does not wait for them for minutes.
pub(super) fn hurry(fd: i32) {
    let patience: [i64; 2] = [2, 0];
    let bytes: Vec<u8> = patience.iter().flat_map(|n| n.to_ne_bytes()).collect();
    let _ = calls::set(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &bytes);
}

/// Makes close(2) send a reset: no TIME_WAIT, no waiting.
pub(super) fn reset_on_close(fd: i32) {
    linger(fd, [1, 0]);
}

/// Closes as programs do: whoever comes first keeps the port in TIME_WAIT.
pub(super) fn close_gracefully(fd: i32) -> calls::Answer {
    linger(fd, [0, 0]);
    calls::close(fd, Via::Name)
}

fn linger(fd: i32, linger: [i32; 2]) {
    let bytes: Vec<u8> = linger.iter().flat_map(|n| n.to_ne_bytes()).collect();
    let _ = calls::set(fd, libc::SOL_SOCKET, libc::SO_LINGER, &bytes);
}

/// The probe's own servers: the TCP listeners come first.
pub(super) fn servers() -> Result<Vec<i32>, String> {
    let mut fds = Vec::new();
    for kind in ["tcp6", "udp6", "lite6"] {
        for port in SERVERS {
            let (fd, space) = socket(kind, false, Via::Name)?;
            let failed = |what: &str, n: i32| format!("the probe cannot {what} port {port}: {}", calls::errno_name(n));
            let fd = fd.map_err(|n| failed("make a socket for", n))? as i32;
            calls::bind(fd, &address::encode(address::named("any6")?, port), Via::Name)
                .map_err(|n| failed("bind", n))?;
            if space == Space::Tcp {
                calls::listen(fd, 512, Via::Name).map_err(|n| failed("listen on", n))?;
                calls::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK).map_err(|n| failed("unblock", n))?;
            }
            fds.push(fd);
        }
    }
    Ok(fds)
}
