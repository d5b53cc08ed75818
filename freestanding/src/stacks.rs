//! Stacks of our own, for programs whose own may be too small to serve calls on. There are as many
//! as have been needed at once, and one more: what limits a program's memory counts them.

use super::frame::Frame;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use portshim_mechanism::linux::kernel::call::forward;

/// Length of a stack as a power of two. A signal handler that C code has set up may run on it: it
/// is as long as musl makes those of threads.
pub(crate) const STACK_BITS: u32 = 17;
const LEN: usize = 1 << STACK_BITS;
/// So much at its lower end is not mapped.
const GUARD: usize = 4096;
/// Number of stacks at most: there is a bit for each.
const MOST: u32 = 64;

/// The upper end of the first stack, which the supervisor writes here; 0 where calls are served on
/// the program's own. Each lies at a multiple of its length, the next above it.
#[unsafe(export_name = "portshim_stacks")]
pub(crate) static FIRST: AtomicUsize = AtomicUsize::new(0);

/// Sizes for whoever maps the first stack: what is not mapped of it, and its length.
#[unsafe(export_name = "portshim_stack_sizes")]
static SIZES: [u64; 2] = [GUARD as u64, LEN as u64];

/// A bit for each stack that is in use. Of one that a signal handler has jumped away from, it stays
/// set: when none is left, the supervisor serves.
pub(crate) static BUSY: AtomicU64 = AtomicU64::new(0);

/// Number of the last stack that there is, from 0. It is the first to be used.
pub(crate) static LAST: AtomicU32 = AtomicU32::new(0);

/// Tells whether calls are served on stacks of ours.
#[inline(always)]
pub(crate) fn are_ours() -> bool {
    FIRST.load(Relaxed) != 0
}

/// Maps another stack if this call has come onto the first one: all others are in use.
#[inline(always)]
pub(crate) fn keep_one_free(frame: &Frame) {
    if ptr::from_ref(frame).addr() < FIRST.load(Relaxed) {
        add();
    }
}

#[cold]
#[inline(never)]
fn add() {
    const PROTECTION: i32 = libc::PROT_READ | libc::PROT_WRITE;
    const FLAGS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let last = LAST.load(Relaxed);
    if last + 1 == MOST {
        return;
    }
    // The end of the last one.
    let start = FIRST.load(Relaxed) + last as usize * LEN;
    let arguments = [start + GUARD, LEN - GUARD, PROTECTION as usize, FLAGS as usize, usize::MAX, 0];
    // SAFETY: nothing is mapped there, or the kernel refuses.
    let mapped = unsafe { forward(libc::SYS_mmap, arguments.map(|argument| argument as i64)) };
    // If it is there already, somebody else is about to say so, or has been kept from it.
    if matches!(mapped, Ok(_) | Err(libc::EEXIST)) {
        let _ = LAST.compare_exchange(last, last + 1, Relaxed, Relaxed);
    }
}
