//! Room on the program's stack: whether a call can be served there.
//!
//! The library takes it for granted in the programs that it is in. Here, the supervisor serves
//! where there is none: below the stack lies what cannot be written to, as a guard page. What else
//! may lie there, nobody sees.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use portshim_mechanism::linux::kernel::memory::can_write_at;

/// Number of bytes below rsp that serving a call takes at most; the tests measure it.
const MOST: usize = 8 << 10;
const PAGE: usize = 4096;

/// Pages that could be written to when a call came in above them, by their numbers. Stacks stay
/// where they are: the kernel is asked once.
static KNOWN: [AtomicUsize; SLOTS] = [const { AtomicUsize::new(0) }; SLOTS];
const SLOTS_BITS: u32 = 8;
const SLOTS: usize = 1 << SLOTS_BITS;

/// Tells whether there is room below `stack`.
#[inline(always)]
pub(crate) fn is_below(stack: usize) -> bool {
    let (last, first) = (stack / PAGE, stack.saturating_sub(MOST) / PAGE);
    (first..last).all(|page| slot(page).load(Relaxed) == page || is_found_below(page))
}

/// A page's place among those that are known. Threads' stacks lie at the same distance from each
/// other.
#[inline(always)]
fn slot(page: usize) -> &'static AtomicUsize {
    const FIBONACCI: usize = 0x9e37_79b9_7f4a_7c15;
    &KNOWN[page.wrapping_mul(FIBONACCI) >> (usize::BITS - SLOTS_BITS)]
}

#[cold]
#[inline(never)]
fn is_found_below(page: usize) -> bool {
    let found = can_write_at(page * PAGE);
    if found {
        slot(page).store(page, Relaxed);
    }
    found
}
