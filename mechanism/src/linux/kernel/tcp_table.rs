//! The kernel's tables of TCP connections in /proc.

use super::call::Result;
use super::constants::TCP_TIME_WAIT as TIME_WAIT;
use super::descriptors;
use crate::address::Address;
use core::ffi::{CStr, c_int};

/// State of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Free,
    /// It was closed so many milliseconds ago, and is in TIME_WAIT.
    Resting(u32),
    /// It is there.
    Taken,
}

/// Time that TIME_WAIT lasts on Linux (TCP_TIMEWAIT_LEN), in milliseconds.
const TIME_WAIT_LASTS: u32 = 60_000;

/// A connection that stays in TIME_WAIT for so many milliseconds more.
pub(super) fn resting(left: u32) -> State {
    State::Resting(TIME_WAIT_LASTS.saturating_sub(left))
}

/// Number of ports that are remembered from one reading of the table.
const WINDOW: u16 = 64 * WORDS as u16;
const WORDS: usize = 32;

/// Ports that the table named when it was last read: those from `first` on.
#[derive(Default)]
pub struct Seen {
    first: u16,
    /// 0 where nothing was read yet.
    len: u16,
    words: [u64; WORDS],
    /// Some of them are resting.
    rest: bool,
}

impl Seen {
    /// State of the connection from `source` to `peer`. The table is not read once more for a port
    /// that it named lately.
    ///
    /// # Errors
    /// Any, where the table cannot be read.
    pub fn state(&mut self, source: &Address, peer: &Address) -> Result<State> {
        let port = source.port();
        let place = port.wrapping_sub(self.first);
        if place < self.len && self.words[usize::from(place / 64)] >> (place % 64) & 1 == 1 && !self.rest {
            return Ok(State::Taken);
        }
        *self = Self { first: port / WINDOW * WINDOW, len: WINDOW, ..Self::default() };
        let mut state = State::Free;
        let each = |line: Line| {
            let place = line.port.wrapping_sub(self.first);
            if place < WINDOW {
                self.words[usize::from(place / 64)] |= 1 << (place % 64);
            }
            self.rest |= matches!(line.state, State::Resting(_));
            if line.port == port {
                state = line.state;
            }
        };
        read_all(source, peer, each)?;
        Ok(state)
    }
}

/// Line of the table, read.
struct Line {
    /// The port of this end.
    port: u16,
    state: State,
}

/// Reads the tables of this thread's network for connections from `source` to `peer`.
fn read_all(source: &Address, peer: &Address, mut each: impl FnMut(Line)) -> Result<()> {
    let (source, peer) = if peer.is_mapped() { (source.unmapped(), peer.unmapped()) } else { (*source, *peer) };
    let v4 = source.family() == libc::AF_INET;
    if v4 {
        read(&[c"/proc/thread-self/net/tcp", c"/proc/self/net/tcp"], &source, &peer, &mut each)?;
    }
    // A connection over IPv4 may be one of a socket of IPv6.
    match read(&[c"/proc/thread-self/net/tcp6", c"/proc/self/net/tcp6"], &source, &peer, &mut each) {
        Err(libc::ENOENT) if v4 => Ok(()),
        read => read,
    }
}

fn read(paths: &[&CStr; 2], source: &Address, peer: &Address, each: &mut impl FnMut(Line)) -> Result<()> {
    let fd = descriptors::open(paths[0], libc::O_RDONLY).or_else(|_| descriptors::open(paths[1], libc::O_RDONLY))?;
    let told = lines(fd, |line| {
        if let Some(line) = parsed(line, source, peer) {
            each(line);
        }
    });
    descriptors::close(fd);
    told
}

/// Hands a file on, line by line. A line that is longer than any of these is cut.
fn lines(fd: c_int, mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut text = [0u8; 1024];
    let mut kept = 0;
    loop {
        let read = descriptors::read(fd, &mut text[kept..])?;
        if read == 0 {
            return Ok(());
        }
        let len = kept + read;
        let mut begin = 0;
        while let Some(end) = text[begin..len].iter().position(|byte| *byte == b'\n') {
            each(&text[begin..begin + end]);
            begin += end + 1;
        }
        text.copy_within(begin..len, 0);
        kept = if begin == 0 && len == text.len() { 0 } else { len - begin };
    }
}

