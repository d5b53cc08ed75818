//! Session files that a program has cut short: of what was mapped of them, the end is gone, and who
//! touches it gets SIGBUS.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The size of a page.
static PAGE: AtomicUsize = AtomicUsize::new(4096);

/// Has zeroes take the place of what is gone, from now on: all zeroes is a region without rules.
pub(crate) fn survive() {
    // SAFETY: no memory is passed.
    if let Ok(page) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) {
        PAGE.store(page, Relaxed);
    }
    let handler: unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = replace;
    // SAFETY: all zeroes is an action and a set; the handler makes one system call.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
        libc::sigaddset(&raw mut set, libc::SIGBUS);
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
    }
}

/// Maps a page of zeroes where there is none any more.
unsafe extern "C" fn replace(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    const BUS_ADRERR: c_int = 2;
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED);
    let page = PAGE.load(Relaxed);
    // SAFETY: the kernel tells of the signal there. What was mapped at the address is gone.
    unsafe {
        let at = (*info).si_addr() as usize & !(page - 1);
        let is_gone = (*info).si_code == BUS_ADRERR;
        if !is_gone || libc::mmap(at as *mut c_void, page, protection, flags, -1, 0) == libc::MAP_FAILED {
            libc::_exit(128 + libc::SIGBUS);
        }
    }
}
