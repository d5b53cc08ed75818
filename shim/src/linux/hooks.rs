//! The table of hooks: every function that the shim interposes, and who answers for it.

mod bind;
mod confine;
mod connect;
mod descriptors;
mod dl;
mod exec;
mod exits;
mod fork;
mod rresvport;
mod send;
mod variadic;
mod write;

pub(crate) use dl::follow;

use super::elf;
use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use libc::{iovec, mmsghdr, msghdr, pid_t, sockaddr, sockaddr_in, socklen_t, timespec};
use portshim_mechanism::linux::kernel::errno;
use portshim_policy::hooks::{HookKind, LINUX_HOOKS, place_of};

/// Interposes each function with its handler, if it is in the [table of hooks](portshim_policy::hooks) as well. `NAME::next`
/// calls the next library's.
macro_rules! hooks {
    (
        $(for $kind:ident {$(
            fn $name:ident($($arg:ident: $type:ty),*) -> $ret:ty => $family:ident::$handler:ident;
        )*})*
        $(alone $alone_kind:ident {$(
            fn $alone:ident($($alone_arg:ident: $alone_type:ty),*) $(-> $alone_ret:ty)? => $alone_family:ident::$alone_handler:ident;
        )*})*
        raw {$(fn $raw:ident $(=> $($look_up:ident)::+)?;)*}
    ) => {
        /// The functions behind the hooks.
        pub(crate) mod original {
            use super::*;
            use crate::linux::hooks;

        $($(
            #[doc = concat!("The hook of `", stringify!($name), "`.")]
            pub(crate) mod $name {
                use super::*;

                static NEXT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

                // Its `real!` is not used: it looks up by dlsym, which is hooked as well (ADR 12).
                redhook::hook! {
                    unsafe fn $name($($arg: $type),*) -> $ret => hooked {
                        // SAFETY: the program made this call; its arguments are passed on as they came.
                        unsafe { hooks::$family::$handler($($arg),*) }
                    }
                }

                /// Calls the next library's function.
                ///
                /// # Safety
                /// As for the function itself.
                #[inline]
                #[expect(clippy::allow_attributes, reason = "not every hook calls on")]
                #[allow(dead_code)]
                pub(crate) unsafe fn next($($arg: $type),*) -> $ret {
                    type Function = unsafe extern "C" fn($($type),*) -> $ret;
                    let next = match NEXT.load(Relaxed) {
                        next if next.is_null() => resolve(),
                        next => next,
                    };
                    // SAFETY: a function of this name has this type, and is called as the caller promises.
                    unsafe { core::mem::transmute::<*mut c_void, Function>(next)($($arg),*) }
                }

                #[cold]
                pub(in crate::linux::hooks) extern "C" fn resolve() -> *mut c_void {
                    look_up(&NEXT, stringify!($name))
                }
            }
        )*)*
        }

        $($(
            #[doc = concat!("The hook of `", stringify!($alone), "`, which needs no other library's function.")]
            ///
            /// # Safety
            /// As for the function itself.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $alone($($alone_arg: $alone_type),*) $(-> $alone_ret)? {
                // SAFETY: the program made this call; its arguments are passed on as they came.
                unsafe { $alone_family::$alone_handler($($alone_arg),*) }
            }
        )*)*

        const _: () = {
            let mut known = [false; LINUX_HOOKS.len()];
            $($(known[place_of(LINUX_HOOKS, stringify!($name), HookKind::$kind)] = true;)*)*
            $($(known[place_of(LINUX_HOOKS, stringify!($alone), HookKind::$alone_kind)] = true;)*)*
            $(known[place_of(LINUX_HOOKS, stringify!($raw), HookKind::Raw)] = true;)*
            let mut at = 0;
            while at < known.len() {
                assert!(known[at], "a hook of the table is not there");
                at += 1;
            }
        };

        const LOOK_UPS: &[(&str, extern "C" fn() -> *mut c_void)] = &[
            $($((stringify!($name), original::$name::resolve),)*)*
            $($((stringify!($raw), $($look_up)::+),)?)*
        ];
    };
}

/// Looks every function up in the libraries after ours, so that no hook has to. Gives those that none has.
pub(crate) fn resolve() -> impl Iterator<Item = &'static str> {
    const { assert!(LOOK_UPS.len() <= u64::BITS as usize) };
    let looked_up = LOOK_UPS.iter().zip(0..).filter(|((_, look_up), _)| look_up().is_null());
    let missing = looked_up.fold(0u64, |missing, (_, at)| missing | 1 << at);
    LOOK_UPS.iter().zip(0..).filter(move |(_, at)| missing >> at & 1 == 1).map(|((name, _), _)| *name)
}

/// What a system call of our own returns that has failed.
extern "C" fn fail(number: c_int) -> c_long {
    errno::set(number);
    -1
}

/// Functions that newer versions of glibc have under one more name, and the name that all have.
const OTHER_NAMES: [(&str, &str); 1] = [("fcntl64", "fcntl")];

