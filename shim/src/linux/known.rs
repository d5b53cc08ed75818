//! What is known of descriptors without asking the kernel: settled ones, from which a send cannot bind;
//! fresh datagram sockets, which even a failing write binds; TCP sockets that have just been bound. A
//! cache and no more: "unknown" leads to the slow path, which asks the kernel.

use super::session;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

const DESCRIPTORS: usize = 65536;

/// A cell is 0 for "unknown", or one of these with a number in its lower bits: the session's epoch, so that
/// a new epoch makes all such cells unknown at once; for a fresh socket a serial number, so that it is
/// not taken for another that had the same descriptor.
const SETTLED: u32 = 1 << 30;
const BOUND: u32 = 2 << 30;
const FRESH_DATAGRAM: u32 = 3 << 30;
const NUMBER: u32 = (1 << 30) - 1;

static CELLS: [AtomicU32; DESCRIPTORS] = [const { AtomicU32::new(0) }; DESCRIPTORS];
static SERIAL: AtomicU32 = AtomicU32::new(0);

/// What a cell said, and which epoch it was, before the kernel was asked.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    cell: u32,
    epoch: u32,
}

#[inline]
fn cell(fd: c_int) -> Option<&'static AtomicU32> {
    CELLS.get(fd as usize)
}

#[inline]
fn is_current(fd: c_int, tag: u32) -> bool {
    cell(fd).is_some_and(|cell| {
        let value = cell.load(Relaxed);
        value & !NUMBER == tag && session::epoch().is_some_and(|epoch| value == tag | epoch & NUMBER)
    })
}

/// Whether a send on `fd` is known to bind nothing.
#[inline]
pub(crate) fn is_settled(fd: c_int) -> bool {
    is_current(fd, SETTLED)
}

/// Whether `fd` is a TCP socket that `bind` has given a port, and that no call since can have taken it from.
pub(crate) fn is_bound(fd: c_int) -> bool {
    is_current(fd, BOUND)
}

/// Whether `fd` was last seen as a new datagram socket. Most writes are to files and connections, so for
/// a write "unknown" leads straight through.
#[inline]
pub(crate) fn is_fresh_datagram(fd: c_int) -> bool {
    cell(fd).is_some_and(|cell| cell.load(Relaxed) & !NUMBER == FRESH_DATAGRAM)
}

/// To be called before the kernel is asked about `fd`, for [`settle`] and [`bind`] to be right afterwards.
pub(crate) fn look(fd: c_int) -> Seen {
    Seen { cell: cell(fd).map_or(0, |cell| cell.load(Relaxed)), epoch: session::epoch().unwrap_or(0) }
}

/// Remembers that `fd` is settled, unless it has come to mean something else since, or a socket has lost
/// its port.
pub(crate) fn settle(fd: c_int, seen: Seen) {
    learn(fd, seen, SETTLED);
}

/// Remembers that `fd`, a TCP socket, has just been bound.
pub(crate) fn bind(fd: c_int, seen: Seen) {
    learn(fd, seen, BOUND);
}

fn learn(fd: c_int, seen: Seen, tag: u32) {
    if let Some(cell) = cell(fd) {
        let _ = cell.compare_exchange(seen.cell, tag | seen.epoch & NUMBER, Relaxed, Relaxed);
    }
}

/// `fd` is a new socket.
#[inline]
pub(crate) fn begin(fd: c_int, family: c_int, kind: c_int) {
    let datagram = (family == libc::AF_INET || family == libc::AF_INET6)
        && kind & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) == libc::SOCK_DGRAM;
    if datagram { lose_port(fd) } else { forget(fd) }
}

/// `fd` is a datagram socket without a port.
#[inline]
pub(crate) fn lose_port(fd: c_int) {
    if let Some(cell) = cell(fd) {
        cell.store(FRESH_DATAGRAM | SERIAL.fetch_add(1, Relaxed) & NUMBER, Relaxed);
    }
}

/// `to` is the same as `from` from now on. What is done to one of them, the other does not see.
#[inline]
pub(crate) fn copy(from: c_int, to: c_int) {
    if is_fresh_datagram(from) {
        lose_port(to);
        return;
    }
    forget(to);
    if is_bound(from) {
        forget(from);
    }
}

/// The descriptor means something else now.
#[inline]
pub(crate) fn forget(fd: c_int) {
    if let Some(cell) = cell(fd) {
        forget_cell(cell);
    }
}

/// The descriptors from `first` to `last` are closed.
pub(crate) fn forget_all(first: u32, last: u32) {
    CELLS.iter().take((last as usize).saturating_add(1)).skip(first as usize).for_each(forget_cell);
}

/// Writes only where there is something to forget: most pages of the table are never touched.
#[inline]
fn forget_cell(cell: &AtomicU32) {
    if cell.load(Relaxed) != 0 {
        cell.store(0, Relaxed);
    }
}

/// Some socket has lost its port while open. Other descriptors, in other processes even, may be the same
/// socket: nothing is settled any more, session-wide.
pub(crate) fn unsettle() {
    if let Some(session) = session::get() {
        session.region.header.epoch.fetch_add(1, Relaxed);
    }
}
