//! What the program forbids itself: every seccomp filter is copied before it takes effect, and from then on a system call
//! of our own is made only where each of them allows it. A filter of one thread holds for all of them here.

use super::memory::is_readable;
use super::{host, liveness, session, sys};
use crate::held;
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_policy::filter::{Instruction, Saying, SystemCall, saying};
use syscalls::Sysno;

/// What a call of our own comes to that is not made: what a filter that only fails calls mostly says.
pub(crate) const NOT_ASKED: c_int = libc::EPERM;

/// linux/filter.h: BPF_MAXINSNS.
const MOST: usize = 4096;

/// What the longest filter takes.
const ROOM: usize = size_of::<Filter>() + MOST * size_of::<Instruction>();

/// How many filters are in force, or about to be.
static ON: AtomicU32 = AtomicU32::new(0);
/// How many of them could not be read, or kept: nothing is known to be allowed.
static UNREAD: AtomicU32 = AtomicU32::new(0);
/// The filter that came last; each leads to the one before it.
static FILTERS: AtomicPtr<Filter> = AtomicPtr::new(ptr::null_mut());
/// How many calls of our own have not been made.
static REFUSALS: AtomicU32 = AtomicU32::new(0);

/// A copy of a filter, in memory of its own; its instructions follow. It is never given back: another thread, or a signal
/// handler's caller, may be reading it.
#[repr(C)]
struct Filter {
    before: *const Self,
    len: usize,
    /// The kernel has refused it.
    void: AtomicBool,
}

const _: () = assert!(size_of::<Filter>().is_multiple_of(align_of::<Instruction>()));

impl Filter {
    fn instructions(&self) -> &[Instruction] {
        // SAFETY: `enter` wrote `len` instructions behind the filter before it showed the filter to anybody.
        unsafe { core::slice::from_raw_parts(ptr::from_ref(self).add(1).cast(), self.len) }
    }
}

/// `struct sock_fprog` of linux/filter.h.
#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

/// Whether any filter may be in force.
#[inline]
pub(crate) fn is_on() -> bool {
    ON.load(Relaxed) != 0
}

/// A number that changes with every call of our own that is not made.
pub(crate) fn refusals() -> u32 {
    REFUSALS.load(Relaxed)
}

/// Whether every filter allows this call.
pub(crate) fn allows(number: Sysno, arguments: [usize; 6]) -> bool {
    if UNREAD.load(Acquire) != 0 {
        return false;
    }
    let call = SystemCall { number: number.id() as u32, arguments: arguments.map(|argument| argument as u64) };
    let mut at = FILTERS.load(Acquire).cast_const();
    // SAFETY: null, or a filter that is never given back.
    while let Some(filter) = unsafe { at.as_ref() } {
        if !filter.void.load(Acquire) && saying(filter.instructions(), &call) != Saying::Allowed {
            return false;
        }
        at = filter.before;
    }
    true
}

/// A system call of our own, if it is allowed. Registers that it does not use are 0, as the filters have been shown.
///
/// # Errors
/// [`NOT_ASKED`] where it is not, or the kernel's own.
///
/// # Safety
/// As for the call itself.
#[cold]
#[inline(never)]
pub(crate) unsafe fn ask(number: Sysno, used: &[usize]) -> sys::Result<usize> {
    let mut all = [0; 6];
    all.iter_mut().zip(used).for_each(|(argument, used)| *argument = *used);
    if !allows(number, all) {
        REFUSALS.fetch_add(1, Relaxed);
        return Err(NOT_ASKED);
    }
    let [a, b, c, d, e, f] = all;
    // SAFETY: as the caller promises.
    unsafe { syscalls::syscall!(number, a, b, c, d, e, f) }.map_err(syscalls::Errno::into_raw)
}

/// What is about to confine the program.
pub(crate) enum Confinement {
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

/// Learns what may not be asked later.
pub(crate) fn learn() {
    if let Some(session) = session::get() {
        host::look();
        liveness::me();
        held::place(session);
    }
}

/// Has the program confine itself, by its own call; `took` tells whether its answer says that it is confined.
pub(crate) fn enter<T: Copy>(what: &Confinement, own: impl FnOnce() -> T, took: impl FnOnce(T) -> bool) -> T {
    learn();
    let room = sys::map_private(ROOM).ok();
    let filter = room.and_then(|room| keep(what, room, is_readable));
    // Before the call: another thread may be confined by it as well, and a signal may come before it is back.
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
                    unsafe { sys::unmap(room, ROOM) };
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

/// Copies the filter into `room`, and adds it to the others. `None` where it cannot be read, as `is_readable` has it.
fn keep(what: &Confinement, room: *mut u8, is_readable: fn(*const c_void, usize) -> bool) -> Option<&'static Filter> {
    let (from, len) = match what {
        Confinement::Strict => (STRICT.as_ptr(), STRICT.len()),
        Confinement::Filter(at) => readable(*at, is_readable)?,
    };
    let at = room.cast::<Filter>();
    // SAFETY: `ROOM` bytes were just mapped, aligned to a page, which the longest filter does not exceed; the kernel has been seen to read the instructions, of
    // which no alignment is assumed.
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

/// Where the program's filter stands, and how many instructions it has, if all of it can be read.
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
