//! The program's memory, read without faulting: what the kernel could not read, neither do we.

use super::weak::weak;
use core::ffi::c_void;
use core::hint;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use libc::{sockaddr, sockaddr_storage, socklen_t};
use portshim_mechanism::address::{LENGTH, V4};
use portshim_mechanism::linux::kernel::memory as kernel;
use portshim_mechanism::linux::socket::address::Address;

/// The longest address of any kind that the kernel copies.
const LONGEST: usize = size_of::<sockaddr_storage>();

const PAGE: usize = 4096;

/// Words that the kernel left on the stack at exec: the number of arguments, their pointers, a null
/// pointer, and those of the environment. None where the C library does not tell.
pub(crate) fn stack_words() -> Option<*const usize> {
    // SAFETY: glibc's dynamic linker sets the pointer before it runs anyone's code.
    unsafe { weak!("__libc_stack_end": *const usize).as_ref().copied() }
}

/// An address above all frames of the main thread, and in its stack; 0 until the start has looked.
static STACK_START: AtomicUsize = AtomicUsize::new(0);

/// Remembers where the main thread's stack begins.
pub(super) fn start() {
    // SAFETY: getauxval reads what the kernel left on the stack at exec, as are those random bytes.
    let random = || unsafe { libc::getauxval(libc::AT_RANDOM) } as usize;
    STACK_START.store(stack_words().map_or_else(random, |words| words as usize), Relaxed);
}

/// Reads the program's memory. Asks the kernel about each page once in a row.
#[derive(Default)]
pub(crate) struct Memory {
    /// The page that was last seen to be readable.
    page: usize,
}

impl Memory {
    /// Tells whether a byte can be read.
    fn reaches(&mut self, at: usize) -> bool {
        if at / PAGE == self.page && self.page != 0 {
            return true;
        }
        let readable = is_readable(at as *const c_void, 1);
        if readable {
            self.page = at / PAGE;
        }
        readable
    }

    /// The byte at `at`.
    fn byte(&mut self, at: usize) -> Option<u8> {
        // SAFETY: the kernel has just been seen to read this page.
        self.reaches(at).then(|| unsafe { (at as *const u8).read() })
    }

    /// The machine word at `at`, aligned or not.
    pub(crate) fn word(&mut self, at: usize) -> Option<usize> {
        let last = at.checked_add(size_of::<usize>() - 1)?;
        // SAFETY: as above; a word reaches into two pages at most.
        (self.reaches(at) && self.reaches(last)).then(|| unsafe { (at as *const usize).read_unaligned() })
    }

    /// Tells whether the string at `at` starts with `prefix`, or `None` where it cannot be read so
    /// far.
    pub(crate) fn starts_with(&mut self, at: usize, prefix: &[u8]) -> Option<bool> {
        for (n, expected) in prefix.iter().enumerate() {
            if self.byte(at.checked_add(n)?)? != *expected {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Place where the string at `at` ends, or `None` where it cannot be read as far as that.
    pub(crate) fn end_of_string(&mut self, at: usize) -> Option<usize> {
        (at..).find_map(|at| match self.byte(at) {
            Some(0) => Some(Some(at)),
            Some(_) => None,
            None => Some(None),
        })?
    }
}

/// Tells whether the kernel could read `len` bytes at `at`, at most 4096, asked without touching
/// them.
pub(crate) fn is_readable(at: *const c_void, len: usize) -> bool {
    let (first, last) = (at as usize, (at as usize).wrapping_add(len.max(1) - 1));
    if first < PAGE || last < first {
        return false;
    }
    // Most addresses are variables of a caller.
    is_in_frames(first, last)
        || kernel::can_copy_from(first & !7) && (first / PAGE == last / PAGE || kernel::can_copy_from(last & !7))
}

/// Tells whether the kernel might read `len` bytes at `at`, and the program's sandbox lets nobody
/// ask.
#[cold]
pub(crate) fn is_beyond_asking(at: *const c_void, len: u32) -> bool {
    at as usize >= PAGE && len >= 2 && !kernel::can_ask_what_is_readable()
}

/// Tells whether all of it lies in this thread's stack: in the rest of this frame's page or, for
/// the main thread, in the frames above. Where another stack ends, nobody knows.
fn is_in_frames(first: usize, last: usize) -> bool {
    /// The main thread's stack ends that far above every other mapping, at least.
    const ALONE: usize = 64 << 20;
    let here = core::ptr::from_ref(hint::black_box(&first)) as usize;
    let bottom = here & !(PAGE - 1);
    let start = STACK_START.load(Relaxed);
    let end = match start.checked_sub(here) {
        Some(..=ALONE) => start,
        _ => bottom + PAGE,
    };
    bottom <= first && last < end
}

/// A copy of the program's address, or `None` where the kernel would refuse to copy it: then the
/// program's call must go through untouched, for the kernel's own error.
pub(crate) fn read_address(at: *const sockaddr, len: socklen_t) -> Option<Address> {
    let len = usize::try_from(len).ok()?;
    if !(2..=LONGEST).contains(&len) || !is_readable(at.cast::<c_void>(), len) {
        return None;
    }
    copied(at, len)
}

/// A copy of the program's address, which the kernel has just taken.
pub(crate) fn taken_address(at: *const sockaddr, len: socklen_t) -> Option<Address> {
    let len = usize::try_from(len).ok()?;
    copied(at, len).filter(|_| (2..=LONGEST).contains(&len))
}

fn copied(at: *const sockaddr, len: usize) -> Option<Address> {
    if len == V4 {
        // SAFETY: the kernel has just been seen to read these bytes, for which any are valid.
        return Some(Address::of_v4(unsafe { at.cast::<[u8; V4]>().read() }));
    }
    Address::filled(|storage| {
        let kept = len.min(LENGTH);
        // SAFETY: as above, and the storage holds `LENGTH`.
        unsafe { core::ptr::copy_nonoverlapping(at.cast::<u8>(), core::ptr::from_mut(storage).cast(), kept) };
        Ok(len)
    })
    .ok()
}