/// Keeps in `next` the next library's function of this name.
fn look_up(next: &AtomicPtr<c_void>, name: &str) -> *mut c_void {
    let mut found = elf::next(name.as_bytes());
    if found.is_null()
        && let Some((_, other)) = OTHER_NAMES.iter().find(|(new, _)| *new == name)
    {
        found = elf::next(other.as_bytes());
    }
    if !found.is_null() {
        next.store(found, Relaxed);
    }
    found
}

hooks! {
    for Serve {
        fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int => bind::bind;
        fn listen(fd: c_int, backlog: c_int) -> c_int => bind::listen;
        fn connect(fd: c_int, address: *const sockaddr, len: socklen_t)
            -> c_int => connect::connect;
        fn __connect(fd: c_int, address: *const sockaddr, len: socklen_t)
            -> c_int => connect::__connect;
        fn send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int)
            -> isize => send::send;
        fn __send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int)
            -> isize => send::__send;
        fn sendto(
            fd: c_int, bytes: *const c_void, len: usize,
            flags: c_int, address: *const sockaddr, size: socklen_t
        ) -> isize => send::sendto;
        fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize => send::sendmsg;
        fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int)
            -> c_int => send::sendmmsg;
        fn write(fd: c_int, bytes: *const c_void, len: usize) -> isize => write::write;
        fn __write(fd: c_int, bytes: *const c_void, len: usize) -> isize => write::__write;
        fn writev(fd: c_int, vectors: *const iovec, count: c_int) -> isize => write::writev;
        fn rresvport(port: *mut c_int) -> c_int => rresvport::rresvport;
        fn rresvport_af(port: *mut c_int, family: libc::sa_family_t)
            -> c_int => rresvport::rresvport_af;
        fn bindresvport(fd: c_int, address: *mut sockaddr_in) -> c_int => rresvport::bindresvport;
    }
    for Observe {
        fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int => descriptors::socket;
        fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t)
            -> c_int => descriptors::setsockopt;
        fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut socklen_t)
            -> c_int => descriptors::getsockopt;
        fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> isize => descriptors::recvmsg;
        fn recvmmsg(
            fd: c_int, messages: *mut mmsghdr,
            count: c_uint, flags: c_int, timeout: *mut timespec
        ) -> c_int => descriptors::recvmmsg;
        fn accept(fd: c_int, address: *mut sockaddr, len: *mut socklen_t)
            -> c_int => descriptors::accept;
        fn accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int)
            -> c_int => descriptors::accept4;
        fn close(fd: c_int) -> c_int => descriptors::close;
        fn fclose(file: *mut libc::FILE) -> c_int => descriptors::fclose;
        fn dup(fd: c_int) -> c_int => descriptors::dup;
        fn dup2(from: c_int, to: c_int) -> c_int => descriptors::dup2;
        fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int => descriptors::dup3;
        fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int => descriptors::fcntl;
        fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int => descriptors::fcntl64;
        fn setns(fd: c_int, kind: c_int) -> c_int => descriptors::setns;
        fn unshare(flags: c_int) -> c_int => descriptors::unshare;
        fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong)
            -> c_int => confine::prctl;
    }
    for Follow {
        fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char)
            -> c_int => exec::execve;
        fn execvpe(file: *const c_char, argv: *const *const c_char, envp: *const *const c_char)
            -> c_int => exec::execvpe;
        fn fexecve(fd: c_int, argv: *const *const c_char, envp: *const *const c_char)
            -> c_int => exec::fexecve;
        fn execv(path: *const c_char, argv: *const *const c_char) -> c_int => exec::execv;
        fn execvp(file: *const c_char, argv: *const *const c_char) -> c_int => exec::execvp;
        fn posix_spawn(
            pid: *mut pid_t, path: *const c_char, actions: *const libc::posix_spawn_file_actions_t,
            attributes: *const libc::posix_spawnattr_t, argv: *const *const c_char, envp: *const *const c_char
        ) -> c_int => exec::posix_spawn;
        fn posix_spawnp(
            pid: *mut pid_t, file: *const c_char, actions: *const libc::posix_spawn_file_actions_t,
            attributes: *const libc::posix_spawnattr_t, argv: *const *const c_char, envp: *const *const c_char
        ) -> c_int => exec::posix_spawnp;
        fn system(command: *const c_char) -> c_int => exec::system;
        fn popen(command: *const c_char, mode: *const c_char)
            -> *mut libc::FILE => exec::popen;
    }
    // glibc has them since 2.34 alone, and they go by system call.
    alone Observe {
        fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int => descriptors::close_range;
        fn closefrom(first: c_int) => descriptors::closefrom;
    }
    alone Follow {
        fn execveat(
            fd: c_int, path: *const c_char,
            argv: *const *const c_char, envp: *const *const c_char, flags: c_int
        ) -> c_int => exec::execveat;
    }
    // They stand in files of their own, for they are written in assembly.
    raw {
        fn syscall => variadic::look_up;
        fn vfork => fork::look_up_vfork;
        fn clone => fork::look_up_clone;
        // By way of execv, execvp and execve.
        fn execl;
        fn execlp;
        fn execle;
        // Looked up at their first call: before glibc 2.34 a program may do without them.
        fn dlopen;
        fn dlmopen;
        fn dlsym;
        fn dlvsym;
    }
}
