//! The send family. A datagram socket that has no port gets one at the first send, even at one that
//! fails; a TCP socket only with MSG_FASTOPEN.

use super::connect;
use super::exits::interceptor;
use crate::linux::memory::{is_beyond_asking, is_readable, read_address};
use crate::linux::serve::{Exit, serve};
use crate::linux::{elf, original, start};
use core::ffi::{c_int, c_uint, c_void};
use core::mem::size_of;
use libc::{MSG_FASTOPEN, mmsghdr, msghdr, sockaddr, socklen_t};
use portshim_mechanism::linux::known::fd_cache;
use portshim_mechanism::linux::known::sockets::{self, surely_has_port};
use portshim_mechanism::linux::serve::{InterceptedCall, Waits};
use portshim_mechanism::linux::socket::address::Address;
use portshim_mechanism::linux::socket::facts::Kind;
use portshim_mechanism::linux::socket::fast_open;
use portshim_policy::model::Call;
use portshim_policy::ports::Transport;

/// Tells whether the call needs no look at all.
#[inline]
fn is_settled(fd: c_int, flags: c_int) -> bool {
    flags & MSG_FASTOPEN == 0 && fd_cache::is_settled(fd)
}

/// # Safety
/// As for send(2).
pub(crate) unsafe fn send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int) -> isize {
    // SAFETY: the program's own call, as it came.
    let original = || unsafe { original::send::next(fd, bytes, len, flags) };
    if is_settled(fd, flags) { original() } else { first(Exit::Library, fd, flags, Destination::None, &original) }
}

/// # Safety
/// As for send(2).
pub(crate) unsafe fn __send(fd: c_int, bytes: *const c_void, len: usize, flags: c_int) -> isize {
    // SAFETY: the program's own call, as it came.
    let original = || unsafe { original::__send::next(fd, bytes, len, flags) };
    if is_settled(fd, flags) { original() } else { first(Exit::Library, fd, flags, Destination::None, &original) }
}

/// # Safety
/// As for sendto(2).
pub(crate) unsafe fn sendto(
    fd: c_int,
    bytes: *const c_void,
    len: usize,
    flags: c_int,
    address: *const sockaddr,
    size: socklen_t,
) -> isize {
    // SAFETY: the program's own call, as it came.
    let original = || unsafe { original::sendto::next(fd, bytes, len, flags, address, size) };
    sendto_by(Exit::Library, fd, flags, address, size, original)
}

/// Sends by `original`, which is the program's call and leaves by `exit`.
#[inline]
pub(super) fn sendto_by(
    exit: Exit,
    fd: c_int,
    flags: c_int,
    address: *const sockaddr,
    size: socklen_t,
    original: impl Fn() -> isize,
) -> isize {
    if is_settled(fd, flags) { original() } else { first(exit, fd, flags, Destination::of(address, size), &original) }
}

/// # Safety
/// As for sendmsg(2).
pub(crate) unsafe fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize {
    // SAFETY: the program's own call, as it came.
    sendmsg_by(Exit::Library, fd, message, flags, || unsafe { original::sendmsg::next(fd, message, flags) })
}

/// Sends by `original`, which is the program's call and leaves by `exit`.
#[inline]
pub(super) fn sendmsg_by(
    exit: Exit,
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
    original: impl Fn() -> isize,
) -> isize {
    if is_settled(fd, flags) {
        original()
    } else {
        first(exit, fd, flags, Destination::in_message(exit, message), &original)
    }
}

/// # Safety
/// As for sendmmsg(2).
pub(crate) unsafe fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
    // SAFETY: the program's own call, as it came.
    let original = || unsafe { original::sendmmsg::next(fd, messages, count, flags) } as isize;
    sendmmsg_by(Exit::Library, fd, messages, count, flags, original) as c_int
}

/// Sends by `original`, which is the program's call and leaves by `exit`.
#[inline]
pub(super) fn sendmmsg_by(
    exit: Exit,
    fd: c_int,
    messages: *const mmsghdr,
    count: c_uint,
    flags: c_int,
    original: impl Fn() -> isize,
) -> isize {
    // `msg_hdr` is the first field of a mmsghdr.
    if count == 0 { original() } else { sendmsg_by(exit, fd, messages.cast::<msghdr>(), flags, original) }
}

