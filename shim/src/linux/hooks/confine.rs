//! `prctl`, `seccomp` and `landlock_restrict_self`, as far as a program confines itself by them:
//! its sandbox holds for what we do, too. The latter two have no function in libc, and come through
//! `syscall`.

use crate::linux::memory::is_readable;
use crate::linux::{below, original, start};
use core::cell::Cell;
use core::ffi::{c_int, c_long, c_ulong, c_void};
use portshim_mechanism::linux::kernel::confine::{self, Confinement};
use portshim_mechanism::linux::kernel::liveness;
use portshim_mechanism::linux::known::{fd_cache, fd_ports};
use portshim_mechanism::linux::socket::steering;

/// linux/seccomp.h.
const SECCOMP_SET_MODE_STRICT: c_long = 0;
const SECCOMP_SET_MODE_FILTER: c_long = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER: c_long = 1 << 3;

/// # Safety
/// As for prctl(2). It is variadic in C, and takes at most five words, which come in registers.
pub(crate) unsafe fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int {
    // SAFETY: the program's own call, as it came.
    confined(option, a, b, || unsafe { original::prctl::next(option, a, b, c, d) }, |answer| *answer == 0)
}

/// The same by number: `original` is the program's call, with three of its words.
pub(super) fn by_number(number: c_long, [a, b, c]: [c_long; 3], original: impl FnOnce() -> isize) -> isize {
    match number {
        libc::SYS_prctl => confined(a as c_int, b as c_ulong, c as c_ulong, original, |answer| *answer == 0),
        libc::SYS_seccomp if a == SECCOMP_SET_MODE_STRICT => {
            enter(&Confinement::Strict, original, |answer| answer == 0)
        }
        libc::SYS_seccomp if a == SECCOMP_SET_MODE_FILTER => {
            // With SECCOMP_FILTER_FLAG_TSYNC, a positive answer is a thread that could not be
            // confined.
            let listens = b & SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
            let took = |answer: isize| answer == 0 || answer > 0 && listens;
            let answer = enter(&Confinement::Filter(c as *const c_void), original, took);
            if answer > 0 && listens {
                fd_cache::forget(answer as c_int);
                fd_ports::release(answer as c_int);
            }
            answer
        }
        libc::SYS_landlock_restrict_self => {
            learn();
            original()
        }
        _ => original(),
    }
}

fn confined<T: Copy>(
    option: c_int,
    mode: c_ulong,
    at: c_ulong,
    original: impl FnOnce() -> T,
    took: impl Fn(&T) -> bool,
) -> T {
    let mode = mode as u32;
    match option {
        libc::PR_SET_SECCOMP if mode == libc::SECCOMP_MODE_STRICT => {
            enter(&Confinement::Strict, original, |answer| took(&answer))
        }
        libc::PR_SET_SECCOMP if mode == libc::SECCOMP_MODE_FILTER => {
            enter(&Confinement::Filter(at as *const c_void), original, |answer| took(&answer))
        }
        _ => original(),
    }
}

/// Has the program confine itself by its own call.
fn enter<T: Copy>(what: &Confinement, original: impl FnOnce() -> T, took: impl Fn(T) -> bool) -> T {
    learn();
    let left = Cell::new(false);
    // The program's filter may not know what to make of marked calls.
    let sees_descriptors = || {
        left.set(below::leave());
        if left.get() {
            original::look_up_marked();
        }
    };
    let answer = confine::enter(what, is_readable, sees_descriptors, original, &took);
    if left.get() && !took(answer) {
        below::come_back();
        original::look_up_marked();
    }
    answer
}

/// Learns what may not be asked later.
fn learn() {
    if let Some(session) = start::session() {
        steering::reload();
        liveness::me();
        let _ = session.place();
    }
}
