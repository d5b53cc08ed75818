//! The shim's own system calls. They go straight to the kernel: no other hook sees them, and
//! `errno` stays as it is. An error is the kernel's number. In a program that has confined itself, a call
//! that the confinement does not allow is not made, and its error is [`sandbox::NOT_ASKED`].

use super::address::Storage;
use super::{elf, liveness, sandbox, valgrind};
use core::arch::asm;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::{MaybeUninit, size_of};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};
use syscalls::{Errno, Sysno};

/// A result of the kernel's: a value, or its error number.
pub(crate) type Result<T> = core::result::Result<T, c_int>;

fn number(result: core::result::Result<usize, Errno>) -> Result<usize> {
    result.map_err(Errno::into_raw)
}

/// Calls the kernel with up to six arguments, if the program's sandbox allows it.
macro_rules! call {
    ($name:ident $(, $arg:expr)*) => {
        if sandbox::is_on() { sandbox::ask(Sysno::$name, &[$($arg as usize),*]) } else { own!($name $(, $arg)*) }
    };
}

/// The same for what the program itself calls: its sandbox has its say there.
macro_rules! own {
    ($name:ident $(, $arg:expr)*) => {
        number(syscalls::syscall!(Sysno::$name $(, $arg as usize)*))
    };
}

/// The program's own call, by its number.
///
/// # Safety
/// As for syscall(2).
pub(crate) unsafe fn forward(call: c_long, arguments: [c_long; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments.map(|argument| argument as usize);
    let answer: usize;
    // SAFETY: as the caller promises; the kernel writes to these three registers alone.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") call as usize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    number(Errno::from_ret(answer))
}

/// Whether a descriptor of ours could be closed again.
fn may_open() -> Result<()> {
    const ANY: usize = 64;
    if !sandbox::is_on() || sandbox::allows(Sysno::close, [ANY, 0, 0, 0, 0, 0]) {
        Ok(())
    } else {
        Err(sandbox::NOT_ASKED)
    }
}

/// getsockopt(2) for an option that is one machine word of type `T`.
pub(crate) fn getsockopt<T: Copy>(fd: c_int, level: c_int, name: c_int) -> Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `value` and the length to `len`.
    unsafe { call!(getsockopt, fd, level, name, value.as_mut_ptr(), &raw mut len)? };
    // SAFETY: `T` is a plain integer for every option we ask for; all zeroes is one, too.
    Ok(unsafe { value.assume_init() })
}

/// setsockopt(2) for an option that is one machine word.
pub(crate) fn setsockopt<T: Copy>(fd: c_int, level: c_int, name: c_int, value: T) -> Result<()> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of a value that lives here.
    unsafe { call!(setsockopt, fd, level, name, &raw const value, size_of::<T>()).map(drop) }
}

/// getsockname(2) into a buffer; the length the kernel gave.
pub(crate) fn getsockname(fd: c_int, address: &mut Storage) -> Result<usize> {
    let mut len = size_of::<Storage>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `address` and the length to `len`.
    unsafe { call!(getsockname, fd, address as *mut Storage, &raw mut len)? };
    Ok(len as usize)
}

/// getpeername(2) into a buffer; the length the kernel gave.
pub(crate) fn getpeername(fd: c_int, address: &mut Storage) -> Result<usize> {
    let mut len = size_of::<Storage>() as libc::socklen_t;
    // SAFETY: as in `getsockname`.
    unsafe { call!(getpeername, fd, address as *mut Storage, &raw mut len)? };
    Ok(len as usize)
}

/// bind(2) to an address of ours.
pub(crate) fn bind(fd: c_int, address: &Storage, len: usize) -> Result<()> {
    debug_assert!(len <= size_of::<Storage>());
    // SAFETY: the kernel reads `len` bytes of a storage that is no shorter.
    unsafe { call!(bind, fd, address as *const Storage, len).map(drop) }
}

/// connect(2) to an address of ours.
pub(crate) fn connect(fd: c_int, address: &Storage, len: usize) -> Result<()> {
    debug_assert!(len <= size_of::<Storage>());
    // SAFETY: the kernel reads `len` bytes of a storage that is no shorter.
    unsafe { call!(connect, fd, address as *const Storage, len).map(drop) }
}

