//! Account of what keeps the library loadable where glibc is old, on whatever system it was built.
//!
//! The standard library and the unwinder are linked in, and ask a new glibc for functions that an
//! old one does not have: its loader would refuse the whole library. They want them for backtraces
//! alone, which a guest does not print, and do without where they fail. So they get these, which
//! nothing outside this library sees.

use core::arch::global_asm;

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

// Since glibc 2.28, 2.33 and 2.33; of the unwinder's, 2.34, 2.34 and 2.35.
#[cfg(target_arch = "x86_64")]
stand_in!("statx" "stat64" "fstat64" "pthread_once" "__pthread_key_create" "_dl_find_object" => "mov eax, -1" "ret");
#[cfg(target_arch = "aarch64")]
stand_in!("statx" "stat64" "fstat64" "pthread_once" "__pthread_key_create" "_dl_find_object" => "mov w0, #-1" "ret");

// Since 2.30. A panic's message has it.
#[cfg(target_arch = "x86_64")]
stand_in!("gettid" => "mov eax, 186" "syscall" "ret");
#[cfg(target_arch = "aarch64")]
stand_in!("gettid" => "mov x8, #178" "svc #0" "ret");
