//! Confinement: every seccomp filter of the program is copied before it takes effect.

use super::memory::{map_private, unmap};
use super::sandbox::{FILTERS, Filter, ON, UNREAD};
use core::ffi::c_void;
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::Release};
use portshim_policy::filter::Instruction;

/// linux/filter.h: BPF_MAXINSNS.
const MOST: usize = 4096;

/// Room that the longest filter takes.
const ROOM: usize = size_of::<Filter>() + MOST * size_of::<Instruction>();

/// `struct sock_fprog` of linux/filter.h.
#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

/// Call that is about to confine the program.
pub enum Confinement {
    /// SECCOMP_MODE_STRICT.
    Strict,
    /// A `struct sock_fprog` at this address of the program's.
    Filter(*const c_void),
}

/// SECCOMP_MODE_STRICT as a filter: read, write, exit and the return from a signal handler.
const STRICT: [Instruction; 7] = {
    const fn jump_if(number: i64, places: u8) -> Instruction {
        Instruction { code: 0x15, jump_true: places, jump_false: 0, operand: number as u32 }
    }
    [
        Instruction { code: 0x20, jump_true: 0, jump_false: 0, operand: 0 },
        jump_if(libc::SYS_read, 4),
        jump_if(libc::SYS_write, 3),
        jump_if(libc::SYS_exit, 2),
        jump_if(libc::SYS_rt_sigreturn, 1),
        Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 0 },
        Instruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 0x7fff_0000 },
    ]
};

/// Has the program confine itself, by its own call. `is_readable` tells of the program's memory,
/// `took` tells whether its answer says that it is confined. `sees_descriptors` is called before
/// that where the filter may look at more of a descriptor than the kernel does.
pub fn enter<T: Copy>(
    what: &Confinement,
    is_readable: fn(*const c_void, usize) -> bool,
    sees_descriptors: impl FnOnce(),
    own: impl FnOnce() -> T,
    took: impl FnOnce(T) -> bool,
) -> T {
    let room = map_private(ROOM).ok();
    let filter = room.and_then(|room| keep(what, room, is_readable));
    if filter.is_none_or(Filter::sees_descriptors) {
        sees_descriptors();
    }
    // Before the call: another thread may be confined by it as well, and a signal may come before
    // it is back.
    if filter.is_none() {
        UNREAD.fetch_add(1, Release);
    }
    ON.fetch_add(1, Release);
    let answer = own();
    if !took(answer) {
        match filter {
            Some(filter) => filter.void.store(true, Release),
            None => {
                UNREAD.fetch_sub(1, Release);
                if let Some(room) = room {
                    // SAFETY: nothing has been put there.
                    unsafe { unmap(room, ROOM) };
                }
            }
        }
        ON.fetch_sub(1, Release);
    } else if filter.is_none() && room.and_then(|room| keep(what, room, |_, _| true)).is_some() {
        // It could not be looked at before; now the kernel has read it.
        UNREAD.fetch_sub(1, Release);
    }
    answer
}

/// Copies the filter into `room`, and adds it to the others. `None` where it cannot be read, as
/// `is_readable` has it.
fn keep(what: &Confinement, room: *mut u8, is_readable: fn(*const c_void, usize) -> bool) -> Option<&'static Filter> {
    let (from, len) = match what {
        Confinement::Strict => (STRICT.as_ptr(), STRICT.len()),
        Confinement::Filter(at) => readable(*at, is_readable)?,
    };
    let at = room.cast::<Filter>();
    // SAFETY: `ROOM` bytes were just mapped, aligned to a page, which the longest filter does not
    // exceed; the kernel has been seen to read the instructions, of which no alignment is assumed.
    unsafe {
        at.write(Filter { before: ptr::null(), len, void: AtomicBool::new(false) });
        ptr::copy_nonoverlapping(from.cast::<u8>(), at.add(1).cast(), len * size_of::<Instruction>());
    }
    let mut last = FILTERS.load(Relaxed);
    loop {
        // SAFETY: nobody else knows of it yet.
        unsafe { (*at).before = last };
        match FILTERS.compare_exchange(last, at, Release, Relaxed) {
            // SAFETY: written above, and never given back.
            Ok(_) => return Some(unsafe { &*at }),
            Err(other) => last = other,
        }
    }
}

/// Place where the program's filter stands, and how many instructions it has, if all of it can be
/// read.
fn readable(at: *const c_void, is_readable: fn(*const c_void, usize) -> bool) -> Option<(*const Instruction, usize)> {
    const PART: usize = 2048;
    if !is_readable(at, size_of::<Program>()) {
        return None;
    }
    // SAFETY: the kernel has just been seen to read these bytes; no alignment is assumed.
    let program = unsafe { at.cast::<Program>().read_unaligned() };
    let len = usize::from(program.len);
    let bytes = len * size_of::<Instruction>();
    let start = program.instructions.cast::<c_void>();
    let reads = |offset: usize| is_readable(start.wrapping_byte_add(offset), PART.min(bytes - offset));
    let all = (1..=MOST).contains(&len) && (0..bytes).step_by(PART).all(reads);
    all.then_some((program.instructions, len))
}
