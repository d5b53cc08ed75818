//! The few functions of a C library that the compiler and the mechanism call.

use super::start::CLOCK;
use core::arch::asm;
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering::Relaxed;
use core::{mem, ptr};

/// # Safety
/// As for memcpy(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: as the caller promises.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As for memmove(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= len {
        // SAFETY: as the caller promises; where the end of one lies in the other, it is read first.
        return unsafe { memcpy(to, from, len) };
    }
    // SAFETY: as the caller promises. What is copied downwards ends at the first byte.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") len => _,
            inout("rdi") to.wrapping_add(len).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(len).wrapping_sub(1) => _, options(nostack));
    }
    to
}

/// # Safety
/// As for memset(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: c_int, len: usize) -> *mut u8 {
    // SAFETY: as the caller promises.
    unsafe {
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As for memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, len: usize) -> c_int {
    for at in 0..len {
        // SAFETY: as the caller promises. Volatile, or the compiler would call this function here.
        let (a, b) = unsafe { (ptr::read_volatile(one.add(at)), ptr::read_volatile(other.add(at))) };
        if a != b {
            return c_int::from(a) - c_int::from(b);
        }
    }
    0
}

/// # Safety
/// As for memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, len: usize) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { memcmp(one, other, len) }
}

/// # Safety
/// As for strlen(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: the caller promises that the text ends. Volatile as in `memcmp`.
    while unsafe { ptr::read_volatile(text.add(len)) } != 0 {
        len += 1;
    }
    len
}

/// The vDSO's clock, or the kernel's where there is none.
///
/// # Safety
/// As for clock_gettime(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut c_void) -> c_int {
    type Clock = unsafe extern "C" fn(c_int, *mut c_void) -> c_int;
    let of_vdso = CLOCK.load(Relaxed);
    if !of_vdso.is_null() {
        // SAFETY: the supervisor has found that function there; the caller promises room for what
        // it writes.
        return unsafe { mem::transmute::<*mut c_void, Clock>(of_vdso)(clock, time) };
    }
    let answer: isize;
    // SAFETY: the caller promises room for what the kernel writes.
    unsafe {
        asm!("syscall", inlateout("rax") libc::SYS_clock_gettime as isize => answer,
            in("rdi") clock, in("rsi") time, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    if answer == 0 { 0 } else { -1 }
}

/// Unwinding tables of the compiler's own library name it; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As above.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() {}
