//! The calls as a C program makes them: by name, by their second name, or through `syscall`.

use nix::errno::Errno;

/// What a call came to: what it returned, or the errno.
pub(super) type Answer = Result<i64, i32>;

/// By which of its names a call is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// The name in the manual.
    Name,
    /// `syscall(SYS_…)`.
    Syscall,
    /// The name with two underscores.
    Twin,
}

unsafe extern "C" {
    fn __connect(fd: i32, address: *const libc::sockaddr, length: libc::socklen_t) -> i32;
    // glibc on AArch64 has it for programs that were linked long ago, and lets no new one have it.
    #[cfg_attr(target_arch = "aarch64", link_name = "send")]
    fn __send(fd: i32, data: *const libc::c_void, length: usize, flags: i32) -> isize;
    fn rresvport(port: *mut i32) -> i32;
    fn rresvport_af(port: *mut i32, family: libc::sa_family_t) -> i32;
    fn bindresvport(fd: i32, address: *mut libc::sockaddr_in) -> i32;
}

/// The name of an errno.
pub(super) fn errno_name(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => format!("errno{number}"),
        known => format!("{known:?}"),
    }
}

/// What a call came to, from what it returned.
pub(super) fn answer(returned: i64) -> Answer {
    if returned < 0 { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(returned) }
}

pub(super) fn socket(family: i32, kind: i32, protocol: i32, via: Via) -> Answer {
    // SAFETY: socket(2) takes no pointers.
    answer(unsafe {
        match via {
            Via::Syscall => libc::syscall(libc::SYS_socket, family, kind, protocol),
            _ => i64::from(libc::socket(family, kind, protocol)),
        }
    })
}

pub(super) fn bind(fd: i32, address: &[u8], via: Via) -> Answer {
    let (at, length) = (address.as_ptr().cast::<libc::sockaddr>(), address.len() as libc::socklen_t);
    // SAFETY: bind(2) reads `length` bytes, which the slice has.
    answer(unsafe {
        match via {
            Via::Syscall => libc::syscall(libc::SYS_bind, fd, at, length),
            _ => i64::from(libc::bind(fd, at, length)),
        }
    })
}

pub(super) fn connect(fd: i32, address: &[u8], via: Via) -> Answer {
    let (at, length) = (address.as_ptr().cast::<libc::sockaddr>(), address.len() as libc::socklen_t);
    // SAFETY: connect(2) reads `length` bytes, which the slice has.
    answer(unsafe {
        match via {
            Via::Syscall => libc::syscall(libc::SYS_connect, fd, at, length),
            Via::Twin => i64::from(__connect(fd, at, length)),
            Via::Name => i64::from(libc::connect(fd, at, length)),
        }
    })
}

pub(super) fn listen(fd: i32, backlog: i32, via: Via) -> Answer {
    // SAFETY: listen(2) takes no pointers.
    answer(unsafe {
        match via {
            Via::Syscall => libc::syscall(libc::SYS_listen, fd, backlog),
            _ => i64::from(libc::listen(fd, backlog)),
        }
    })
}

pub(super) fn accept(fd: i32, four: bool, via: Via) -> Answer {
    let null = std::ptr::null_mut::<libc::sockaddr>();
    let none = std::ptr::null_mut::<libc::socklen_t>();
    // SAFETY: accept(2) allows null for both pointers.
    answer(unsafe {
        match (four, via) {
            (true, Via::Syscall) => libc::syscall(libc::SYS_accept4, fd, null, none, libc::SOCK_NONBLOCK),
            (false, Via::Syscall) => libc::syscall(libc::SYS_accept, fd, null, none),
            (true, _) => i64::from(libc::accept4(fd, null, none, libc::SOCK_NONBLOCK)),
            (false, _) => i64::from(libc::accept(fd, null, none)),
        }
    })
}

pub(super) fn send(fd: i32, data: &[u8], flags: i32, via: Via) -> Answer {
    let (at, length) = (data.as_ptr().cast::<libc::c_void>(), data.len());
    // SAFETY: send(2) reads `length` bytes, which the slice has.
    answer(unsafe {
        match via {
            Via::Twin => __send(fd, at, length, flags) as i64,
            _ => libc::send(fd, at, length, flags) as i64,
        }
    })
}

pub(super) fn write(fd: i32, data: &[u8], vector: bool) -> Answer {
    let part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: write(2) and writev(2) read the bytes of the slice.
    answer(unsafe {
        if vector {
            libc::writev(fd, &raw const part, 1) as i64
        } else {
            libc::write(fd, part.iov_base, part.iov_len) as i64
        }
    })
}

pub(super) fn sendto(fd: i32, data: &[u8], flags: i32, address: &[u8], via: Via) -> Answer {
    let (at, length) = (data.as_ptr().cast::<libc::c_void>(), data.len());
    let peer = if address.is_empty() { std::ptr::null() } else { address.as_ptr().cast::<libc::sockaddr>() };
    let peer_length = address.len() as libc::socklen_t;
    // SAFETY: sendto(2) reads the bytes of both slices.
    answer(unsafe {
        match via {
            Via::Syscall => libc::syscall(libc::SYS_sendto, fd, at, length, flags, peer, peer_length),
            _ => libc::sendto(fd, at, length, flags, peer, peer_length) as i64,
        }
    })
}

