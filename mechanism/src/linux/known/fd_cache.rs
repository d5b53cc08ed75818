//! Knowledge of descriptors without asking the kernel: what `socket` made of them; settled ones,
//! from which a send cannot bind; TCP sockets that have just been bound.
//!
//! A cache and no more. "Unknown" leads to the slow path, which asks the kernel. What is known only
//! spares questions: before a call is made to do something else than the program asked for, the
//! kernel is asked what the descriptor is (`Socket::confirmed`).

use crate::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use crate::linux::kernel::mark::are_marked;
use crate::linux::kernel::process::in_vfork_child;
use crate::session::{REGION, Session};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::ports::Scope;

/// Number of descriptors of which something can be known.
pub const DESCRIPTORS: usize = 65536;

/// The upper two bits of a cell: 0 for "unknown", or one of these with a number in its lower bits.
/// That is the session's epoch, so that a new epoch makes all such cells unknown at once; for a
/// fresh socket a serial number, so that it is not taken for another that had the same descriptor.
pub const SETTLED: u32 = 1 << 30;
const BOUND: u32 = 2 << 30;
const FRESH_DATAGRAM: u32 = 3 << 30;
/// These bits.
pub const TAG: u32 = 3 << 30;
/// The bits of the number.
pub const NUMBER: u32 = (1 << 26) - 1;

/// Between them, what `socket` made: 0 where that is not known, or a scope's index and one. It is
/// the protocol and the family of the socket, which stay the same for its life.
const MADE: u32 = 7 << 27;
/// No call has changed anything that matters here: the socket has no port and no address, and the
/// options are those that a new one has.
const UNTOUCHED: u32 = 1 << 26;

/// A cell for each descriptor.
pub static CELLS: [AtomicU32; DESCRIPTORS] = [const { AtomicU32::new(0) }; DESCRIPTORS];
/// Below this number something may be known of a descriptor.
pub static END: AtomicU32 = AtomicU32::new(DESCRIPTORS as u32);
static SERIAL: AtomicU32 = AtomicU32::new(0);
/// Number of calls that a supervisor has served, as it was last seen, and the serial number of the
/// next socket then.
static UNSEEN: AtomicU64 = AtomicU64::new(0);
static NEXT: AtomicU32 = AtomicU32::new(0);
/// See [`options_set`].
static SET: AtomicU32 = AtomicU32::new(0);

/// Content of a cell, and which epoch it was, before the kernel was asked.
#[derive(Clone, Copy)]
pub struct Seen {
    cell: u32,
    epoch: u32,
}

/// Knowledge of a socket that this process has made.
#[derive(Clone, Copy)]
pub struct Made {
    /// Whose ports it takes.
    pub scope: Scope,
    /// It has no port, no address, and the options of a new one.
    pub untouched: bool,
}

#[inline]
fn cell(fd: c_int) -> Option<&'static AtomicU32> {
    if (fd as u32) < END.load(Relaxed) { CELLS.get(fd as usize) } else { None }
}

/// Knows nothing of any descriptor from now on: threads have tables of their own, so that a number
/// means one thing here and another there.
pub fn give_up() {
    END.store(0, Relaxed);
}

/// Tells whether nothing is known of any descriptor any more.
#[must_use]
pub fn is_given_up() -> bool {
    END.load(Relaxed) == 0
}

/// The session's epoch.
#[inline]
fn epoch() -> Option<u32> {
    // Not acquired, for nothing else is read by way of it. SAFETY: null, or stored from a
    // `&'static` reference.
    let region = unsafe { REGION.load(Relaxed).as_ref() }?;
    Some(region.header.epoch.load(Relaxed))
}

#[inline]
fn is_current(fd: c_int, tag: u32) -> bool {
    cell(fd).is_some_and(|cell| {
        let value = cell.load(Relaxed) & (TAG | NUMBER);
        value >= tag && epoch().is_some_and(|epoch| value == tag | epoch & NUMBER)
    })
}

/// Tells whether a send on `fd` is known to bind nothing.
#[inline]
pub fn is_settled(fd: c_int) -> bool {
    is_current(fd, SETTLED)
}

