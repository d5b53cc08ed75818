//! `vfork`, whose child runs in its parent's memory under a number of its own: whoever goes by what is kept there
//! has to know of it. Like `syscall`, the hook must leave no frame behind.

use super::variadic::fail;
use crate::held::UNKNOWN;
use crate::linux::{liveness, sys};
use core::arch::naked_asm;
use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Relaxed};

/// libc's `vfork`, or the next library's; ours until it has been looked up.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(bare as *mut _);

/// Not 0 once the program has called it: nobody is told when the child leaves.
pub(super) static CALLED: AtomicU8 = AtomicU8::new(0);

pub(super) fn resolve() {
    super::look_up(&NEXT, "vfork");
}

/// This process's number, even in a child of vfork.
#[inline]
pub(crate) fn process() -> u32 {
    if CALLED.load(Relaxed) == 0 { liveness::process() } else { sys::asked_process().unwrap_or(UNKNOWN) }
}

/// Whether this is a child of vfork, or may be one, to which nothing belongs that is kept in memory.
#[inline]
pub(crate) fn is_lodger() -> bool {
    CALLED.load(Relaxed) != 0 && sys::asked_process() != Some(liveness::process())
}

/// vfork(2), for a caller from before the constructor. The return address must not stay on a stack that the child
/// writes on.
#[unsafe(naked)]
unsafe extern "C" fn bare() {
    naked_asm!(
        "pop rdx",
        "mov eax, {vfork}",
        "syscall",
        "push rdx",
        "cmp rax, -4095",
        "jae 2f",
        "ret",
        "2:",
        "neg eax",
        "mov edi, eax",
        "jmp {fail}",
        vfork = const libc::SYS_vfork,
        fail = sym fail,
    )
}

/// The hook of `vfork`.
///
/// # Safety
/// As for vfork(2).
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn vfork() {
    naked_asm!(
        "mov byte ptr [rip + {called}], 1",
        "mov rax, [rip + {next}]",
        "jmp rax",
        called = sym CALLED,
        next = sym NEXT,
    )
}