/// The program's own execveat(2), which only comes back with an error.
///
/// # Safety
/// As for execveat(2).
pub(crate) unsafe fn execveat(
    fd: c_int,
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: as the caller promises.
    match unsafe { own!(execveat, fd, path, argv, envp, flags) } {
        Err(error) => error,
        Ok(_) => 0,
    }
}

/// listen(2).
pub(crate) fn listen(fd: c_int, backlog: c_int) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { call!(listen, fd, backlog).map(drop) }
}

/// socket(2), closed on exec.
pub(crate) fn socket(family: c_int, kind: c_int, protocol: c_int) -> Result<c_int> {
    may_open()?;
    // SAFETY: no memory is passed.
    opened(|| unsafe { call!(socket, family, kind | libc::SOCK_CLOEXEC, protocol) })
}

/// A descriptor of ours. Where the program has reached its limit of them (RLIMIT_NOFILE), it is opened beyond that.
fn opened(open: impl Fn() -> Result<usize>) -> Result<c_int> {
    match open() {
        Err(libc::EMFILE) => opened_beyond_limit(open),
        opened => opened,
    }
    .map(|fd| fd as c_int)
}

/// Raises the limit for the time of opening one descriptor, as far as the hard limit allows: what is open stays open.
#[cold]
fn opened_beyond_limit(open: impl Fn() -> Result<usize>) -> Result<usize> {
    const TRIES: u32 = 8;
    let mut answer = Err(libc::EMFILE);
    // A jump out of a signal handler must not leave it raised.
    let held = hold_signals();
    for _ in 0..TRIES {
        let Ok([soft, hard]) = descriptor_limit(None) else { break };
        // Where there is nothing to be raised, another thread may be about to lower it again.
        let raised = soft < hard && descriptor_limit(Some([hard, hard])).is_ok();
        answer = open();
        if raised
            && let Ok(now) = descriptor_limit(Some([soft, hard]))
            && now != [hard, hard]
        {
            // The program itself has changed it meanwhile, or another thread has put it back.
            let _ = descriptor_limit(Some(now));
        }
        if answer != Err(libc::EMFILE) {
            break;
        }
    }
    keep_signals(held);
    answer
}

/// The limit of descriptors, soft and hard, as it was before it is set.
fn descriptor_limit(to: Option<[u64; 2]>) -> Result<[u64; 2]> {
    let mut before = [0u64; 2];
    let to = to.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the kernel reads one `struct rlimit64`, or none, and writes another.
    unsafe { call!(prlimit64, 0, libc::RLIMIT_NOFILE, to, before.as_mut_ptr())? };
    Ok(before)
}

/// close(2) of a descriptor of ours.
pub(crate) fn close(fd: c_int) {
    // SAFETY: no memory is passed; every caller closes what it opened itself.
    let _ = unsafe { call!(close, fd) };
}

/// The program's own close(2).
pub(crate) fn close_as_asked(fd: c_int) {
    // SAFETY: no memory is passed; the program wants it closed.
    let _ = unsafe { own!(close, fd) };
}

/// The program's own close_range(2).
pub(crate) fn close_range(first: u32, last: u32, flags: c_int) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { own!(close_range, first, last, flags).map(drop) }
}

/// One more than the largest descriptor can be, by prlimit(2).
pub(crate) fn most_descriptors() -> c_int {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one limit.
    let _ = unsafe { call!(prlimit64, 0, libc::RLIMIT_NOFILE, 0, &raw mut limit) };
    limit.rlim_cur.min(c_int::MAX as u64) as c_int
}

/// sendto(2) without an address.
pub(crate) fn send(fd: c_int, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads `bytes.len()` bytes.
    unsafe { call!(sendto, fd, bytes.as_ptr(), bytes.len(), 0, 0, 0) }
}

/// recvfrom(2) without an address, of what is there already.
pub(crate) fn recv(fd: c_int, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(recvfrom, fd, bytes.as_mut_ptr(), bytes.len(), libc::MSG_DONTWAIT, 0, 0) }
}

/// open(2) of an existing file, closed on exec.
pub(crate) fn open(path: &CStr, flags: c_int) -> Result<c_int> {
    may_open()?;
    // SAFETY: the path ends in a NUL.
    opened(|| unsafe { call!(openat, libc::AT_FDCWD, path.as_ptr(), flags | libc::O_CLOEXEC, 0) })
}

