//! This process, and whether another one exists.

use super::call::call;
use core::arch::asm;
use core::ffi::c_int;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering::Relaxed};

/// The effective user.
pub fn effective_user() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(geteuid) }.unwrap_or(0) as u32
}

/// The effective group.
pub fn effective_group() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(getegid) }.map_or(u32::MAX, |group| group as u32)
}

/// Tells whether this thread has CAP_NET_BIND_SERVICE (capabilities(7)), or there is no telling.
pub fn may_bind_privileged() -> bool {
    const CAP_NET_BIND_SERVICE: u32 = 10;
    // _LINUX_CAPABILITY_VERSION_3 and this thread; then twice effective, permitted and inheritable.
    let header = [0x2008_0522_u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: capget reads two words and writes six.
    let told = unsafe { call!(capget, header.as_ptr(), data.as_mut_ptr()) };
    told.is_err() || data[0] >> CAP_NET_BIND_SERVICE & 1 == 1
}

/// The process's number; where the program's sandbox forbids to ask, as it is remembered.
pub fn process() -> u32 {
    asked_process().unwrap_or_else(remembered)
}

/// The process's number, if it may be asked for.
pub fn asked_process() -> Option<u32> {
    // SAFETY: no memory is passed.
    unsafe { call!(getpid) }.ok().map(|process| process as u32)
}

/// The parent's number.
pub fn parent() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(getppid) }.unwrap_or(0) as u32
}

/// Identity of this thread, for as long as it runs: a child of vfork(2) is the thread that it
/// borrows from. It is where the thread's own variables are, which the ABI keeps a pointer to.
pub fn thread_place() -> usize {
    let place;
    // SAFETY: the first word there is its own address.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, fs:[0]", out(reg) place, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: the register holds it, and is for programs to read.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) place, options(nostack, preserves_flags, nomem));
    }
    place
}

/// Tells whether a process of that number exists, or cannot be asked about.
pub fn is_alive(process: u32) -> bool {
    // SAFETY: signal 0 delivers nothing.
    !matches!(unsafe { call!(kill, process as c_int, 0) }, Err(libc::ESRCH))
}

/// The thread's number.
pub fn thread() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(gettid) }.unwrap_or(0) as u32
}

/// The number of a process that is forbidden to ask for its own: no process has it.
pub const UNKNOWN: u32 = i32::MAX as u32;

/// This process's number, in memory that a forked child finds empty; null where there is no such
/// memory.
static NUMBER: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());

/// Has the number remembered in a page that a forked child finds empty, and that is never unmapped.
pub(super) fn remember_in(page: *mut u8) {
    NUMBER.store(page.cast(), Relaxed);
    // Now, for the first to ask later may be a child of vfork(2).
    this_process();
}

/// This process's number, mostly without asking. A child of vfork(2), which shares its parent's
/// memory, is taken for its parent.
#[inline]
pub fn this_process() -> u32 {
    match noted() {
        0 => note_this_process(),
        process => process,
    }
}

#[cold]
fn note_this_process() -> u32 {
    let process = process();
    // SAFETY: as in `noted`.
    if let Some(number) = unsafe { NUMBER.load(Relaxed).as_ref() } {
        number.store(process, Relaxed);
    }
    process
}

/// This process's number, where it has been noted; else 0.
#[inline]
fn noted() -> u32 {
    // SAFETY: null, or a page of zeroes that is never unmapped, for which any bytes are valid.
    unsafe { NUMBER.load(Relaxed).as_ref() }.map_or(0, |number| number.load(Relaxed))
}

/// This process's number without asking; [`UNKNOWN`] in a child that was forked after it was
/// forbidden to ask.
pub fn remembered() -> u32 {
    match noted() {
        0 => UNKNOWN,
        number => number,
    }
}

/// Not 0 once the program has called vfork(2), or a clone like it: nobody is told when the child
/// leaves.
pub static VFORKED: AtomicU8 = AtomicU8::new(0);

/// This process's number, even in a child of vfork.
#[inline]
pub fn process_even_in_vfork() -> u32 {
    if VFORKED.load(Relaxed) == 0 { this_process() } else { asked_process().unwrap_or(UNKNOWN) }
}

/// Tells whether this is a child of vfork, or may be one, to which nothing belongs that is kept in
/// memory.
#[inline]
pub fn in_vfork_child() -> bool {
    VFORKED.load(Relaxed) != 0 && asked_process() != Some(this_process())
}