/// Reads a line, where it is of a connection from `source`, from whatever port, to `peer`.
fn parsed(line: &[u8], source: &Address, peer: &Address) -> Option<Line> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty()).skip(1);
    let (local, remote, state) = (end(fields.next()?)?, end(fields.next()?)?, fields.next()?);
    if local.0 != wide(source) || remote != (wide(peer), peer.port()) {
        return None;
    }
    // Which timer runs, and in how many hundredths of a second.
    let mut left = || fields.nth(1)?.split(|byte| *byte == b':').nth(1).and_then(hexadecimal);
    let state = if hexadecimal(state)? == u32::from(TIME_WAIT) {
        left().map_or(State::Taken, |left| resting(left.saturating_mul(10)))
    } else {
        State::Taken
    };
    Some(Line { port: local.1, state })
}

/// An address and its port, `0100007F:1F90`: each four bytes of the address are one number of this
/// machine's.
fn end(field: &[u8]) -> Option<([u8; 16], u16)> {
    let colon = field.iter().position(|byte| *byte == b':')?;
    let (address, port) = (&field[..colon], hexadecimal(&field[colon + 1..])?);
    let mut ip = WIDE;
    let at = if address.len() == 8 { 12 } else { 0 };
    if address.len() != 2 * (ip.len() - at) {
        return None;
    }
    for (part, digits) in ip[at..].chunks_exact_mut(4).zip(address.chunks_exact(8)) {
        part.copy_from_slice(&hexadecimal(digits)?.to_ne_bytes());
    }
    Some((ip, port as u16))
}

/// `::ffff:0.0.0.0`.
const WIDE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];

/// An address in IPv6's form.
fn wide(address: &Address) -> [u8; 16] {
    let mut ip = address.ip();
    if address.family() == libc::AF_INET {
        ip.copy_within(..4, 12);
        ip[..12].copy_from_slice(&WIDE[..12]);
    }
    ip
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| Some(number.checked_mul(16)? + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(family: c_int, ip: [u8; 16], port: u16) -> Address {
        Address::any(family).with_ip(ip).with_port(port)
    }

    fn v4(ip: [u8; 4], port: u16) -> Address {
        let mut whole = [0; 16];
        whole[..4].copy_from_slice(&ip);
        address(libc::AF_INET, whole, port)
    }

    #[test]
    fn lines_of_connections_are_read() {
        let established: &[u8] =
            b"   1: 0100007F:9C41 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  0  0 1 1 0";
        let rests: &[u8] = b"   2: 0100007F:9C42 0100007F:1F90 06 00000000:00000000 03:00001700 00000000  0  0 0 3 0";
        let (source, peer) = (v4([127, 0, 0, 1], 0), v4([127, 0, 0, 1], 8080));
        let line = parsed(established, &source, &peer).unwrap();
        assert!((line.port, line.state) == (40001, State::Taken));
        let line = parsed(rests, &source, &peer).unwrap();
        assert!((line.port, line.state) == (40002, State::Resting(1120)));
        for other in [v4([127, 0, 0, 2], 8080), v4([127, 0, 0, 1], 8081)] {
            assert!(parsed(established, &source, &other).is_none());
        }
    }

    #[test]
    fn an_ipv4_connection_of_an_ipv6_socket_is_read() {
        let line: &[u8] = b" 0: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:1F90 01 0:0 0:0";
        let line = parsed(line, &v4([127, 0, 0, 1], 0), &v4([127, 0, 0, 1], 8080)).unwrap();
        assert!((line.port, line.state) == (80, State::Taken));
    }

    #[test]
    fn what_is_no_such_line_is_passed_over() {
        let whole: &[u8] = b"   1: 0100007F:9C41 0100007F:1F90 01";
        let (source, peer) = (v4([127, 0, 0, 1], 0), v4([127, 0, 0, 1], 8080));
        for cut in 0..whole.len() - 2 {
            assert!(parsed(&whole[..cut], &source, &peer).is_none(), "{cut} bytes");
        }
        assert!(parsed(b"  sl  local_address rem_address   st", &source, &peer).is_none());
        assert!(parsed(b"   1: 0100007G:9C41 0100007F:1F90 01", &source, &peer).is_none());
    }
}