/// read(2).
pub(crate) fn read(fd: c_int, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(read, fd, bytes.as_mut_ptr(), bytes.len()) }
}

/// The number in a file of /proc/sys.
pub(crate) fn setting(path: &CStr) -> Result<u32> {
    let fd = open(path, libc::O_RDONLY)?;
    let mut text = [0; 16];
    let read = read(fd, &mut text);
    close(fd);
    let digits = text[..read?].trim_ascii();
    core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(libc::EINVAL)
}

/// readlink(2).
pub(crate) fn readlink(path: &CStr, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the path ends in a NUL; the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(readlinkat, libc::AT_FDCWD, path.as_ptr(), bytes.as_mut_ptr(), bytes.len()) }
}

/// getcwd(2): the length of the path, without its NUL.
pub(crate) fn current_folder(bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `bytes.len()` bytes.
    unsafe { call!(getcwd, bytes.as_mut_ptr(), bytes.len()).map(|len| len - 1) }
}

/// Size and owner of an open file, by fstat(2).
pub(crate) fn size_and_owner(fd: c_int) -> Result<(u64, u32)> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the kernel writes one `struct stat`, which is all integers.
    let stat = unsafe {
        call!(fstat, fd, stat.as_mut_ptr())?;
        stat.assume_init()
    };
    Ok((stat.st_size as u64, stat.st_uid))
}

/// The effective user.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(geteuid) }.unwrap_or(0) as u32
}

/// Whether this thread has CAP_NET_BIND_SERVICE (capabilities(7)), or there is no telling.
pub(crate) fn may_bind_privileged() -> bool {
    const CAP_NET_BIND_SERVICE: u32 = 10;
    // _LINUX_CAPABILITY_VERSION_3 and this thread; then twice effective, permitted and inheritable.
    let header = [0x2008_0522_u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: capget reads two words and writes six.
    let told = unsafe { call!(capget, header.as_ptr(), data.as_mut_ptr()) };
    told.is_err() || data[0] >> CAP_NET_BIND_SERVICE & 1 == 1
}

/// The process's number; where the program's sandbox forbids to ask, as it is remembered.
pub(crate) fn process() -> u32 {
    asked_process().unwrap_or_else(liveness::remembered)
}

/// The process's number, if it may be asked for.
pub(crate) fn asked_process() -> Option<u32> {
    // SAFETY: no memory is passed.
    unsafe { call!(getpid) }.ok().map(|process| process as u32)
}

/// The parent's number.
pub(crate) fn parent() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(getppid) }.unwrap_or(0) as u32
}

/// Which thread this is, for as long as it runs: a child of vfork(2) is the thread that it borrows from. It is where
/// the thread's own variables are, which x86-64's ABI keeps a pointer to.
pub(crate) fn thread_place() -> usize {
    let place;
    // SAFETY: the first word there is its own address.
    unsafe { asm!("mov {}, fs:[0]", out(reg) place, options(nostack, preserves_flags, readonly)) };
    place
}

/// Whether a process of that number exists, or cannot be asked about.
pub(crate) fn is_alive(process: u32) -> bool {
    // SAFETY: signal 0 delivers nothing.
    !matches!(unsafe { call!(kill, process as c_int, 0) }, Err(libc::ESRCH))
}

/// The thread's number.
pub(crate) fn thread() -> u32 {
    // SAFETY: no memory is passed.
    unsafe { call!(gettid) }.unwrap_or(0) as u32
}

/// The inode of a file, by stat(2).
pub(crate) fn inode(path: &CStr) -> Result<u64> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path ends in a NUL; the kernel writes one `struct stat`, which is all integers.
    unsafe {
        call!(newfstatat, libc::AT_FDCWD, path.as_ptr(), stat.as_mut_ptr(), 0)?;
        Ok(stat.assume_init().st_ino)
    }
}

/// libc's own clock, which needs no system call; null until it has been found. Another library's may tell another time.
static CLOCK: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Looks libc's own clock up.
pub(crate) fn find_clock() {
    CLOCK.store(elf::of_libc(b"clock_gettime"), Relaxed);
}