/// `sendmsg`, or with `count` as a `sendmmsg` of that many messages.
pub(super) fn sendmsg(fd: i32, data: &[u8], flags: i32, address: &[u8], count: Option<u32>, via: Via) -> Answer {
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: an all-zero mmsghdr is a valid one; the kernel reads no more than the parts name, and
    // writes only the lengths of the messages in the vector.
    answer(unsafe {
        let mut message: libc::mmsghdr = std::mem::zeroed();
        if !address.is_empty() {
            message.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = address.len() as libc::socklen_t;
        }
        message.msg_hdr.msg_iov = &raw mut part;
        message.msg_hdr.msg_iovlen = 1;
        match (count, via) {
            (None, Via::Syscall) => libc::syscall(libc::SYS_sendmsg, fd, &raw const message.msg_hdr, flags),
            (None, _) => libc::sendmsg(fd, &raw const message.msg_hdr, flags) as i64,
            (Some(count), via) => {
                let mut messages = vec![message; count.max(1) as usize];
                let at = messages.as_mut_ptr();
                match via {
                    Via::Syscall => libc::syscall(libc::SYS_sendmmsg, fd, at, count, flags),
                    _ => i64::from(libc::sendmmsg(fd, at, count, flags as _)),
                }
            }
        }
    })
}

pub(super) fn recv(fd: i32) -> Answer {
    let mut byte = [0u8; 16];
    // SAFETY: recv(2) writes at most 16 bytes, which the array has.
    answer(unsafe { libc::recv(fd, byte.as_mut_ptr().cast(), byte.len(), libc::MSG_DONTWAIT) } as i64)
}

pub(super) fn shutdown(fd: i32, how: i32) -> Answer {
    // SAFETY: shutdown(2) takes no pointers.
    answer(i64::from(unsafe { libc::shutdown(fd, how) }))
}

pub(super) fn close(fd: i32, via: Via) -> Answer {
    // SAFETY: close(2) takes no pointers; the probe closes only what its script opened.
    answer(unsafe { if via == Via::Syscall { libc::syscall(libc::SYS_close, fd) } else { i64::from(libc::close(fd)) } })
}

pub(super) fn dup(fd: i32) -> Answer {
    // SAFETY: dup(2) takes no pointers.
    answer(i64::from(unsafe { libc::dup(fd) }))
}

/// `dup2`, or with `three` `dup3`.
pub(super) fn dup_to(fd: i32, to: i32, three: bool) -> Answer {
    // SAFETY: neither takes pointers; `to` is a descriptor of the script.
    answer(i64::from(unsafe { if three { libc::dup3(fd, to, libc::O_CLOEXEC) } else { libc::dup2(fd, to) } }))
}

pub(super) fn fcntl(fd: i32, command: i32, value: i32) -> Answer {
    // SAFETY: the probe uses only commands that take an int.
    answer(i64::from(unsafe { libc::fcntl(fd, command, value) }))
}

pub(super) fn set(fd: i32, level: i32, option: i32, value: &[u8]) -> Answer {
    // SAFETY: setsockopt(2) reads the bytes of the slice.
    answer(i64::from(unsafe {
        libc::setsockopt(fd, level, option, value.as_ptr().cast(), value.len() as libc::socklen_t)
    }))
}

pub(super) fn get(fd: i32, level: i32, option: i32) -> Answer {
    let mut value = 0i32;
    let mut length = 4;
    // SAFETY: getsockopt(2) writes at most 4 bytes, which the int has.
    let returned = unsafe { libc::getsockopt(fd, level, option, (&raw mut value).cast(), &raw mut length) };
    answer(i64::from(returned)).map(|_| i64::from(value as u32))
}

/// What getsockname, or getpeername, writes.
pub(super) fn name(fd: i32, peer: bool) -> Result<Vec<u8>, i32> {
    let mut bytes = vec![0u8; 128];
    let mut length = 128;
    let at = bytes.as_mut_ptr().cast();
    // SAFETY: both write at most 128 bytes, which the vector has.
    let returned = unsafe {
        if peer { libc::getpeername(fd, at, &raw mut length) } else { libc::getsockname(fd, at, &raw mut length) }
    };
    answer(i64::from(returned))?;
    bytes.truncate(length as usize);
    Ok(bytes)
}

/// Waits at most `patience` milliseconds for any of `events`; what poll(2) found.
pub(super) fn poll(fd: i32, events: i16, patience: i32) -> i16 {
    let mut one = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: poll(2) reads and writes the one pollfd.
    unsafe { libc::poll(&raw mut one, 1, patience) };
    one.revents
}

/// `rresvport` with no family, else `rresvport_af`: the descriptor and the port.
pub(super) fn reserved_socket(family: Option<i32>) -> (Answer, i32) {
    let mut port = 1023;
    // SAFETY: both read and write the one int.
    let fd = unsafe {
        match family {
            None => rresvport(&raw mut port),
            Some(family) => rresvport_af(&raw mut port, family as libc::sa_family_t),
        }
    };
    (answer(i64::from(fd)), port)
}

pub(super) fn bind_reserved(fd: i32) -> Answer {
    // SAFETY: bindresvport(3) allows null.
    answer(i64::from(unsafe { bindresvport(fd, std::ptr::null_mut()) }))
}
