//! The way in: from a rewritten system call of the program onto a stack of our own, and back.
//!
//! To the program it is as a `syscall` is: it changes rax, rcx, r11 and the flags, and nothing
//! else. Nothing is written to the program's stack, which may be as good as full (Go's stacks are)
//! and whose 128 bytes below rsp may be in use.

use super::frame::{Frame, HEAD, RSP, STACK_BITS, STACKS, SYSCALL};
use super::{calls, start};
use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, AtomicUsize};

/// A bit for each stack that is in use. Of one that a signal handler has jumped away from, it stays
/// set: when none is left, the supervisor serves.
static BUSY: AtomicU64 = AtomicU64::new(0);

/// The upper end of the first stack, which the supervisor writes here. Each lies at a multiple of
/// its length, the next above it.
#[unsafe(export_name = "portshim_stacks")]
static FIRST: AtomicUsize = AtomicUsize::new(0);

/// Sizes for whoever maps the stacks: their number, and the length of each.
#[unsafe(export_name = "portshim_stack_sizes")]
static SIZES: [u64; 2] = [STACKS as u64, 1 << STACK_BITS];

/// Not 0 where the supervisor is to serve every call.
#[unsafe(export_name = "portshim_off")]
static OFF: AtomicU64 = AtomicU64::new(0);

/// Not 0 where the program's signal handlers may run on a stack of their own (sigaltstack(2)),
/// likewise.
#[unsafe(export_name = "portshim_alternates")]
static ALTERNATES: AtomicU64 = AtomicU64::new(0);

/// Comes here by a jump, with rcx as in [`Frame::next`].
///
/// # Safety
/// For rewritten calls alone.
#[unsafe(naked)]
#[unsafe(export_name = "portshim_enter")]
unsafe extern "C" fn enter() {
    naked_asm!(
        "cmp qword ptr [rip + {off}], 0",
        "jne 4f",
        "mov r11d, {last}",
        "2:",
        "lock bts qword ptr [rip + {busy}], r11",
        "jnc 3f",
        "dec r11d",
        "jns 2b",
        // None is free: the call is made as it was, of which the supervisor is told.
        "4:",
        "lea rcx, [rcx - {syscall}]",
        "jmp rcx",
        "3:",
        "shl r11, {bits}",
        "add r11, qword ptr [rip + {first}]",
        "cmp qword ptr [rip + {alternates}], 0",
        "jne 6f",
        "5:",
        "mov qword ptr [r11 - {rsp}], rsp",
        "lea rsp, [r11 - {head}]",
        "push rcx",
        "push rax",
        "push r9",
        "push r8",
        "push r10",
        "push rdx",
        "push rsi",
        "push rdi",
        "mov rdi, rsp",
        "sub rsp, 256",
        "movups [rsp], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8",
        "movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10",
        "movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12",
        "movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14",
        "movups [rsp + 240], xmm15",
        "call {serve}",
        "movups xmm0, [rsp]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]",
        "movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]",
        "movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]",
        "movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]",
        "movups xmm15, [rsp + 240]",
        "add rsp, 256",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop r10",
        "pop r8",
        "pop r9",
        "lea rsp, [rsp + 8]",
        "pop rcx",
        "lea r11, [rsp + {head}]",
        "mov rsp, qword ptr [r11 - {rsp}]",
        "sub r11, qword ptr [rip + {first}]",
        "shr r11, {bits}",
        "lock btr qword ptr [rip + {busy}], r11",
        "jmp rcx",
        // On the stack of its handlers, the program must stay: the kernel takes it for free as soon
        // as rsp is elsewhere, and the next handler writes over what is there. The kernel tells.
        "6:",
        "mov qword ptr [r11 - {rax}], rax",
        "mov qword ptr [r11 - {rcx}], rcx",
        "mov qword ptr [r11 - {rdx}], rdx",
        "mov qword ptr [r11 - {rsi}], rsi",
        "mov qword ptr [r11 - {rdi}], rdi",
        "mov rdx, r11",
        "mov eax, {sigaltstack}",
        "xor edi, edi",
        "lea rsi, [rdx - {told}]",
        "syscall",
        "mov r11, rdx",
        "mov rax, qword ptr [r11 - {rax}]",
        "mov rcx, qword ptr [r11 - {rcx}]",
        "mov rdx, qword ptr [r11 - {rdx}]",
        "mov rsi, qword ptr [r11 - {rsi}]",
        "mov rdi, qword ptr [r11 - {rdi}]",
        "test dword ptr [r11 - {told} + 8], {on_stack}",
        "jz 5b",
        "sub r11, qword ptr [rip + {first}]",
        "shr r11, {bits}",
        "lock btr qword ptr [rip + {busy}], r11",
        "jmp 4b",
        alternates = sym ALTERNATES,
        sigaltstack = const libc::SYS_sigaltstack,
        on_stack = const libc::SS_ONSTACK,
        // Below the head, where nothing is yet: five registers, and a `stack_t`, whose second word
        // are its flags.
        rax = const HEAD + 8,
        rcx = const HEAD + 16,
        rdx = const HEAD + 24,
        rsi = const HEAD + 32,
        rdi = const HEAD + 40,
        told = const HEAD + 64,
        off = sym OFF,
        last = const STACKS - 1,
        busy = sym BUSY,
        first = sym FIRST,
        bits = const STACK_BITS,
        rsp = const RSP,
        head = const HEAD,
        syscall = const SYSCALL,
        serve = sym serve,
    )
}

/// Serves a call: what rax is to be.
extern "C" fn serve(frame: &mut Frame) -> isize {
    let Some(session) = start::session() else { return frame.leave() };
    calls::serve(session, frame)
}

/// The supervisor begins here, on the first stack, when all is in place. rax tells it at the
/// breakpoint whether calls are served.
///
/// # Safety
/// For the supervisor alone.
#[unsafe(naked)]
#[unsafe(export_name = "portshim_begin")]
unsafe extern "C" fn begin() {
    naked_asm!(
        "mov rsp, qword ptr [rip + {first}]",
        "sub rsp, {head}",
        "call {start}",
        "movzx eax, al",
        // As every program finds them.
        "xorps xmm0, xmm0",
        "xorps xmm1, xmm1",
        "xorps xmm2, xmm2",
        "xorps xmm3, xmm3",
        "xorps xmm4, xmm4",
        "xorps xmm5, xmm5",
        "xorps xmm6, xmm6",
        "xorps xmm7, xmm7",
        "xorps xmm8, xmm8",
        "xorps xmm9, xmm9",
        "xorps xmm10, xmm10",
        "xorps xmm11, xmm11",
        "xorps xmm12, xmm12",
        "xorps xmm13, xmm13",
        "xorps xmm14, xmm14",
        "xorps xmm15, xmm15",
        "int3",
        first = sym FIRST,
        head = const HEAD,
        start = sym start::start,
    )
}
