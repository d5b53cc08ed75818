//! The mark on calls that need no supervisor any more.
//!
//! A supervisor is told of every call that may bind a socket (seccomp_unotify(2)), but for those
//! that carry this mark: where a library serves a process of its session, it marks the calls that
//! it makes. The mark stands above the descriptor, in the same register: the kernel takes an `int`
//! from there, its filters see 64 bits. So the calls need not be made at any special place.

use super::call::call;
use super::constants::IP_LOCAL_PORT_RANGE;
use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The upper half of an argument with the mark.
pub const MARK: u32 = 0x7368_696d;

/// What is added to descriptors: the mark, or nothing.
pub static ADDED: AtomicUsize = AtomicUsize::new(0);

/// Marks the calls of this process from now on, or no longer.
pub fn mark_calls(marks: bool) {
    ADDED.store(if marks { above() } else { 0 }, Relaxed);
}

/// Tells whether they are marked.
#[inline(always)]
#[must_use]
pub fn are_marked() -> bool {
    ADDED.load(Relaxed) != 0
}

/// The argument of a call that is this descriptor.
#[inline(always)]
#[must_use]
pub fn marked(fd: c_int) -> usize {
    fd as usize | ADDED.load(Relaxed)
}

const fn above() -> usize {
    (MARK as usize) << 32
}

/// Value of an option that no program sets: it asks whether a supervisor of ours is told of it.
pub const QUESTION: u64 = 0x706f_7274;
/// Its answer to that, and in the lower bits its number, of which there are at most 22
/// (PID_MAX_LIMIT).
pub const ANSWER: u32 = 0x4000_0000;
/// Part of the answer of a supervisor that is told of nothing but new sockets, and makes them.
pub const MAKES_SOCKETS: u32 = 0x2000_0000;

/// A supervisor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervisor {
    /// Its process.
    pub process: u32,
    /// It is told of nothing but new sockets, and makes them.
    pub makes_sockets: bool,
}

/// The supervisor that this process's calls are told to, if it is one of ours.
#[must_use]
pub fn supervisor() -> Option<Supervisor> {
    let answer = asked(-1isize as usize)?;
    Some(Supervisor { process: answer & !MAKES_SOCKETS, makes_sockets: answer & MAKES_SOCKETS != 0 })
}

/// Tells whether it is told of marked calls as well: whoever carries out this process's calls does
/// not pass the mark on.
#[must_use]
pub fn is_lost() -> bool {
    asked(above() | u32::MAX as usize).is_some()
}

fn asked(fd: usize) -> Option<u32> {
    // SAFETY: the kernel finds no descriptor of this number before it looks at the value.
    let answer = unsafe { call!(setsockopt, fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE, QUESTION, 0) };
    answer.ok().map(|answer| answer as u32).filter(|answer| answer & ANSWER != 0).map(|answer| answer & !ANSWER)
}
