//! The program's memory, read without faulting: what the kernel could not read, neither do we.

use super::start::STACK_START;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use portshim_mechanism::address::{LENGTH, V4};
use portshim_mechanism::linux::kernel::memory::can_copy_from;
use portshim_mechanism::linux::socket::address::Address;

/// The longest address of any kind that the kernel copies.
const LONGEST: usize = size_of::<libc::sockaddr_storage>();

const PAGE: usize = 4096;

/// The first thread's stack ends that far above every other mapping, at least.
pub(crate) const ALONE: usize = 64 << 20;

/// Tells whether the kernel could read `len` bytes at `at`, at most a page, asked without touching
/// them. The program's stack is at `stack`.
pub(crate) fn is_readable(at: usize, len: usize, stack: usize) -> bool {
    let (first, last) = (at, at.wrapping_add(len.max(1) - 1));
    if first < PAGE || last < first {
        return false;
    }
    // Most addresses are variables of a caller.
    is_in_frames(first, last, stack)
        || can_copy_from(first & !7) && (first / PAGE == last / PAGE || can_copy_from(last & !7))
}

/// Tells whether all of it lies in the program's stack: in the rest of the page that is used last
/// or, for the first thread, in the frames above. Where another stack ends, nobody knows.
fn is_in_frames(first: usize, last: usize, stack: usize) -> bool {
    let bottom = stack & !(PAGE - 1);
    let start = STACK_START.load(Relaxed);
    let end = match start.checked_sub(stack) {
        Some(..=ALONE) => start,
        _ => bottom + PAGE,
    };
    stack <= first && last < end
}

/// A copy of the program's address, or `None` where the kernel would refuse to copy it.
pub(crate) fn address(at: usize, len: usize, stack: usize) -> Option<Address> {
    let len = len as u32 as usize;
    if !(2..=LONGEST).contains(&len) || !is_readable(at, len, stack) {
        return None;
    }
    if len == V4 {
        // SAFETY: the kernel has just been seen to read these bytes, for which any are valid.
        return Some(Address::of_v4(unsafe { (at as *const [u8; V4]).read() }));
    }
    let mut bytes = [0; LENGTH];
    // SAFETY: as above, and there is room for `LENGTH`.
    unsafe { ptr::copy_nonoverlapping(at as *const u8, bytes.as_mut_ptr(), len.min(LENGTH)) };
    Some(Address::of_bytes(&bytes, len))
}

/// A copy of the header of a message, or `None` where the kernel could not read it.
pub(crate) fn header(at: usize, stack: usize) -> Option<libc::msghdr> {
    // SAFETY: the kernel has just been seen to read these bytes; no alignment is assumed.
    is_readable(at, size_of::<libc::msghdr>(), stack).then(|| unsafe { (at as *const libc::msghdr).read_unaligned() })
}

/// The word at `at`, or `None` where the kernel could not read it.
pub(crate) fn word(at: usize, stack: usize) -> Option<u64> {
    // SAFETY: the kernel has just been seen to read these bytes; no alignment is assumed.
    is_readable(at, size_of::<u64>(), stack).then(|| unsafe { (at as *const u64).read_unaligned() })
}
