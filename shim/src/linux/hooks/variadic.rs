//! The variadic functions, which Rust cannot define: `syscall`, `execl`, `execlp` and `execle`.
//!
//! `syscall` must leave no frame behind: a program may clone or vfork through it, and the child
//! would return into a frame that is not its own. So it only looks at the number, and jumps.

use super::{binding, confining, connecting, descriptors, executing, sending, writing};
use crate::linux::errno;
use core::arch::naked_asm;
use core::ffi::{c_int, c_long, c_uint};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use syscalls::Sysno;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the variadic hooks are written for x86_64 alone");

/// libc's `syscall`, or the next library's; ours until it has been looked up.
static NEXT: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(bare as *mut _);

pub(super) fn resolve() {
    // SAFETY: the name ends in a NUL.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"syscall".as_ptr()) };
    if !next.is_null() {
        NEXT.store(next, Relaxed);
    }
}

/// syscall(2), for a caller from before the constructor.
#[unsafe(naked)]
unsafe extern "C" fn bare() {
    naked_asm!(
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov r10, r8",
        "mov r8, r9",
        "mov r9, [rsp + 8]",
        "syscall",
        "cmp rax, -4095",
        "jae 2f",
        "ret",
        "2:",
        "neg eax",
        "mov edi, eax",
        "jmp {fail}",
        fail = sym fail,
    )
}

/// What a system call of our own returns that has failed.
pub(super) extern "C" fn fail(number: c_int) -> c_long {
    errno::set(number);
    -1
}

/// The hook of `syscall`.
///
/// # Safety
/// As for syscall(2).
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn syscall() {
    naked_asm!(
        "cmp rdi, {close}",
        "je {handle}",
        "cmp rdi, {write}",
        "je {handle}",
        "cmp rdi, {writev}",
        "je {handle}",
        "lea rax, [rdi - {dup}]",
        "cmp rax, {dup2} - {dup}",
        "jbe {handle}",
        "lea rax, [rdi - {socket}]",
        "cmp rax, {listen} - {socket}",
        "jbe {handle}",
        "cmp rdi, {setsockopt}",
        "je {handle}",
        "cmp rdi, {fcntl}",
        "je {handle}",
        "cmp rdi, {close_range}",
        "je {handle}",
        "cmp rdi, {accept4}",
        "je {handle}",
        "cmp rdi, {dup3}",
        "je {handle}",
        "cmp rdi, {sendmmsg}",
        "je {handle}",
        "cmp rdi, {prctl}",
        "je {handle}",
        "cmp rdi, {seccomp}",
        "je {handle}",
        "cmp rdi, {landlock_restrict_self}",
        "je {handle}",
        "mov rax, [rip + {next}]",
        "jmp rax",
        close = const libc::SYS_close,
        write = const libc::SYS_write,
        writev = const libc::SYS_writev,
        dup = const libc::SYS_dup,
        dup2 = const libc::SYS_dup2,
        socket = const libc::SYS_socket,
        listen = const libc::SYS_listen,
        setsockopt = const libc::SYS_setsockopt,
        fcntl = const libc::SYS_fcntl,
        close_range = const libc::SYS_close_range,
        accept4 = const libc::SYS_accept4,
        dup3 = const libc::SYS_dup3,
        sendmmsg = const libc::SYS_sendmmsg,
        prctl = const libc::SYS_prctl,
        seccomp = const libc::SYS_seccomp,
        landlock_restrict_self = const libc::SYS_landlock_restrict_self,
        handle = sym handle,
        next = sym NEXT,
    )
}

/// A call that has a hook of its own by name.
unsafe extern "C" fn handle(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    type Plain = unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;
    let fd = a as c_int;
    // SAFETY: the program's own call; each argument is of the type that the call by this number takes.
    unsafe {
        match number {
            libc::SYS_bind => binding::bind(fd, b as *const _, c as _).into(),
            libc::SYS_listen => binding::listen(fd, b as c_int).into(),
            libc::SYS_connect => connecting::connect(fd, b as *const _, c as _).into(),
            libc::SYS_sendto => {
                sending::sendto(fd, b as *const _, c as usize, d as c_int, e as *const _, f as _) as c_long
            }
            libc::SYS_sendmsg => sending::sendmsg(fd, b as *const _, c as c_int) as c_long,
            libc::SYS_sendmmsg => sending::sendmmsg(fd, b as *mut _, c as c_uint, d as c_int).into(),
            libc::SYS_write => writing::write(fd, b as *const _, c as usize) as c_long,
            libc::SYS_writev => writing::writev(fd, b as *const _, c as c_int) as c_long,
            libc::SYS_socket => descriptors::socket(fd, b as c_int, c as c_int).into(),
            libc::SYS_setsockopt => descriptors::setsockopt(fd, b as c_int, c as c_int, d as *const _, e as _).into(),
            libc::SYS_fcntl => descriptors::fcntl(fd, b as c_int, c).into(),
            libc::SYS_close_range => descriptors::close_range(a as c_uint, b as c_uint, c as c_int).into(),
            libc::SYS_accept => descriptors::accept(fd, b as *mut _, c as *mut _).into(),
            libc::SYS_accept4 => descriptors::accept4(fd, b as *mut _, c as *mut _, d as c_int).into(),
            libc::SYS_close => descriptors::close(fd).into(),
            libc::SYS_dup => descriptors::dup(fd).into(),
            libc::SYS_dup2 => descriptors::dup2(fd, b as c_int).into(),
            libc::SYS_dup3 => descriptors::dup3(fd, b as c_int, c as c_int).into(),
            libc::SYS_prctl => confining::by_number(Sysno::prctl, [a, b, c, d, e, f]),
            libc::SYS_seccomp => confining::by_number(Sysno::seccomp, [a, b, c, d, e, f]),
            libc::SYS_landlock_restrict_self => confining::by_number(Sysno::landlock_restrict_self, [a, b, c, d, e, f]),
            _ => {
                let next: Plain = core::mem::transmute(NEXT.load(Relaxed));
                next(number, a, b, c, d, e, f)
            }
        }
    }
}

/// Lays the variadic arguments out as an array on the stack, calls `$target` with the first argument
/// and the array, and returns what it returns.
macro_rules! listed {
    ($(#[$meta:meta])* $name:ident => $target:path) => {
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name() {
            naked_asm!(
                "pop rax",          // the return address makes room:
                "push r9",          // five arguments came in registers,
                "push r8",          // and now stand before those that came on the stack
                "push rcx",
                "push rdx",
                "push rsi",
                "mov rsi, rsp",
                "push rax",
                "call {target}",
                "pop rcx",
                "add rsp, 40",
                "push rcx",
                "ret",
                target = sym $target,
            )
        }
    };
}

listed! {
    /// The hook of `execl`.
    ///
    /// # Safety
    /// As for execl(3).
    execl => executing::listed
}
listed! {
    /// The hook of `execlp`.
    ///
    /// # Safety
    /// As for execlp(3).
    execlp => executing::listed_in_path
}
listed! {
    /// The hook of `execle`.
    ///
    /// # Safety
    /// As for execle(3).
    execle => executing::listed_with_environment
}