/// Tells whether `fd` is a TCP socket that `bind` has given a port, and that no call since can have
/// taken it from.
pub fn is_bound(fd: c_int) -> bool {
    is_current(fd, BOUND)
}

/// Tells whether `fd` was last seen as a new datagram socket.
#[inline]
pub fn is_fresh_datagram(fd: c_int) -> bool {
    cell(fd).is_some_and(|cell| cell.load(Relaxed) & TAG == FRESH_DATAGRAM)
}

/// Knowledge that `socket` left of `fd`, for a call that may change it: from then on it is not
/// untouched any more.
#[inline]
pub fn made(fd: c_int) -> Option<Made> {
    let cell = cell(fd)?;
    let value = cell.load(Relaxed);
    let scope = *Scope::ALL.get(((value & MADE) >> MADE.trailing_zeros()).checked_sub(1)? as usize)?;
    let untouched = value & UNTOUCHED != 0;
    if untouched {
        touch_cell(cell);
    }
    Some(Made { scope, untouched: untouched && is_all_seen(value) })
}

/// Tells whether no call on this new socket can have gone past the hooks, and to a supervisor.
#[inline]
fn is_all_seen(new: u32) -> bool {
    // SAFETY: as in `epoch`.
    let Some(region) = (unsafe { REGION.load(Relaxed).as_ref() }) else { return true };
    let unseen = region.header.unseen.load(Relaxed);
    if UNSEEN.load(Acquire) != unseen {
        NEXT.store(SERIAL.load(Relaxed), Relaxed);
        UNSEEN.store(unseen, Release);
    }
    // Numbers come round again.
    new.wrapping_sub(NEXT.load(Relaxed)) & NUMBER <= NUMBER / 2
}

/// The program sets an option.
#[inline]
pub fn set(fd: c_int, level: c_int, name: c_int) {
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_REUSEADDR | libc::SO_REUSEPORT)
        | (libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT | IP_LOCAL_PORT_RANGE) => {
            SET.fetch_add(1, Relaxed);
            touch(fd);
        }
        // From IPv6 to IPv4.
        (libc::SOL_IPV6, libc::IPV6_ADDRFORM) => forget(fd),
        _ => {}
    }
}

/// Number of times that options that matter have been set: by a library behind us perhaps, while it
/// makes a socket.
#[inline]
pub fn options_set() -> u32 {
    SET.load(Relaxed)
}

#[inline]
fn touch(fd: c_int) {
    if let Some(cell) = cell(fd)
        && cell.load(Relaxed) & UNTOUCHED != 0
    {
        touch_cell(cell);
    }
}

fn touch_cell(cell: &AtomicU32) {
    cell.fetch_and(!UNTOUCHED, Relaxed);
}

/// To be called before the kernel is asked about `fd`, for [`mark_settled`] and [`mark_bound`] to
/// be right afterwards.
pub fn get(fd: c_int) -> Seen {
    Seen { cell: cell(fd).map_or(0, |cell| cell.load(Relaxed)), epoch: epoch().unwrap_or(0) }
}

/// Remembers that `fd` is settled, unless it has come to mean something else since, or a socket has
/// lost its port.
pub fn mark_settled(fd: c_int, seen: Seen) {
    learn(fd, seen, SETTLED);
}

/// Remembers that `fd`, a TCP socket, has just been bound.
pub fn mark_bound(fd: c_int, seen: Seen) {
    learn(fd, seen, BOUND);
}

fn learn(fd: c_int, seen: Seen, tag: u32) {
    if let Some(cell) = cell(fd).filter(|_| !in_vfork_child()) {
        let learned = tag | seen.cell & MADE | seen.epoch & NUMBER;
        let _ = cell.compare_exchange(seen.cell, learned, Relaxed, Relaxed);
    }
}

