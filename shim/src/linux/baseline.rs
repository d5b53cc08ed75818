//! Account of what keeps the library loadable where glibc is old, or there is another C library, on
//! whatever system it was built.
//!
//! The standard library and the unwinder are linked in, and ask a new glibc for functions that an
//! old one does not have: its loader would refuse the whole library. They want them for backtraces
//! alone, which a guest does not print, and do without where they fail. So they get these, which
//! nothing outside this library sees.

use core::arch::global_asm;
#[cfg(target_arch = "x86_64")]
use core::ffi::c_void;
#[cfg(target_arch = "x86_64")]
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// Defines a function for this library alone, under several names. Weak, as the standard library
/// declares some of them.
macro_rules! stand_in {
    ($($name:literal)+ => $($instruction:literal)+) => {
        global_asm!(
            ".pushsection .text.stand_in,\"ax\",%progbits",
            $(concat!(".weak ", $name, "\n.hidden ", $name, "\n", $name, ":"),)+
            $($instruction,)+
            ".popsection"
        );
    };
}

// Since glibc 2.28, 2.33 and 2.33; of the unwinder's, 2.34, 2.34 and 2.35. musl has none of the
// unwinder's last, and the names that end in 64 until 1.2.4 alone.
#[cfg(target_arch = "x86_64")]
stand_in!(
    "statx" "stat64" "fstat64" "lseek64" "open64" "mmap64" "pthread_once" "__pthread_key_create" "_dl_find_object" =>
    "mov rax, -1" "ret"
);
#[cfg(target_arch = "aarch64")]
stand_in!(
    "statx" "stat64" "fstat64" "lseek64" "open64" "mmap64" "pthread_once" "__pthread_key_create" "_dl_find_object" =>
    "mov x0, #-1" "ret"
);

// Since 2.30. A panic's message has it.
#[cfg(target_arch = "x86_64")]
stand_in!("gettid" => "mov eax, 186" "syscall" "ret");
#[cfg(target_arch = "aarch64")]
stand_in!("gettid" => "mov x8, #178" "svc #0" "ret");

/// The function that finds a thread's own variables. glibc has it in its loader, which another C
/// library's loader would not find by that name: so nobody asks for it by name. AArch64 has another
/// way to find them.
#[cfg(target_arch = "x86_64")]
static FINDER: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .text.stand_in,\"ax\",%progbits",
    ".weak __tls_get_addr",
    ".hidden __tls_get_addr",
    "__tls_get_addr:",
    "mov rax, [rip + {finder}]",
    "jmp rax",
    ".popsection",
    finder = sym FINDER,
);

/// Looks that function up, before anything of the standard library can want it.
#[cfg(target_arch = "x86_64")]
pub(super) fn start() {
    FINDER.store(super::elf::next(b"__tls_get_addr"), Relaxed);
}

#[cfg(target_arch = "aarch64")]
pub(super) const fn start() {}
