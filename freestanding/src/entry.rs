//! The way in: from a rewritten system call of the program, and back.
//!
//! To the program it is as a `syscall` is: it changes rax, rcx, r11 and the flags, and nothing
//! else. Calls are served on the program's stack, below the 128 bytes under rsp, which may be in
//! use: so a signal handler that comes meanwhile runs below, where it would have. There has to be
//! [`room`]. Go's stacks may be as good as full, and its handlers have one of their own: there,
//! calls are served on stacks of ours ([`stacks`]).

use super::calls;
use super::frame::{AFTER, AS_IT_CAME, Frame, NOTED};
use super::room::{self, ALTERNATES};
use super::stacks::{self, BUSY, FIRST, LAST, STACK_BITS};
use super::start;
use super::unserved::{give_up, unserved};
use core::arch::naked_asm;
use core::mem::offset_of;
use core::sync::atomic::AtomicU64;
use portshim_mechanism::linux::kernel::mark::ADDED;
use portshim_mechanism::linux::known::fd_cache;
use portshim_mechanism::session::{REGION, Session};
use portshim_policy::region::{Header, Region};

/// So many bytes below rsp belong to the function that makes the call (x86-64 psABI).
const RED_ZONE: usize = 128;

/// Not 0 where the supervisor is to serve every call.
#[unsafe(export_name = "portshim_off")]
static OFF: AtomicU64 = AtomicU64::new(0);

/// Sends on a socket that is settled, at once: no stack is needed. The upper half of rdi, which is
/// 0, gets the mark, and the trampoline takes it off. Any other send goes on at 2.
macro_rules! send {
    ($number:literal, $flags:literal) => {
        concat!(
            "mov r11d, edi\n",
            "cmp r11, rdi\n",
            "jne 2b\n",
            "cmp edi, [rip + {end}]\n",
            "jae 2b\n",
            "test ",
            $flags,
            ", {fast_open}\n",
            "jnz 2b\n",
            "lea r11, [rip + {cells}]\n",
            "mov eax, [r11 + rdi * 4]\n",
            "xor eax, {settled}\n",
            "mov r11, [rip + {region}]\n",
            "test eax, {tag}\n",
            "jnz 24f\n",
            "xor eax, [r11 + {epoch}]\n",
            "test eax, {number}\n",
            "24: mov eax, ",
            $number,
            "\njnz 2b\n",
            "or rdi, [rip + {added}]\n",
            "btr rcx, {noted}\n",
            "jmp rcx\n",
        )
    };
}

/// Comes here as to [`enter`], for a call that is made where it stands.
///
/// # Safety
/// As for [`enter`].
#[unsafe(naked)]
#[unsafe(export_name = "portshim_note")]
unsafe extern "C" fn note() {
    naked_asm!("bts rcx, {noted}", "jmp {enter}", noted = const NOTED, enter = sym enter)
}

