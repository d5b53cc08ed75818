//! The supervisor below this process, where its session has one: it is told of every call that may
//! bind a socket and that is not marked (`kernel::mark`), and serves those that no hook has seen.
//!
//! The library marks the calls of the program that it serves, and so makes them itself: libc's
//! functions leave the mark out.

mod musl;

use super::elf;
use core::ffi::{c_int, c_long, c_uint, c_void};
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Relaxed};
use libc::{mmsghdr, msghdr, sockaddr, socklen_t};
use portshim_mechanism::linux::kernel::call::forward;
use portshim_mechanism::linux::kernel::errno;
use portshim_mechanism::linux::kernel::mark::{is_lost, mark_calls, marked, supervisor};

/// There is none.
const NOBODY: u8 = 0;
/// The library serves, and marks its calls.
const MARKS: u8 = 1;
/// The library leaves all calls to the supervisor.
const LEFT: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(NOBODY);

/// Functions that are called in the place of libc's.
const MARKED: [(&str, *const c_void); 7] = [
    ("bind", bind as *const _),
    ("listen", listen as *const _),
    ("connect", connect as *const _),
    ("__connect", connect as *const _),
    ("sendto", sendto as *const _),
    ("sendmsg", sendmsg as *const _),
    ("sendmmsg", sendmmsg as *const _),
];

/// Looks for a supervisor. Where another library stands behind ours, it gets to see the program's
/// calls, and makes them by libc: then all is left to the supervisor.
pub(super) fn start() {
    if supervisor().is_none() {
        return;
    }
    SET_CANCEL_TYPE.store(elf::of_libc(b"pthread_setcanceltype"), Relaxed);
    TEST_CANCEL.store(elf::of_libc(b"pthread_testcancel"), Relaxed);
    SINGLE_THREADED.store(elf::of_libc(b"__libc_single_threaded"), Relaxed);
    let is_libcs = |name: &str| elf::next(name.as_bytes()) == elf::of_libc(name.as_bytes());
    let marks = !is_lost() && MARKED.iter().all(|(name, _)| is_libcs(name));
    STATE.store(if marks { MARKS } else { LEFT }, Relaxed);
    mark_calls(marks);
}

/// Leaves all calls to the supervisor from now on; libc's functions are to be called again, if they
/// have not been until now.
pub(super) fn leave() -> bool {
    let marked = STATE.compare_exchange(MARKS, LEFT, Relaxed, Relaxed).is_ok();
    if marked {
        mark_calls(false);
    }
    marked
}

/// Serves and marks the calls again, if it was to be left only now.
pub(super) fn come_back() {
    if STATE.compare_exchange(LEFT, MARKS, Relaxed, Relaxed).is_ok() {
        mark_calls(true);
    }
}

/// Tells whether a supervisor serves what no hook sees.
pub(super) fn is_there() -> bool {
    STATE.load(Relaxed) != NOBODY
}

/// Tells whether the library serves nothing here.
#[inline]
pub(super) fn has_all() -> bool {
    STATE.load(Relaxed) == LEFT
}

/// The function that is called in the place of libc's of this name.
pub(super) fn in_place_of(name: &str) -> Option<*mut c_void> {
    let marked = MARKED.iter().find(|(of, _)| *of == name).filter(|_| STATE.load(Relaxed) == MARKS);
    marked.map(|(_, function)| function.cast_mut())
}

/// libc's pthread_setcanceltype(3) and pthread_testcancel(3).
static SET_CANCEL_TYPE: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static TEST_CANCEL: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Makes a call at which a thread can be cancelled (pthreads(7)), as libc's functions did for long:
/// cancellation comes at any time while the kernel has it.
#[inline(always)]
fn cancellable<T>(call: impl FnOnce() -> T) -> T {
    type SetCancelType = unsafe extern "C" fn(c_int, *mut c_int) -> c_int;
    const ASYNCHRONOUS: c_int = 1;
    let set = SET_CANCEL_TYPE.load(Relaxed);
    if is_single_threaded() {
        let test = TEST_CANCEL.load(Relaxed);
        if !test.is_null() {
            // SAFETY: libc's function of that name has this type.
            unsafe { core::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(test)() };
        }
        return call();
    }
    if set.is_null() {
        return call();
    }
    // SAFETY: libc's function of that name has this type.
    let set = unsafe { core::mem::transmute::<*mut c_void, SetCancelType>(set) };
    let mut before = 0;
    // SAFETY: it writes one number.
    unsafe { set(ASYNCHRONOUS, &raw mut before) };
    let answer = call();
    // SAFETY: as above.
    unsafe { set(before, &raw mut before) };
    answer
}

/// Byte of libc's that is not 0 while there is but one thread, whom nobody else can cancel (glibc
/// 2.32).
static SINGLE_THREADED: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

fn is_single_threaded() -> bool {
    let single = SINGLE_THREADED.load(Relaxed).cast::<u8>();
    // SAFETY: libc keeps it for others to read.
    !single.is_null() && unsafe { single.read_volatile() } != 0
}

fn answered(result: Result<usize, c_int>) -> isize {
    result.map_or_else(errno::fail, |answer| answer as isize)
}

/// Makes a system call on a descriptor, marked.
///
/// # Safety
/// As for the call itself.
#[inline(always)]
unsafe fn call(number: c_long, fd: c_int, [a, b, c, d, e]: [c_long; 5]) -> Result<usize, c_int> {
    // SAFETY: as the caller promises.
    unsafe { forward(number, [marked(fd) as c_long, a, b, c, d, e]) }
}

unsafe extern "C" fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the program's own call, as it came.
    answered(unsafe { call(libc::SYS_bind, fd, [address as c_long, len.into(), 0, 0, 0]) }) as c_int
}

unsafe extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    answered(unsafe { call(libc::SYS_listen, fd, [backlog.into(), 0, 0, 0, 0]) }) as c_int
}

unsafe extern "C" fn connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    let arguments = [address as c_long, len.into(), 0, 0, 0];
    // SAFETY: the program's own call, as it came.
    answered(cancellable(|| unsafe { call(libc::SYS_connect, fd, arguments) })) as c_int
}

unsafe extern "C" fn sendto(
    fd: c_int,
    bytes: *const c_void,
    len: usize,
    flags: c_int,
    address: *const sockaddr,
    size: socklen_t,
) -> isize {
    let arguments = [bytes as c_long, len as c_long, flags.into(), address as c_long, size.into()];
    // SAFETY: the program's own call, as it came.
    answered(cancellable(|| unsafe { call(libc::SYS_sendto, fd, arguments) }))
}

unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize {
    let send = |message: *const msghdr| {
        let arguments = [message as c_long, flags.into(), 0, 0, 0];
        // SAFETY: the program's own call, as it came.
        answered(cancellable(|| unsafe { call(libc::SYS_sendmsg, fd, arguments) }))
    };
    // SAFETY: as above.
    if elf::is_musl() { unsafe { musl::sendmsg(message, send) } } else { send(message) }
}

unsafe extern "C" fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
    if elf::is_musl() {
        // SAFETY: the program's own call, as it came.
        return unsafe { musl::sendmmsg(messages, count, |message| sendmsg(fd, message, flags)) };
    }
    let arguments = [messages as c_long, count.into(), flags.into(), 0, 0];
    // SAFETY: as above.
    answered(cancellable(|| unsafe { call(libc::SYS_sendmmsg, fd, arguments) })) as c_int
}