/// `fd` is a new socket, made by this call of `socket`; `as_made` where nobody has set its options
/// meanwhile.
#[inline]
pub fn on_socket(fd: c_int, family: c_int, kind: c_int, protocol: c_int, as_made: bool) {
    let Some(cell) = cell(fd) else { return };
    if in_vfork_child() {
        return forget_cell(cell);
    }
    let scopes = match family {
        libc::AF_INET => [Scope::Tcp4, Scope::Udp4],
        libc::AF_INET6 => [Scope::Tcp6, Scope::Udp6],
        _ => return forget_cell(cell),
    };
    let made = match (kind & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK), protocol) {
        (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => new(scopes[0]),
        (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP) => FRESH_DATAGRAM | new(scopes[1]),
        (libc::SOCK_DGRAM, _) => FRESH_DATAGRAM,
        _ => return forget_cell(cell),
    };
    let made = if as_made { made } else { made & !UNTOUCHED };
    cell.store(made | serial(), Relaxed);
}

#[inline]
fn new(scope: Scope) -> u32 {
    (scope.index() as u32 + 1) << MADE.trailing_zeros() | UNTOUCHED
}

/// Number of the next new socket. Where no calls are marked it is not counted atomically: two
/// threads that get the same number at once have different descriptors. Else the order of
/// numbers tells what a supervisor may have served.
#[inline]
fn serial() -> u32 {
    let number = if are_marked() {
        SERIAL.fetch_add(1, Relaxed)
    } else {
        let number = SERIAL.load(Relaxed);
        SERIAL.store(number.wrapping_add(1), Relaxed);
        number
    };
    number & NUMBER
}

/// `fd` is a datagram socket without a port.
pub fn lose_port(fd: c_int) {
    lose_port_of(fd, cell(fd).map_or(0, |cell| cell.load(Relaxed) & MADE));
}

fn lose_port_of(fd: c_int, made: u32) {
    if in_vfork_child() {
        forget(fd);
    } else if let Some(cell) = cell(fd) {
        cell.store(FRESH_DATAGRAM | made | serial(), Relaxed);
    }
}

/// Tells whether `fd` has a port is not known any more.
pub fn invalidate(fd: c_int) {
    if let Some(cell) = cell(fd) {
        cell.fetch_and(MADE, Relaxed);
    }
}

/// `to` is the same as `from` from now on. What is done to one of them, the other does not see.
#[inline]
pub fn on_dup(from: c_int, to: c_int) {
    touch(from);
    if is_fresh_datagram(from) {
        // What was made is not passed on: in a process that shares our memory, `to` may be another
        // socket for us.
        lose_port_of(to, 0);
        return;
    }
    renew(to);
    if is_bound(from) {
        invalidate(from);
    }
}

/// The descriptor means something else now.
#[inline]
pub fn forget(fd: c_int) {
    if let Some(cell) = cell(fd) {
        forget_cell(cell);
    }
}

/// The descriptor means something new, of which nothing is known. What another thread is just
/// finding out of what it meant before does not count any more.
#[inline]
pub fn renew(fd: c_int) {
    /// Two threads that take the same number at once have different descriptors.
    static RENEWED: AtomicU32 = AtomicU32::new(0);
    if let Some(cell) = cell(fd) {
        let number = RENEWED.load(Relaxed).wrapping_add(1);
        RENEWED.store(number, Relaxed);
        cell.store(number & NUMBER, Relaxed);
    }
}

/// The descriptors from `first` to `last` are closed.
pub fn forget_all(first: u32, last: u32) {
    CELLS.iter().take((last as usize).saturating_add(1)).skip(first as usize).for_each(forget_cell);
}

/// Writes only where there is something to forget: most pages of the table are never touched.
#[inline]
fn forget_cell(cell: &AtomicU32) {
    if cell.load(Relaxed) != 0 {
        cell.store(0, Relaxed);
    }
}

/// Notes that `fd` may lose its port while it is open. Other descriptors, in other processes even,
/// may be the same socket: nothing is settled any more, session-wide.
pub fn may_lose_port(fd: c_int) {
    invalidate(fd);
    if let Some(session) = Session::current() {
        session.region.header.epoch.fetch_add(1, Relaxed);
    }
}
