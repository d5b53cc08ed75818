//! Messages as musl passes them on: halves of words are padding there, and cleared before the
//! system call, which reads whole words.

use core::ffi::c_int;
use core::mem::size_of;
use core::ptr::copy_nonoverlapping;
use libc::{mmsghdr, msghdr};
use portshim_mechanism::linux::kernel::errno;

/// Room for what goes along with a message, as much as musl has.
const ROOM: usize = 1056;
/// Length of `struct cmsghdr`.
const HEADER: usize = 16;
/// IOV_MAX: of more messages, the rest is left, as by the kernel.
const MOST: u32 = 1024;

/// Sends a message by `send`, with its padding cleared.
///
/// # Safety
/// As for sendmsg(2) of musl: all that the message names can be read.
#[inline(never)]
pub(super) unsafe fn sendmsg(message: *const msghdr, send: impl FnOnce(*const msghdr) -> isize) -> isize {
    if message.is_null() {
        return send(message);
    }
    // SAFETY: as the caller promises.
    let mut header = unsafe { message.read_unaligned() };
    header.msg_iovlen = header.msg_iovlen as u32 as usize;
    header.msg_controllen = header.msg_controllen as u32 as usize;
    let mut room = [0u64; ROOM / 8];
    let len = header.msg_controllen;
    if len > ROOM {
        return errno::fail(libc::ENOMEM);
    }
    if len != 0 {
        // SAFETY: as the caller promises; it fits.
        unsafe { copy_nonoverlapping(header.msg_control.cast::<u8>(), room.as_mut_ptr().cast(), len) };
        clear(&mut room, len);
        header.msg_control = room.as_mut_ptr().cast();
    }
    send(&raw const header)
}

/// Clears the padding behind the lengths of all that goes along: `CMSG_NXTHDR` of musl leads from
/// one to the next.
fn clear(room: &mut [u64], len: usize) {
    let mut at = 0;
    while at + HEADER <= len {
        room[at / 8] &= u64::from(u32::MAX);
        let own = room[at / 8] as usize;
        let aligned = own.next_multiple_of(8);
        if own < HEADER || aligned + HEADER >= len - at {
            break;
        }
        at += aligned;
    }
}

/// Sends messages one by one, as musl does.
///
/// # Safety
/// As for sendmmsg(2) of musl.
#[inline(never)]
pub(super) unsafe fn sendmmsg(messages: *mut mmsghdr, count: u32, send: impl Fn(*const msghdr) -> isize) -> c_int {
    let count = count.min(MOST);
    for n in 0..count {
        // SAFETY: there are so many of them.
        let message = unsafe { messages.add(n as usize) };
        let sent = send(message.cast());
        if sent < 0 {
            return if n > 0 { n as c_int } else { -1 };
        }
        // SAFETY: as above.
        unsafe { (&raw mut (*message).msg_len).write(sent as u32) };
    }
    count as c_int
}

const _: () = assert!(size_of::<libc::cmsghdr>() == HEADER);
