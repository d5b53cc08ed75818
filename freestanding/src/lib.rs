//! The guest of programs that have no C library to be loaded by: static ones, and Go's.
//!
//! A supervisor maps it into such a program at exec, and rewrites the program's system calls so
//! that they come here ([`entry`]). What it does then is what the preloaded library does, by the
//! same mechanism and the same plan. It has no C library and no thread-local variables; it
//! allocates nothing and prints nothing. A call that it cannot serve goes on to the supervisor.

#![cfg_attr(freestanding, no_std)]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod calls;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod changes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod entry;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod frame;
#[cfg(all(freestanding, target_os = "linux", target_arch = "x86_64"))]
mod in_place_of_libc;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod memory;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod room;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stacks;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod start;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod unserved;

#[cfg(freestanding)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the instruction ends the program, as a fault of ours has to.
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}
