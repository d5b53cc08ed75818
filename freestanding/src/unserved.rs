//! Calls that nobody serves here: they are made as they came, so that the supervisor is told of
//! them.

use super::frame::{AFTER, AS_IT_CAME, NOTED};
use core::arch::naked_asm;
use portshim_mechanism::linux::known::fd_cache;
use portshim_mechanism::linux::socket::steering::MOVED;

/// Goes on where there is no room below the frame, which is at rsp: the registers are in it.
///
/// # Safety
/// For [`enter`](super::entry) alone.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn give_up() {
    naked_asm!(
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop r10",
        "pop r8",
        "pop r9",
        "pop rax",
        "pop rcx",
        "lea rcx, [rcx - {after}]",
        "mov rsp, qword ptr [rsp]",
        "jmp {unserved}",
        after = const AFTER,
        unserved = sym unserved,
    )
}

/// Goes on where there is no stack to serve a call on. What comes of it, nobody sees here: what it
/// may change is forgotten.
///
/// # Safety
/// For [`enter`](super::entry) alone, with every register as it came.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn unserved() {
    /// Calls that change one descriptor, the first argument, by their numbers.
    const ONE: u64 = bit(libc::SYS_close)
        | bit(libc::SYS_dup)
        | bit(libc::SYS_connect)
        | bit(libc::SYS_sendto)
        | bit(libc::SYS_sendmsg)
        | bit(libc::SYS_bind)
        | bit(libc::SYS_listen)
        | bit(libc::SYS_setsockopt);
    naked_asm!(
        // Nothing is known of a new socket.
        "cmp eax, {socket}",
        "je 3f",
        "cmp eax, {sendmmsg}",
        "je 4f",
        "cmp eax, {fcntl}",
        "je 4f",
        "cmp eax, 63",
        "ja 2f",
        "mov r11, {one}",
        "bt r11, rax",
        "jnc 2f",
        "4:",
        "cmp rdi, {descriptors}",
        "jae 2f",
        "lea r11, [rip + {cells}]",
        "mov dword ptr [r11 + rdi * 4], 0",
        "jmp 3f",
        "2:",
        "mov dword ptr [rip + {end}], 0",
        "mov byte ptr [rip + {moved}], 1",
        "3:",
        "btr rcx, {noted}",
        "lea rcx, [rcx - {as_it_came}]",
        "jmp rcx",
        socket = const libc::SYS_socket,
        sendmmsg = const libc::SYS_sendmmsg,
        fcntl = const libc::SYS_fcntl,
        one = const ONE,
        descriptors = const fd_cache::DESCRIPTORS,
        cells = sym fd_cache::CELLS,
        end = sym fd_cache::END,
        moved = sym MOVED,
        noted = const NOTED,
        as_it_came = const AS_IT_CAME,
    )
}

/// A bit for the number of a call.
pub(crate) const fn bit(number: libc::c_long) -> u64 {
    1 << number
}