/// clock_gettime(2).
fn time(clock: libc::clockid_t) -> libc::timespec {
    type Clock = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let libcs = CLOCK.load(Relaxed);
    // SAFETY: libc's function or the kernel, safe in signal handlers, writes one timespec.
    unsafe {
        if libcs.is_null() {
            let _ = call!(clock_gettime, clock, &raw mut time);
        } else {
            core::mem::transmute::<*mut c_void, Clock>(libcs)(clock, &raw mut time);
        }
    }
    time
}

/// Hundredths of a second since boot: the unit of proc(5).
pub(crate) fn ticks() -> u64 {
    let time = time(libc::CLOCK_BOOTTIME);
    (time.tv_sec as u64).wrapping_mul(100).wrapping_add(time.tv_nsec as u64 / 10_000_000)
}

/// Nanoseconds since 1970, by the clock that needs no system call.
pub(crate) fn now() -> u64 {
    let time = time(libc::CLOCK_REALTIME);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// The moment, some four milliseconds long, by the clock that costs least.
pub(crate) fn moment() -> u32 {
    let time = time(libc::CLOCK_MONOTONIC_COARSE);
    (time.tv_sec as u32) << 8 | (time.tv_nsec as u32) >> 22
}

/// Milliseconds, some four of them at a time, by the clock that costs least of those that all processes share: every time
/// namespace has a monotonic clock of its own.
pub(crate) fn milliseconds() -> u32 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as in `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut time) };
    (time.tv_sec as u32).wrapping_mul(1000).wrapping_add(time.tv_nsec as u32 / 1_000_000)
}

/// Lets others run.
pub(crate) fn pause() {
    // SAFETY: no memory is passed.
    let _ = unsafe { call!(sched_yield) };
}

/// Sleeps for a millisecond, or until a signal comes.
pub(crate) fn rest() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: the kernel reads one timespec, and is asked to write none.
    let _ = unsafe { call!(nanosleep, &raw const time, 0) };
}

/// Maps `len` bytes, readable, writable and shared with children: of `fd`, or zeroes where there is none.
pub(crate) fn map_shared(fd: Option<c_int>, len: usize) -> Result<*mut u8> {
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE | if fd.is_none() { libc::MAP_ANONYMOUS } else { 0 };
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    unsafe { call!(mmap, 0, len, protection, flags, fd.unwrap_or(-1) as isize, 0).map(|at| at as *mut u8) }
}

/// Maps `len` bytes of zeroes that are this process's alone, and those of who shares its memory.
pub(crate) fn map_private(len: usize) -> Result<*mut u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    unsafe { call!(mmap, 0, len, protection, flags, -1isize, 0).map(|at| at as *mut u8) }
}

/// Maps a page of zeroes that is this process's alone: in a forked child it is all zeroes again (madvise(2),
/// MADV_WIPEONFORK, since Linux 4.14).
pub(crate) fn map_wiped_on_fork() -> Result<*mut u8> {
    const PAGE: usize = 4096;
    let at = map_private(PAGE)?;
    // SAFETY: the page is ours; where the kernel does not know the advice, it goes unused.
    unsafe { call!(madvise, at, PAGE, libc::MADV_WIPEONFORK).map(|_| at) }
}

/// Undoes [`map_shared`] or [`map_private`].
///
/// # Safety
/// Nothing may refer to the mapping any more.
pub(crate) unsafe fn unmap(at: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    let _ = unsafe { call!(munmap, at, len) };
}

/// Whether the kernel can copy eight bytes from `at`, a multiple of eight.
pub(crate) fn can_copy_from(at: usize) -> bool {
    if valgrind::is_running() { can_read_own(at) } else { can_copy_set_from(at) }
}

/// process_vm_readv(2) of this very process: a call that valgrind hands on as it is.
#[cold]
fn can_read_own(at: usize) -> bool {
    let mut word = 0u64;
    let here = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: size_of::<u64>() };
    let there = libc::iovec { iov_base: at as *mut c_void, iov_len: size_of::<u64>() };
    // SAFETY: the kernel writes at most eight bytes to `word`.
    unsafe { call!(process_vm_readv, process(), &raw const here, 1, &raw const there, 1, 0) == Ok(size_of::<u64>()) }
}

/// rt_sigprocmask(2) copies its eight-byte set before it looks at an impossible `how`, so EINVAL
/// says yes and EFAULT says no.
fn can_copy_set_from(at: usize) -> bool {
    // SAFETY: the kernel copies the set itself, and an impossible `how` changes no mask.
    let result = unsafe { call!(rt_sigprocmask, c_int::MAX, at, 0, 8) };
    result == Err(libc::EINVAL)
}

/// Whether the kernel can write `word`, which stays as it is.
pub(crate) fn can_write(word: &AtomicU64) -> bool {
    can_write_at(word.as_ptr() as usize)
}

/// Whether the program's sandbox lets [`can_copy_from`] ask at all.
pub(crate) fn can_ask_what_is_readable() -> bool {
    let here = 0u64;
    !sandbox::is_on() || can_copy_from(&raw const here as usize)
}

/// Whether the kernel can write four bytes at a multiple of four; they stay as they are. Where they lie in a file whose
/// disk is full, or for which there is no memory, who touches them is killed. The kernel says EFAULT: futex(2) with
/// FUTEX_WAKE_OP writes what was there before, and wakes nobody. (MADV_POPULATE_WRITE is as good, since Linux 5.14.)
pub(crate) fn can_write_at(at: usize) -> bool {
    const OPERATION: c_int = libc::FUTEX_WAKE_OP | libc::FUTEX_PRIVATE_FLAG;
    const OR_NOTHING: c_int = libc::FUTEX_OP_OR << 28;
    // SAFETY: the kernel changes nothing there, and says so where there is nothing to be changed.
    !matches!(unsafe { call!(futex, at, OPERATION, 0, 0, at, OR_NOTHING) }, Err(libc::EFAULT | sandbox::NOT_ASKED))
}

/// Keeps signals from this thread, as far as the kernel lets it, and gives the set of those that were kept before.
/// `None` where the kernel does not let it.
pub(crate) fn hold_signals() -> Option<u64> {
    let mut before = 0u64;
    // SAFETY: the kernel reads one set of eight bytes and writes another.
    let held = unsafe { call!(rt_sigprocmask, libc::SIG_BLOCK, &raw const ALL_SIGNALS, &raw mut before, 8) };
    held.ok().map(|_| before)
}

/// Keeps the signals of this set from this thread, and no others.
pub(crate) fn keep_signals(set: Option<u64>) {
    let Some(set) = set else { return };
    // SAFETY: the kernel reads one set of eight bytes, and is asked to write none.
    let _ = unsafe { call!(rt_sigprocmask, libc::SIG_SETMASK, &raw const set, 0, 8) };
}

/// The signals that wait for this thread to let them in.
pub(crate) fn waiting_signals() -> u64 {
    let mut waiting = 0u64;
    // SAFETY: the kernel writes one set of eight bytes.
    let _ = unsafe { call!(rt_sigpending, &raw mut waiting, 8) };
    waiting
}

static ALL_SIGNALS: u64 = u64::MAX;

/// What [`hold_signals`] holds: all but SIGKILL and SIGSTOP, which the kernel lets nobody hold.
pub(crate) const HELD_SIGNALS: u64 = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));

/// fcntl(2), F_GETFL.
pub(crate) fn status_flags(fd: c_int) -> Result<usize> {
    // SAFETY: no memory is passed.
    unsafe { call!(fcntl, fd, libc::F_GETFL, 0) }
}

/// fcntl(2), F_SETFL.
pub(crate) fn set_status_flags(fd: c_int, flags: usize) -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { call!(fcntl, fd, libc::F_SETFL, flags).map(drop) }
}

/// Writes one line to standard error, where that can take it at once: nobody waits for it, and no signal comes of it.
pub(crate) fn complain(line: &[u8]) {
    let mut ready = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    let held = hold_signals();
    // SAFETY: the kernel reads and writes one pollfd, and reads `line`.
    unsafe {
        // A pipe that nobody reads is no place to write to: SIGPIPE would be waiting for the program.
        if call!(poll, &raw mut ready, 1, 0) == Ok(1) && ready.revents == libc::POLLOUT {
            let _ = call!(write, libc::STDERR_FILENO, line.as_ptr(), line.len());
        }
    }
    keep_signals(held);
}
