//! Calls that the program forbids itself: from its first seccomp filter on, a system call of our
//! own is made only where each of them allows it. A filter of one thread holds for all of them
//! here.

use core::ffi::c_int;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed};
use libc::seccomp_data;
use portshim_policy::filter::{Instruction, Saying, SystemCall, saying};
use syscalls::Sysno;

/// Result of a call of our own that is not made: what a filter that only fails calls mostly says.
pub const NOT_ASKED: c_int = libc::EPERM;

/// Number of filters that are in force, or about to be.
pub(super) static ON: AtomicU32 = AtomicU32::new(0);
/// Number of them that could not be read, or kept: nothing is known to be allowed.
pub(super) static UNREAD: AtomicU32 = AtomicU32::new(0);
/// The filter that came last; each leads to the one before it.
pub(super) static FILTERS: AtomicPtr<Filter> = AtomicPtr::new(ptr::null_mut());
/// Number of calls of our own that have not been made.
static REFUSALS: AtomicU32 = AtomicU32::new(0);

/// A copy of a filter, in memory of its own; its instructions follow. It is never given back:
/// another thread, or a signal handler's caller, may be reading it.
#[repr(C)]
pub(super) struct Filter {
    pub(super) before: *const Self,
    pub(super) len: usize,
    /// The kernel has refused it.
    pub(super) void: AtomicBool,
}

const _: () = assert!(size_of::<Filter>().is_multiple_of(align_of::<Instruction>()));

impl Filter {
    fn instructions(&self) -> &[Instruction] {
        // SAFETY: `enter` wrote `len` instructions behind the filter before it showed the filter to
        // anybody.
        unsafe { core::slice::from_raw_parts(ptr::from_ref(self).add(1).cast(), self.len) }
    }

    /// Tells whether it looks at the upper half of the first argument, of which the kernel takes an
    /// `int` where it is a descriptor.
    pub(super) fn sees_descriptors(&self) -> bool {
        const LOAD: u16 = 0x20;
        let above = offset_of!(seccomp_data, args) as u32 + 4;
        self.instructions().iter().any(|instruction| instruction.code == LOAD && instruction.operand == above)
    }
}

/// Tells whether any filter may be in force.
#[inline]
pub fn is_on() -> bool {
    ON.load(Relaxed) != 0
}

/// A number that changes with every call of our own that is not made.
pub fn refusals() -> u32 {
    REFUSALS.load(Relaxed)
}

/// Tells whether every filter allows this call.
pub fn allows(number: Sysno, arguments: [usize; 6]) -> bool {
    if UNREAD.load(Acquire) != 0 {
        return false;
    }
    let call = SystemCall { number: number.id() as u32, arguments: arguments.map(|argument| argument as u64) };
    let mut at = FILTERS.load(Acquire).cast_const();
    // SAFETY: null, or a filter that is never given back.
    while let Some(filter) = unsafe { at.as_ref() } {
        if !filter.void.load(Acquire) && saying(filter.instructions(), &call) != Saying::Allowed {
            return false;
        }
        at = filter.before;
    }
    true
}

/// A system call of our own, if it is allowed. Registers that it does not use are 0, as the filters
/// have been shown.
///
/// # Errors
/// [`NOT_ASKED`] where it is not, or the kernel's own.
///
/// # Safety
/// As for the call itself.
#[cold]
#[inline(never)]
pub unsafe fn ask(number: Sysno, used: &[usize]) -> Result<usize, c_int> {
    let mut all = [0; 6];
    all.iter_mut().zip(used).for_each(|(argument, used)| *argument = *used);
    if !allows(number, all) {
        REFUSALS.fetch_add(1, Relaxed);
        return Err(NOT_ASKED);
    }
    let [a, b, c, d, e, f] = all;
    // SAFETY: as the caller promises.
    unsafe { syscalls::syscall!(number, a, b, c, d, e, f) }.map_err(syscalls::Errno::into_raw)
}
