//! Room on the program's stack: whether a call can be served there.
//!
//! The library takes it for granted in the programs that it is in. Here, the supervisor serves
//! where there is none: on a stack of signal handlers, which is small, and where below the stack
//! lies what cannot be written to, as a guard page. What else may lie there, nobody sees.

use super::frame::Frame;
use super::memory::ALONE;
use super::start::{STACK_START, is_whole};
use super::unserved::bit;
use core::arch::naked_asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use portshim_mechanism::linux::kernel::call::forward;
use portshim_mechanism::linux::kernel::memory::WRITES_NOTHING;

/// Not 0 where signal handlers that run on a stack of their own (sigaltstack(2)) may come here.
#[unsafe(export_name = "portshim_alternates")]
pub(crate) static ALTERNATES: AtomicU64 = AtomicU64::new(0);

/// Number of bytes below the frame that serving a call takes at most, and one that binds nothing;
/// the tests measure it.
const MOST: usize = 7 << 10;
const SMALL: usize = 5 << 8;

/// Numbers of calls that may bind a socket; sendmmsg(2) has a greater one.
const BIND: u64 = bit(libc::SYS_bind)
    | bit(libc::SYS_connect)
    | bit(libc::SYS_listen)
    | bit(libc::SYS_sendto)
    | bit(libc::SYS_sendmsg);

/// The first thread's stack, as far as there surely is room below: where it begins, and its length.
static FIRST: AtomicUsize = AtomicUsize::new(0);
static FIRST_LEN: AtomicUsize = AtomicUsize::new(0);

/// A stack of signal handlers may lie in the first thread's.
static ANYWHERE: AtomicBool = AtomicBool::new(false);

/// Takes it for granted in the first thread's stack, which the kernel makes larger by itself. Above
/// where the program has begun lies at most a quarter of what it may have (execve(2)); another
/// quarter is left.
pub(crate) fn know_first_stack() {
    // Not every call of sigaltstack(2) is seen otherwise.
    ANYWHERE.store(ALTERNATES.load(Relaxed) != 0 && !is_whole(), Relaxed);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let arguments = [libc::RLIMIT_STACK.into(), (&raw mut limit) as i64, 0, 0, 0, 0];
    // SAFETY: the kernel writes to `limit` alone.
    if unsafe { forward(libc::SYS_getrlimit, arguments) }.is_ok() {
        let len = ALONE.min(limit.rlim_cur as usize / 2);
        FIRST.store(STACK_START.load(Relaxed).saturating_sub(len), Relaxed);
        FIRST_LEN.store(len, Relaxed);
    }
}

/// Takes note of a stack of signal handlers that begins there.
pub(crate) fn note_alternate(at: usize) {
    if at.wrapping_sub(FIRST.load(Relaxed)) < FIRST_LEN.load(Relaxed) {
        ANYWHERE.store(true, Relaxed);
    }
}

/// Looks whether there is room below a frame: eax is not 0 then. It asks each time: where a stack
/// was, there may be another one.
///
/// # Safety
/// Comes here by a call, with a [`Frame`] right above. All registers change that are in it.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn look() {
    const PAGE: usize = 4096;
    naked_asm!(
        "mov rax, qword ptr [rsp + 8 + {stack}]",
        "sub rax, qword ptr [rip + {first}]",
        "cmp rax, qword ptr [rip + {first_len}]",
        "jae 8f",
        "cmp byte ptr [rip + {anywhere}], 0",
        "je 6f",
        "8:",
        "cmp qword ptr [rip + {alternates}], 0",
        "je 2f",
        // A `stack_t`, whose second word are its flags, where no handler writes.
        "mov eax, {sigaltstack}",
        "xor edi, edi",
        "lea rsi, [rsp - 24]",
        "syscall",
        "test dword ptr [rsp - 24 + 8], {on_stack}",
        "jnz 7f",
        "2:",
        "mov rax, qword ptr [rsp + 8 + {stack}]",
        "sub rax, qword ptr [rip + {first}]",
        "cmp rax, qword ptr [rip + {first_len}]",
        "jb 6f",
        "lea rdx, [rsp - {small}]",
        "mov rax, qword ptr [rsp + 8 + {number}]",
        "cmp eax, {sendmmsg}",
        "je 3f",
        "cmp eax, 63",
        "ja 4f",
        "mov r11, {bind}",
        "bt r11, rax",
        "jnc 4f",
        "3:",
        "lea rdx, [rsp - {most}]",
        // Every page from below this one down to rdx (which the kernel does not look at, nor r10).
        "4:",
        "mov rdi, rsp",
        "and rdi, -{page}",
        "5:",
        "cmp rdi, rdx",
        "jbe 6f",
        "sub rdi, {page}",
        "mov r8, rdi",
        "mov esi, {operation}",
        "mov r9d, {nothing}",
        "mov eax, {futex}",
        "syscall",
        "cmp rax, -{fault}",
        "jne 5b",
        "7:",
        "xor eax, eax",
        "ret",
        "6:",
        "mov eax, 1",
        "ret",
        stack = const offset_of!(Frame, stack),
        number = const offset_of!(Frame, number),
        first = sym FIRST,
        first_len = sym FIRST_LEN,
        anywhere = sym ANYWHERE,
        alternates = sym ALTERNATES,
        sigaltstack = const libc::SYS_sigaltstack,
        on_stack = const libc::SS_ONSTACK,
        small = const SMALL,
        most = const MOST,
        sendmmsg = const libc::SYS_sendmmsg,
        bind = const BIND,
        page = const PAGE,
        operation = const WRITES_NOTHING.0,
        nothing = const WRITES_NOTHING.1,
        futex = const libc::SYS_futex,
        fault = const libc::EFAULT,
    )
}