/// Destination of a send.
#[derive(Clone, Copy)]
pub(super) enum Destination {
    /// Wherever the socket is connected to.
    None,
    Peer(Address),
    /// The kernel will not be able to read it, and fail before it needs a port.
    Bad,
}

impl Destination {
    fn of(address: *const sockaddr, len: socklen_t) -> Self {
        if address.is_null() || len == 0 {
            return Self::None;
        }
        match read_address(address, len) {
            Some(peer) => Self::Peer(peer),
            // One byte: too short to read a family from, long enough for the kernel to bind.
            None if len == 1 && is_readable(address.cast(), 1) => Self::None,
            None if is_beyond_asking(address.cast(), len) => Self::None,
            None => Self::Bad,
        }
    }

    /// The address in a message header, as `___sys_sendmsg` comes by it.
    fn in_message(exit: Exit, message: *const msghdr) -> Self {
        const MOST_VECTORS: usize = 1024; // UIO_MAXIOV
        if !is_readable(message.cast(), size_of::<msghdr>()) {
            let len = size_of::<msghdr>() as socklen_t;
            return if is_beyond_asking(message.cast(), len) { Self::None } else { Self::Bad };
        }
        // SAFETY: the kernel has just been seen to read these bytes; no alignment is assumed.
        let header = unsafe { message.read_unaligned() };
        let vectors = match exit {
            // Half of it is padding there, which musl clears before it makes the system call.
            Exit::Library if elf::is_musl() => header.msg_iovlen as u32 as usize,
            Exit::Library | Exit::Kernel => header.msg_iovlen,
        };
        if vectors > MOST_VECTORS || header.msg_namelen as c_int <= -1 {
            return Self::Bad;
        }
        // The kernel cuts a long name to the longest address.
        let len = header.msg_namelen.min(size_of::<libc::sockaddr_storage>() as socklen_t);
        Self::of(header.msg_name.cast::<sockaddr>(), len)
    }
}

/// A send on a descriptor that is not known to be settled.
#[cold]
pub(super) fn first(exit: Exit, fd: c_int, flags: c_int, to: Destination, original: &dyn Fn() -> isize) -> isize {
    let Some(session) = start::serving() else { return original() };
    let seen = fd_cache::get(fd);
    let socket = match sockets::of(fd) {
        Kind::Served(socket) => socket,
        // No call makes anything else a socket that is served.
        Kind::Other | Kind::None => {
            fd_cache::mark_settled(fd, seen);
            return original();
        }
    };
    let served = match (socket.transport, &to) {
        (Transport::Tcp, Destination::Peer(peer)) if flags & MSG_FASTOPEN != 0 => {
            if !fast_open::connects(&socket) {
                return original();
            }
            connect::tcp(session, &socket, Some(peer), Waits::Once, exit, original)
        }
        // Nobody sends on a new TCP socket: it may be another by now.
        (Transport::Tcp, _) if socket.untouched && socket.confirmed().is_none() => {
            fd_cache::forget(fd);
            None
        }
        (Transport::Tcp, _) => {
            fd_cache::mark_settled(fd, seen);
            return original();
        }
        (Transport::Udp, to) => {
            let Ok(local) = sockets::local(&socket) else { return original() };
            if surely_has_port(&socket, &local) {
                fd_cache::mark_settled(fd, seen);
                return original();
            }
            let (peer, binds) = match to {
                Destination::Peer(peer) => (Some(peer), true),
                Destination::None => (None, true),
                Destination::Bad => (None, false),
            };
            let call = Call::Send;
            serve(
                &InterceptedCall {
                    peer,
                    binds,
                    ..InterceptedCall::of(session, &socket, call, &local, &original, interceptor(exit))
                },
                exit,
            )
        }
    };
    served.unwrap_or_else(|| first(exit, fd, flags, to, original))
}
