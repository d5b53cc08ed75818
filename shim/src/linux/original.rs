//! The original functions: those of the next library, which the program called and the hooks call
//! on.

use super::{below, elf};
use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use libc::{iovec, mmsghdr, msghdr, pid_t, sockaddr, sockaddr_in, socklen_t, timespec};
use portshim_mechanism::linux::kernel::errno;

/// Hands the list of these functions to a macro, by the [kind](portshim_policy::hooks::HookKind) of
/// their hooks, and what it is told besides.
macro_rules! functions {
    ($to:ident {$($more:tt)*}) => {
        $to! {
            for Serve {
                fn bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int;
                fn listen(fd: c_int, backlog: c_int) -> c_int;
                fn connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int;
                fn __connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int;
                fn send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int) -> isize;
                fn __send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int) -> isize;
                fn sendto(
                    fd: c_int, bytes: *const c_void, len: usize,
                    flags: c_int, address: *const sockaddr, size: socklen_t
                ) -> isize;
                fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize;
                fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int;
                fn write(fd: c_int, bytes: *const c_void, len: usize) -> isize;
                fn __write(fd: c_int, bytes: *const c_void, len: usize) -> isize;
                fn writev(fd: c_int, vectors: *const iovec, count: c_int) -> isize;
                fn rresvport(port: *mut c_int) -> c_int;
                fn rresvport_af(port: *mut c_int, family: libc::sa_family_t) -> c_int;
                fn bindresvport(fd: c_int, address: *mut sockaddr_in) -> c_int;
            }
            for Observe {
                fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
                fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int;
                fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut socklen_t) -> c_int;
                fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> isize;
                fn recvmmsg(
                    fd: c_int, messages: *mut mmsghdr,
                    count: c_uint, flags: c_int, timeout: *mut timespec
                ) -> c_int;
                fn accept(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int;
                fn accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int;
                fn close(fd: c_int) -> c_int;
                fn fclose(file: *mut libc::FILE) -> c_int;
                fn dup(fd: c_int) -> c_int;
                fn dup2(from: c_int, to: c_int) -> c_int;
                fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int;
                fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int;
                fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int;
                fn setns(fd: c_int, kind: c_int) -> c_int;
                fn unshare(flags: c_int) -> c_int;
                fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int;
            }
            for Follow {
                fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
                fn execvpe(file: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
                fn fexecve(fd: c_int, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
                fn execv(path: *const c_char, argv: *const *const c_char) -> c_int;
                fn execvp(file: *const c_char, argv: *const *const c_char) -> c_int;
                fn posix_spawn(
                    pid: *mut pid_t, path: *const c_char, actions: *const libc::posix_spawn_file_actions_t,
                    attributes: *const libc::posix_spawnattr_t, argv: *const *const c_char, envp: *const *const c_char
                ) -> c_int;
                fn posix_spawnp(
                    pid: *mut pid_t, file: *const c_char, actions: *const libc::posix_spawn_file_actions_t,
                    attributes: *const libc::posix_spawnattr_t, argv: *const *const c_char, envp: *const *const c_char
                ) -> c_int;
                fn system(command: *const c_char) -> c_int;
                fn popen(command: *const c_char, mode: *const c_char) -> *mut libc::FILE;
            }
            $($more)*
        }
    };
}
pub(super) use functions;

/// Finds each function. `NAME::next` calls it.
macro_rules! originals {
    ($(for $kind:ident {$(fn $name:ident($($arg:ident: $type:ty),*) -> $ret:ty;)*})*) => {$($(
        #[doc = concat!("`", stringify!($name), "` of the next library.")]
        pub(super) mod $name {
            use super::*;

            static NEXT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

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
                    next if next.is_null() => or_nowhere(resolve()),
                    next => next,
                };
                // SAFETY: a function of this name has this type, and is called as the caller
                // promises. Where nobody has one, `nowhere` returns -1 in its place.
                unsafe { core::mem::transmute::<*mut c_void, Function>(next)($($arg),*) }
            }

            #[cold]
            pub(crate) extern "C" fn resolve() -> *mut c_void {
                look_up(&NEXT, stringify!($name))
            }
        }
    )*)*};
}

functions! { originals {} }

/// Functions that not every C library has for others to call, and the name that each has them by:
/// `fcntl64` came with glibc 2.28, and the others went from AArch64's with 2.34. musl never had
/// those, and no longer has `fcntl64`.
const OTHER_NAMES: [(&str, &str); 4] =
    [("fcntl64", "fcntl"), ("__send", "send"), ("__connect", "connect"), ("__write", "write")];

/// Functions that glibc alone has. A program of musl may ask for one by dlsym(3), and find ours.
const OF_GLIBC: [&str; 3] = ["rresvport", "rresvport_af", "bindresvport"];

/// Tells whether the program's C library has a function of this name, of those that are hooked.
pub(super) fn is_of_this_libc(name: &str) -> bool {
    !(elf::is_musl() && OF_GLIBC.contains(&name))
}

/// Function that answers where nobody has one of its name.
extern "C" fn nowhere() -> isize {
    errno::fail(libc::ENOSYS)
}

fn or_nowhere(found: *mut c_void) -> *mut c_void {
    if found.is_null() { nowhere as *mut c_void } else { found }
}

/// Keeps in `next` the next library's function of this name.
pub(super) fn look_up(next: &AtomicPtr<c_void>, name: &str) -> *mut c_void {
    let mut found = elf::next(name.as_bytes());
    if found.is_null()
        && let Some((_, other)) = OTHER_NAMES.iter().find(|(new, _)| *new == name)
    {
        found = elf::next(other.as_bytes());
    }
    if !found.is_null() {
        found = below::in_place_of(name).unwrap_or(found);
        next.store(found, Relaxed);
    }
    found
}

/// Looks those functions up again that were called in the place of libc's.
pub(super) fn look_up_marked() {
    for look_up in [
        bind::resolve,
        listen::resolve,
        connect::resolve,
        __connect::resolve,
        sendto::resolve,
        sendmsg::resolve,
        sendmmsg::resolve,
    ] {
        look_up();
    }
}
