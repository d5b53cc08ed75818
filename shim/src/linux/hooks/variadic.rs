//! The variadic functions, which Rust cannot define: `syscall`, `execl`, `execlp` and `execle`.
//!
//! `syscall` must leave no frame behind: a program may clone or vfork through it, and the child
//! would return into a frame that is not its own. So it only looks at the number, and jumps.

use super::fork::{fail, note_clone};
use super::{bind, confine, connect, descriptors, exec, fork, send, write};
use crate::linux::serve::Exit;
use crate::linux::variables::Strings;
use crate::linux::{environment, original};
use core::arch::naked_asm;
use core::ffi::{c_int, c_long, c_uint};
use core::sync::atomic::AtomicPtr;
use portshim_mechanism::linux::kernel::mark::marked;
use portshim_mechanism::linux::kernel::{call, errno};
use portshim_mechanism::linux::known::changes;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the variadic hooks are written for x86-64 and AArch64 alone");

/// libc's `syscall`, or the next library's; ours until it has been looked up.
static NEXT: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(bare as *mut _);

pub(super) extern "C" fn look_up() -> *mut core::ffi::c_void {
    original::look_up(&NEXT, "syscall")
}

/// syscall(2), for a caller from before the constructor.
#[unsafe(naked)]
unsafe extern "C" fn bare() {
    naked_asm!(
        if_x86!(
            "mov rax, rdi
            mov rdi, rsi
            mov rsi, rdx
            mov rdx, rcx
            mov r10, r8
            mov r8, r9
            mov r9, [rsp + 8]
            syscall
            cmp rax, -4095
            jae 2f
            ret
            2:
            neg eax
            mov edi, eax
            jmp {fail}",
            "mov x8, x0
            mov x0, x1
            mov x1, x2
            mov x2, x3
            mov x3, x4
            mov x4, x5
            mov x5, x6
            svc #0
            cmn x0, #4095
            b.cs 2f
            ret
            2:
            neg w0, w0
            b {fail}"
        ),
        fail = sym fail,
    )
}

/// Calls that have a hook of their own by name.
const HANDLED: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_socket,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_fcntl,
    libc::SYS_close_range,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_pidfd_getfd,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_close,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_dup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_landlock_restrict_self,
];

const HANDLE: u8 = 1;
const CLONE: u8 = 2;
const CLONE3: u8 = 3;
#[cfg(target_arch = "x86_64")]
const VFORK: u8 = 4;

/// What is done about a call, by its number; nothing where that is zero.
static WAYS: [u8; 512] = {
    let (mut ways, mut at) = ([0; 512], 0);
    while at < HANDLED.len() {
        ways[HANDLED[at] as usize] = HANDLE;
        at += 1;
    }
    ways[libc::SYS_clone as usize] = CLONE;
    ways[libc::SYS_clone3 as usize] = CLONE3;
    #[cfg(target_arch = "x86_64")]
    {
        ways[libc::SYS_vfork as usize] = VFORK;
    }
    ways
};

/// The hook of `syscall`.
///
/// # Safety
/// As for syscall(2).
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(super) unsafe extern "C" fn syscall() {
    naked_asm!(
        if_x86!(
            "cmp rdi, {count}
            jae 3f
            lea rax, [rip + {ways}]
            movzx eax, byte ptr [rax + rdi]
            test eax, eax
            jz 3f
            cmp eax, {handled}
            je {handle}
            cmp eax, {clone}
            je 4f
            cmp eax, {clone3}
            je 5f",
            "cmp x0, {count}
            b.hs 3f
            adrp x16, {ways}
            add x16, x16, :lo12:{ways}
            ldrb w16, [x16, x0]
            cbz w16, 3f
            cmp w16, {handled}
            b.eq {handle}
            cmp w16, {clone}
            b.eq 4f
            cmp w16, {clone3}
            b.eq 5f"
        ),
        // What is left is vfork.
        fork::note!("{called}"),
        "3:",
        fork::jump!("{next}"),
        "4:",
        note_clone!(if_x86!("esi", "w1")),
        if_x86!("jmp 3b", "b 3b"),
        // Its flags lie in memory that may not be readable: they are taken to be the worst.
        "5:",
        fork::note!("{moved}"),
        fork::note!("{called}"),
        fork::forget!("{end}"),
        if_x86!("jmp 3b", "b 3b"),
        count = const WAYS.len(),
        ways = sym WAYS,
        handled = const HANDLE,
        clone = const CLONE,
        clone3 = const CLONE3,
        newnet = const libc::CLONE_NEWNET,
        vm = const libc::CLONE_VM,
        files = const libc::CLONE_FILES,
        vfork = const libc::CLONE_VFORK,
        moved = sym portshim_mechanism::linux::socket::steering::MOVED,
        end = sym portshim_mechanism::linux::known::fd_cache::END,
        called = sym fork::VFORKED,
        handle = sym handle,
        next = sym NEXT,
    )
}

/// Calls that a supervisor need not be told of once they have been served here.
const MARKED: [c_long; 6] =
    [libc::SYS_bind, libc::SYS_listen, libc::SYS_connect, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg];

