//! The calls that change what descriptors mean, or on which terms they do: what is known of them is
//! kept in step.
//!
//! Of other code than the program's file has, nothing is seen. So the program is no longer relied
//! on once it may have any: then the kernel is asked at each call.

use super::frame::Frame;
use super::memory;
use super::room;
use super::start::rely_on_nothing;
use core::ffi::{c_int, c_long, c_uint};
use portshim_mechanism::linux::known::{changes, fd_cache};
use portshim_mechanism::session::Session;

/// linux/shm.h.
const SHM_EXEC: c_int = 0o100_000;
/// linux/personality.h.
const READ_IMPLIES_EXEC: c_int = 0x0040_0000;

/// Makes a call of `number`, or takes note of it: then it is still to be made, which is an error.
pub(crate) fn make(session: Session, number: c_long, frame: &Frame) -> Result<isize, ()> {
    let [a, b, c, ..] = frame.arguments.map(|argument| argument as c_int);
    let call = || frame.call_as_it_came();
    let answer = match number {
        libc::SYS_socket => changes::socket(a, b, c, call),
        libc::SYS_close => {
            let answer = changes::close(a, call);
            // What another thread has found out about it meanwhile does not count.
            fd_cache::renew(a);
            answer
        }
        libc::SYS_setsockopt => changes::set_option(a, (b, c), || Some(session), || frame.call_marked() as c_int),
        libc::SYS_dup => changes::copied(a, call()),
        libc::SYS_fcntl if changes::is_copy(b) => changes::copied(a, call()),
        libc::SYS_dup2 | libc::SYS_dup3 => changes::copy_to(a, b, call),
        libc::SYS_close_range => {
            let (first, last) = (a as c_uint, b as c_uint);
            let answer = changes::close_range(first, last, c, call);
            changes::forget_all(first, last);
            answer
        }
        libc::SYS_unshare => changes::unshare(a, true, call),
        libc::SYS_setns => changes::enter_namespace(true, call),
        _ => {
            note(number, frame);
            return Err(());
        }
    };
    Ok(answer as isize)
}

/// Takes note of a call that is about to be made.
pub(crate) fn note(number: c_long, frame: &Frame) {
    let [a, _, c, ..] = frame.arguments.map(|argument| argument as c_int);
    match number {
        libc::SYS_close | libc::SYS_fcntl => {
            changes::forget(a);
            fd_cache::renew(a);
        }
        libc::SYS_clone => changes::before_clone(a),
        libc::SYS_vfork => changes::before_clone(libc::CLONE_VM | libc::CLONE_VFORK),
        libc::SYS_clone3 => match memory::word(frame.arguments[0], frame.stack) {
            Some(flags) => changes::before_clone(flags as c_int),
            None => rely_on_nothing(),
        },
        libc::SYS_sigaltstack => {
            // Its first word is where the stack begins.
            if let Some(at) = memory::word(frame.arguments[0], frame.stack) {
                room::note_alternate(at as usize);
            }
        }
        libc::SYS_mmap | libc::SYS_mprotect | libc::SYS_pkey_mprotect if c & libc::PROT_EXEC != 0 => rely_on_nothing(),
        libc::SYS_shmat if c & SHM_EXEC != 0 => rely_on_nothing(),
        libc::SYS_personality if a != -1 && a & READ_IMPLIES_EXEC != 0 => rely_on_nothing(),
        // What is asked of a ring, nobody sees.
        libc::SYS_io_uring_setup | libc::SYS_io_uring_enter => rely_on_nothing(),
        _ => {}
    }
}