/// Comes here by a jump; rcx is in the trampoline ([`AS_IT_CAME`]).
///
/// # Safety
/// For rewritten calls alone.
#[unsafe(naked)]
#[unsafe(export_name = "portshim_enter")]
unsafe extern "C" fn enter() {
    naked_asm!(
        "cmp qword ptr [rip + {off}], 0",
        "jne 9f",
        "cmp eax, {sendto}",
        "je 3f",
        "cmp eax, {sendmsg}",
        "je 4f",
        "cmp eax, {sendmmsg}",
        "je 5f",
        // Most of these are of no interest.
        "cmp eax, {setsockopt}",
        "je 6f",
        "cmp eax, {mmap}",
        "je 7f",
        "cmp eax, {mprotect}",
        "je 7f",
        "cmp eax, {fcntl}",
        "je 8f",
        // Onto a stack.
        "2:",
        "cmp qword ptr [rip + {first}], 0",
        "jne 21f",
        "mov r11, rsp",
        "lea rsp, [rsp - {red_zone}]",
        "and rsp, -16",
        "33:",
        "push r11",
        "push r11",
        "lea rcx, [rcx + {after}]",
        "push rcx",
        "push rax",
        "push r9",
        "push r8",
        "push r10",
        "push rdx",
        "push rsi",
        "push rdi",
        "cmp qword ptr [rip + {first}], 0",
        "jne 35f",
        "call {look}",
        "test eax, eax",
        "jz {give_up}",
        "35:",
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
        "cmp qword ptr [rip + {first}], 0",
        "jne 34f",
        "mov rsp, qword ptr [rsp]",
        "jmp rcx",
        "3:",
        send!("{sendto}", "r10d"),
        "4:",
        send!("{sendmsg}", "edx"),
        "5:",
        send!("{sendmmsg}", "r10d"),
        "6:",
        "test esi, esi", // SOL_IP
        "jz 2b",
        "cmp esi, {ipv6}",
        "je 2b",
        "cmp esi, {socket}",
        "jne 9f",
        "cmp edx, {reuse_address}",
        "je 2b",
        "cmp edx, {reuse_port}",
        "je 2b",
        "jmp 9f",
        "7:",
        "test edx, {executable}",
        "jnz 2b",
        "jmp 9f",
        "8:",
        "test esi, esi", // F_DUPFD
        "jz 2b",
        "cmp esi, {copy}",
        "je 2b",
        // The call is made as it was.
        "9:",
        "btr rcx, {noted}",
        "lea rcx, [rcx - {as_it_came}]",
        "jmp rcx",
        // Onto one of ours.
        "21:",
        "mov r11d, dword ptr [rip + {last}]",
        "22:",
        "lock bts qword ptr [rip + {busy}], r11",
        "jnc 23f",
        "dec r11d",
        "jns 22b",
        "jmp {unserved}",
        "23:",
        "shl r11, {bits}",
        "add r11, qword ptr [rip + {first}]",
        "cmp qword ptr [rip + {alternates}], 0",
        "jne 32f",
        "31:",
        "xchg rsp, r11",
        "jmp 33b",
        // And off it.
        "34:",
        "lea r11, [rsp + 16]",
        "mov rsp, qword ptr [rsp]",
        "sub r11, qword ptr [rip + {first}]",
        "shr r11, {bits}",
        "lock btr qword ptr [rip + {busy}], r11",
        "jmp rcx",
        // On the stack of its handlers, the program must stay: the kernel takes it for free as soon
        // as rsp is elsewhere, and the next handler writes over what is there. The kernel tells.
        "32:",
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
        "jz 31b",
        "sub r11, qword ptr [rip + {first}]",
        "shr r11, {bits}",
        "lock btr qword ptr [rip + {busy}], r11",
        "jmp {unserved}",
        alternates = sym ALTERNATES,
        look = sym room::look,
        give_up = sym give_up,
        sigaltstack = const libc::SYS_sigaltstack,
        on_stack = const libc::SS_ONSTACK,
        // Where nothing is yet: five registers, and a `stack_t`, whose second word are its flags.
        rax = const 8,
        rcx = const 16,
        rdx = const 24,
        rsi = const 32,
        rdi = const 40,
        told = const 64,
        off = sym OFF,
        sendto = const libc::SYS_sendto,
        sendmsg = const libc::SYS_sendmsg,
        sendmmsg = const libc::SYS_sendmmsg,
        setsockopt = const libc::SYS_setsockopt,
        mmap = const libc::SYS_mmap,
        mprotect = const libc::SYS_mprotect,
        fcntl = const libc::SYS_fcntl,
        end = sym fd_cache::END,
        fast_open = const libc::MSG_FASTOPEN,
        cells = sym fd_cache::CELLS,
        settled = const fd_cache::SETTLED,
        region = sym REGION,
        tag = const fd_cache::TAG,
        epoch = const offset_of!(Region, header) + offset_of!(Header, epoch),
        number = const fd_cache::NUMBER,
        added = sym ADDED,
        ipv6 = const libc::SOL_IPV6,
        socket = const libc::SOL_SOCKET,
        reuse_address = const libc::SO_REUSEADDR,
        reuse_port = const libc::SO_REUSEPORT,
        executable = const libc::PROT_EXEC,
        copy = const libc::F_DUPFD_CLOEXEC,
        last = sym LAST,
        busy = sym BUSY,
        unserved = sym unserved,
        noted = const NOTED,
        as_it_came = const AS_IT_CAME,
        after = const AFTER,
        bits = const STACK_BITS,
        first = sym FIRST,
        red_zone = const RED_ZONE,
        serve = sym serve,
    )
}

/// Serves a call: what rax is to be.
extern "C" fn serve(frame: &mut Frame) -> isize {
    if stacks::are_ours() {
        stacks::keep_one_free(frame);
    }
    let Some(session) = Session::current() else { return frame.leave() };
    calls::serve(session, frame)
}

extern "C" fn start() -> bool {
    room::know_first_stack();
    start::start()
}

/// The supervisor begins here, on the stack of the program, which has not begun, when all is in
/// place. rax tells it at the breakpoint whether calls are served.
///
/// # Safety
/// For the supervisor alone.
#[unsafe(naked)]
#[unsafe(export_name = "portshim_begin")]
unsafe extern "C" fn begin() {
    naked_asm!(
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
        start = sym start,
    )
}
