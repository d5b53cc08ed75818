//! What is known of descriptors without asking the kernel: settled ones, from which a send cannot bind;
//! fresh datagram sockets, which even a failing write binds; sockets that have just been bound. A cache
//! and no more: "unknown" leads to the slow path, which asks the kernel.

use super::session;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

const DESCRIPTORS: usize = 65536;
const SETTLED: u8 = 1;
const FRESH_DATAGRAM: u8 = 2;
const BOUND: u8 = 3;

static STATE: [AtomicU8; DESCRIPTORS] = [const { AtomicU8::new(0) }; DESCRIPTORS];
/// The session's epoch for which `STATE` holds.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// Whether a send on `fd` is known to bind nothing.
#[inline]
pub(crate) fn is_settled(fd: c_int) -> bool {
    is(fd, SETTLED) && is_current()
}

/// Whether `fd` is a TCP socket that `bind` has given a port, and that no call since can have taken it from.
pub(crate) fn is_bound(fd: c_int) -> bool {
    is(fd, BOUND) && is_current()
}

#[inline]
fn is(fd: c_int, state: u8) -> bool {
    (fd as usize) < DESCRIPTORS && STATE[fd as usize].load(Relaxed) == state
}

#[inline]
fn is_current() -> bool {
    session::epoch().is_some_and(|epoch| epoch == EPOCH.load(Relaxed))
}

/// What has to be known before asking the kernel, for [`settle`] and [`bind`] to be right afterwards.
pub(crate) fn epoch() -> u32 {
    let epoch = session::epoch().unwrap_or(0);
    if EPOCH.swap(epoch, Relaxed) != epoch {
        for state in &STATE {
            // Only what is set is written: most of the table's pages are never touched.
            if matches!(state.load(Relaxed), SETTLED | BOUND) {
                state.store(0, Relaxed);
            }
        }
    }
    epoch
}

/// Remembers that `fd` is settled, unless a socket has lost its port since `epoch`.
pub(crate) fn settle(fd: c_int, epoch: u32) {
    learn(fd, epoch, SETTLED);
}

/// Remembers that `fd`, a TCP socket, has just been bound.
pub(crate) fn bind(fd: c_int, epoch: u32) {
    learn(fd, epoch, BOUND);
}

fn learn(fd: c_int, epoch: u32, state: u8) {
    if (fd as usize) < DESCRIPTORS && session::epoch() == Some(epoch) {
        STATE[fd as usize].store(state, Relaxed);
    }
}

/// Whether `fd` was last seen as a new datagram socket. Most writes are to files and connections, so for
/// a write "unknown" leads straight through.
#[inline]
pub(crate) fn is_fresh_datagram(fd: c_int) -> bool {
    is(fd, FRESH_DATAGRAM)
}

/// `fd` is a new socket.
#[inline]
pub(crate) fn begin(fd: c_int, family: c_int, kind: c_int) {
    if (fd as usize) < DESCRIPTORS {
        let datagram = (family == libc::AF_INET || family == libc::AF_INET6)
            && kind & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) == libc::SOCK_DGRAM;
        STATE[fd as usize].store(if datagram { FRESH_DATAGRAM } else { 0 }, Relaxed);
    }
}

/// `to` is the same as `from` from now on. What one of them does, the other does not see.
#[inline]
pub(crate) fn copy(from: c_int, to: c_int) {
    if (to as usize) < DESCRIPTORS {
        STATE[to as usize].store(if is_fresh_datagram(from) { FRESH_DATAGRAM } else { 0 }, Relaxed);
    }
    if is(from, BOUND) {
        forget(from);
    }
}

/// The descriptor means something else now.
#[inline]
pub(crate) fn forget(fd: c_int) {
    if (fd as usize) < DESCRIPTORS {
        STATE[fd as usize].store(0, Relaxed);
    }
}

/// The descriptors from `first` to `last` are closed.
pub(crate) fn forget_all(first: u32, last: u32) {
    for state in STATE.iter().take((last as usize).saturating_add(1)).skip(first as usize) {
        if state.load(Relaxed) != 0 {
            state.store(0, Relaxed);
        }
    }
}

/// `fd`, a datagram socket, has no port any more.
pub(crate) fn lose_port(fd: c_int) {
    if (fd as usize) < DESCRIPTORS {
        STATE[fd as usize].store(FRESH_DATAGRAM, Relaxed);
    }
}

/// Some socket has lost its port while open. Other descriptors, in other processes even, may be the same
/// socket: nothing is settled any more, session-wide.
pub(crate) fn unsettle() {
    if let Some(session) = session::get() {
        session.region.header.epoch.fetch_add(1, Relaxed);
    }
}
