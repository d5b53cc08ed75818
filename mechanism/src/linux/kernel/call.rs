//! System calls of our own, straight to the kernel: no other hook sees them, and `errno` stays as
//! it is.
//!
//! An error is the kernel's number. In a program that has confined itself, a call that the
//! confinement does not allow is not made, and its error is
//! [`NOT_ASKED`](super::sandbox::NOT_ASKED).

use core::arch::asm;
use core::ffi::{c_int, c_long};
use syscalls::Errno;

/// A result of the kernel's: a value, or its error number.
pub type Result<T> = core::result::Result<T, c_int>;

pub(super) fn number(result: core::result::Result<usize, Errno>) -> Result<usize> {
    result.map_err(Errno::into_raw)
}

/// The result that a register tells of after a call.
#[inline]
pub fn answered(register: isize) -> Result<usize> {
    number(Errno::from_ret(register as usize))
}

/// Calls the kernel with up to six arguments, if the program's sandbox allows it.
macro_rules! call {
    ($name:ident $(, $arg:expr)*) => {
        if $crate::linux::kernel::sandbox::is_on() {
            $crate::linux::kernel::sandbox::ask(syscalls::Sysno::$name, &[$($arg as usize),*])
        } else {
            $crate::linux::kernel::call::own!($name $(, $arg)*)
        }
    };
}

/// The same for what the program itself calls: its sandbox has its say there.
macro_rules! own {
    ($name:ident $(, $arg:expr)*) => {
        $crate::linux::kernel::call::number(syscalls::syscall!(syscalls::Sysno::$name $(, $arg as usize)*))
    };
}

pub(super) use {call, own};

/// The program's own call, by its number.
///
/// # Safety
/// As for syscall(2).
#[inline(always)]
pub unsafe fn forward(call: c_long, arguments: [c_long; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments.map(|argument| argument as usize);
    let answer: usize;
    // SAFETY: as the caller promises; the kernel writes to these three registers alone.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") call as usize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: as the caller promises; the kernel writes to one register alone.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc #0",
            in("x8") call,
            inlateout("x0") a => answer,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack, preserves_flags),
        );
    }
    number(Errno::from_ret(answer))
}
