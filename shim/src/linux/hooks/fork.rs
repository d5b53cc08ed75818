//! `vfork` and `clone`, whose child may run in its parent's memory under a number of its own, with
//! a table of descriptors of its own, or in another network: whoever goes by what is kept there has
//! to know of it. Like `syscall`, the hooks must leave no frame behind.

use crate::linux::original;
use core::arch::naked_asm;
use core::ffi::{c_int, c_long, c_void};
use core::sync::atomic::AtomicPtr;
use portshim_mechanism::linux::kernel::errno;
pub(super) use portshim_mechanism::linux::kernel::process::VFORKED;

/// libc's `vfork`, or the next library's; ours until it has been looked up.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(bare as *mut _);

/// libc's `clone`, or the next library's.
static NEXT_CLONE: AtomicPtr<c_void> = AtomicPtr::new(early_clone as *mut _);

pub(super) extern "C" fn look_up_vfork() -> *mut c_void {
    original::look_up(&NEXT, "vfork")
}

pub(super) extern "C" fn look_up_clone() -> *mut c_void {
    original::look_up(&NEXT_CLONE, "clone")
}

/// Result of a system call of our own that has failed.
pub(super) extern "C" fn fail(number: c_int) -> c_long {
    errno::set(number);
    -1
}

/// vfork(2), for a caller from before the constructor. The return address must not stay on a stack
/// that the child writes on.
#[cfg(target_arch = "x86_64")]
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

/// As above, by clone(2): there is no vfork(2).
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn bare() {
    naked_asm!(
        "mov x0, {flags}",
        "mov x1, xzr",
        "mov x8, {clone}",
        "svc #0",
        "cmn x0, #4095",
        "b.cs 2f",
        "ret",
        "2:",
        "neg w0, w0",
        "b {fail}",
        flags = const libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
        clone = const libc::SYS_clone,
        fail = sym fail,
    )
}

/// Takes note of something in a byte of memory. Clobbers what the linker's own code may.
macro_rules! note {
    ($byte:literal) => {
        if_x86!(
            concat!("mov byte ptr [rip + ", $byte, "], 1\n"),
            concat!("adrp x16, ", $byte, "\nmov w17, #1\nstrb w17, [x16, :lo12:", $byte, "]\n")
        )
    };
}

/// Forgets the descriptors that are known: their number is in this word of memory.
macro_rules! forget {
    ($end:literal) => {
        if_x86!(
            concat!("mov dword ptr [rip + ", $end, "], 0\n"),
            concat!("adrp x16, ", $end, "\nstr wzr, [x16, :lo12:", $end, "]\n")
        )
    };
}

/// Jumps to where a pointer in memory leads.
macro_rules! jump {
    ($pointer:literal) => {
        if_x86!(
            concat!("mov rax, [rip + ", $pointer, "]\njmp rax"),
            concat!("adrp x16, ", $pointer, "\nldr x16, [x16, :lo12:", $pointer, "]\nbr x16")
        )
    };
}

/// Skips what follows, up to a label, if a register has a bit, or if it has it not.
macro_rules! skip {
    (if $bit:literal in $register:expr, to $label:literal) => {
        concat!(if_x86!("test ", "tst "), $register, ", ", $bit, if_x86!("\njnz ", "\nb.ne "), $label, "f\n")
    };
    (unless $bit:literal in $register:expr, to $label:literal) => {
        concat!(if_x86!("test ", "tst "), $register, ", ", $bit, if_x86!("\njz ", "\nb.eq "), $label, "f\n")
    };
}
pub(super) use {forget, jump, note, skip};

/// The hook of `vfork`.
///
/// # Safety
/// As for vfork(2).
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn vfork() {
    naked_asm!(note!("{called}"), jump!("{next}"), called = sym VFORKED, next = sym NEXT)
}

/// Takes note of what the flags of a clone, in a register, mean for what is kept in memory.
/// Clobbers no other register but the linker's.
macro_rules! note_clone {
    ($flags:expr) => {
        concat!(
            $crate::linux::hooks::fork::skip!(unless "{newnet}" in $flags, to "7"),
            $crate::linux::hooks::fork::note!("{moved}"),
            "7:\n",
            $crate::linux::hooks::fork::skip!(unless "{vm}" in $flags, to "8"),
            $crate::linux::hooks::fork::skip!(if "{files}" in $flags, to "8"),
            $crate::linux::hooks::fork::note!("{called}"),
            $crate::linux::hooks::fork::skip!(if "{vfork}" in $flags, to "8"),
            $crate::linux::hooks::fork::forget!("{end}"),
            "8:"
        )
    };
}
pub(super) use note_clone;

/// The hook of `clone`, whose flags come third.
///
/// # Safety
/// As for clone(2).
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn clone() {
    naked_asm!(
        note_clone!(if_x86!("edx", "w2")),
        jump!("{next}"),
        newnet = const libc::CLONE_NEWNET,
        vm = const libc::CLONE_VM,
        files = const libc::CLONE_FILES,
        vfork = const libc::CLONE_VFORK,
        moved = sym portshim_mechanism::linux::socket::steering::MOVED,
        called = sym VFORKED,
        end = sym portshim_mechanism::linux::known::fd_cache::END,
        next = sym NEXT_CLONE,
    )
}

/// `clone`, for a caller from before the constructor.
#[unsafe(naked)]
unsafe extern "C" fn early_clone() {
    naked_asm!(
        if_x86!(
            "push rdi
            push rsi
            push rdx
            push rcx
            push r8
            push r9
            sub rsp, 8
            call {resolve}
            add rsp, 8
            pop r9
            pop r8
            pop rcx
            pop rdx
            pop rsi
            pop rdi",
            "stp x29, x30, [sp, #-80]!
            stp x0, x1, [sp, #16]
            stp x2, x3, [sp, #32]
            stp x4, x5, [sp, #48]
            str x6, [sp, #64]
            bl {resolve}
            ldr x6, [sp, #64]
            ldp x4, x5, [sp, #48]
            ldp x2, x3, [sp, #32]
            ldp x0, x1, [sp, #16]
            ldp x29, x30, [sp], #80"
        ),
        jump!("{next}"),
        resolve = sym look_up_clone,
        next = sym NEXT_CLONE,
    )
}
