//! The table of hooks: every function that the shim interposes, and who answers for it.

/// The first text on x86-64, the second on AArch64.
#[cfg(target_arch = "x86_64")]
macro_rules! if_x86 {
    ($x86:expr, $aarch64:expr) => {
        $x86
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! if_x86 {
    ($x86:expr, $aarch64:expr) => {
        $aarch64
    };
}

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

use super::original::{self, functions};
use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
use libc::{iovec, mmsghdr, msghdr, pid_t, sockaddr, sockaddr_in, socklen_t, timespec};
use portshim_policy::hooks::{HookKind, LINUX_HOOKS, place_of};

// Each answers for the function of its name.
use bind::{bind, listen};
use confine::prctl;
use connect::{__connect, connect};
use descriptors::{
    accept, accept4, close, dup, dup2, dup3, fclose, fcntl, fcntl64, getsockopt, recvmmsg, recvmsg, setns, setsockopt,
    socket, unshare,
};
use exec::{execv, execve, execvp, execvpe, fexecve, popen, posix_spawn, posix_spawnp, system};
use rresvport::{bindresvport, rresvport, rresvport_af};
use send::{__send, send, sendmmsg, sendmsg, sendto};
use write::{__write, write, writev};

/// Interposes each function with its handler, if it is in the [table of
/// hooks](portshim_policy::hooks) as well.
macro_rules! hooks {
    (
        $(for $kind:ident {$(fn $name:ident($($arg:ident: $type:ty),*) -> $ret:ty;)*})*
        $(alone $alone_kind:ident {$(
            fn $alone:ident($($alone_arg:ident: $alone_type:ty),*) $(-> $alone_ret:ty)? => $alone_family:ident::$alone_handler:ident;
        )*})*
        raw {$(fn $raw:ident $(=> $($look_up:ident)::+)?;)*}
    ) => {
        /// The functions that the program calls.
        mod hooked {
            use crate::linux::hooks;
            use super::*;

        $($(
            mod $name {
                use super::*;

                // Its `real!` is not used: it looks up by dlsym, which is hooked as well (ADR 12).
                redhook::hook! {
                    unsafe fn $name($($arg: $type),*) -> $ret => hooked {
                        // SAFETY: the program made this call; its arguments are passed on as they
                        // came.
                        unsafe { hooks::$name($($arg),*) }
                    }
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
                assert!(known[at], "a hook of policy/src/hooks.rs has no signature of its kind in original.rs, nor a row below");
                at += 1;
            }
        };

        const LOOK_UPS: &[(&str, extern "C" fn() -> *mut c_void)] = &[
            $($((stringify!($name), original::$name::resolve),)*)*
            $($((stringify!($raw), $($look_up)::+),)?)*
        ];
    };
}

/// Looks every function up in the libraries after ours, so that no hook has to. Gives those that
/// none has, but for those that the program's C library never had.
pub(crate) fn resolve() -> impl Iterator<Item = &'static str> {
    const { assert!(LOOK_UPS.len() <= u64::BITS as usize) };
    let looked_up = LOOK_UPS.iter().zip(0..).filter(|((_, look_up), _)| look_up().is_null());
    let missing = looked_up.fold(0u64, |missing, (_, at)| missing | 1 << at);
    let missing = LOOK_UPS.iter().zip(0..).filter(move |(_, at)| missing >> at & 1 == 1).map(|((name, _), _)| *name);
    missing.filter(|name| original::is_of_this_libc(name))
}

functions! {
    hooks {
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
}