/// One of [`HANDLED`]. It leaves as it came: by way of the next library's function it might come
/// here again, for ever.
unsafe extern "C" fn handle(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    let fd = a as c_int;
    // SAFETY: the program's own call, as it came or with the environment completed.
    let again = |arguments| match unsafe { call::forward(number, arguments) } {
        Ok(answer) => answer as isize,
        Err(error) => errno::fail(error),
    };
    let first = if MARKED.contains(&number) { marked(fd) as c_long } else { a };
    let original = || again([first, b, c, d, e, f]);
    let short = || original() as c_int;
    // Each argument is of the type that the call by this number takes.
    let answer = match number {
        libc::SYS_bind => bind::bind_by(Exit::Kernel, fd, b as *const _, c as _, &original),
        libc::SYS_listen => bind::listen_by(Exit::Kernel, fd, &original),
        libc::SYS_connect => connect::through(Exit::Kernel, fd, b as *const _, c as _, &original),
        libc::SYS_sendto => send::sendto_by(Exit::Kernel, fd, d as c_int, e as *const _, f as _, original),
        libc::SYS_sendmsg => send::sendmsg_by(Exit::Kernel, fd, b as *const _, c as c_int, original),
        libc::SYS_sendmmsg => send::sendmmsg_by(Exit::Kernel, fd, b as *const _, c as c_uint, d as c_int, original),
        libc::SYS_write => write::write_by(Exit::Kernel, fd, original),
        libc::SYS_writev => write::writev_by(Exit::Kernel, fd, b as *const _, c as c_int, original),
        libc::SYS_socket => changes::socket(fd, b as c_int, c as c_int, short) as isize,
        libc::SYS_setsockopt => descriptors::setsockopt_by(fd, b as c_int, c as c_int, short) as isize,
        // SAFETY: the program's own call, as it came.
        libc::SYS_getsockopt => unsafe {
            descriptors::getsockopt_by(fd, b as c_int, c as c_int, d as *mut _, e as *mut _, short) as isize
        },
        libc::SYS_unshare => descriptors::unshare_by(fd, short) as isize,
        libc::SYS_setns => descriptors::setns_by(short) as isize,
        // Some commands answer with more than an int.
        libc::SYS_fcntl if changes::is_copy(b as c_int) => changes::copied(fd, short()) as isize,
        libc::SYS_close_range => descriptors::close_all(a as c_uint, b as c_uint, c as c_int) as isize,
        libc::SYS_accept | libc::SYS_accept4 | libc::SYS_pidfd_getfd => changes::fresh(short()) as isize,
        // SAFETY: the program's own call, as it came.
        libc::SYS_recvmsg => unsafe { descriptors::recvmsg_by(b as *const _, original) },
        // SAFETY: the program's own call, as it came.
        libc::SYS_recvmmsg => unsafe { descriptors::recvmmsg_by(b as *const _, short) as isize },
        libc::SYS_close => changes::close(fd, short) as isize,
        libc::SYS_execve => environment::with_preload_env(c as Strings, |envp| again([a, b, envp as c_long, d, e, f])),
        libc::SYS_execveat => {
            environment::with_preload_env(d as Strings, |envp| again([a, b, c, envp as c_long, e, f]))
        }
        libc::SYS_dup => changes::copied(fd, short()) as isize,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2 => changes::copy_to(fd, b as c_int, short) as isize,
        libc::SYS_dup3 => changes::copy_to(fd, b as c_int, short) as isize,
        libc::SYS_prctl | libc::SYS_seccomp | libc::SYS_landlock_restrict_self => {
            confine::by_number(number, [a, b, c], original)
        }
        _ => original(),
    };
    answer as c_long
}

/// Lays the variadic arguments out as an array on the stack: those that came in registers stand
/// before those that came there. Calls the target with the first argument and the array, and
/// returns what it returns.
macro_rules! list {
    () => {
        if_x86!(
            // The return address makes room.
            "pop rax
            push r9
            push r8
            push rcx
            push rdx
            push rsi
            mov rsi, rsp
            push rax
            call {target}
            pop rcx
            add rsp, 40
            push rcx
            ret",
            "sub sp, sp, #80
            stp x29, x30, [sp]
            str x1, [sp, #24]
            stp x2, x3, [sp, #32]
            stp x4, x5, [sp, #48]
            stp x6, x7, [sp, #64]
            add x1, sp, #24
            bl {target}
            ldp x29, x30, [sp]
            add sp, sp, #80
            ret"
        )
    };
}

/// Defines a function that calls `$target` with its variadic arguments as an array.
macro_rules! listed {
    ($(#[$meta:meta])* $name:ident => $target:path) => {
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name() {
            naked_asm!(
                list!(),
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
    execl => exec::listed
}
listed! {
    /// The hook of `execlp`.
    ///
    /// # Safety
    /// As for execlp(3).
    execlp => exec::listed_in_path
}
listed! {
    /// The hook of `execle`.
    ///
    /// # Safety
    /// As for execle(3).
    execle => exec::listed_with_environment
}
