//! Bad buffers and message headers: for send, sendmsg and sendmmsg, by every name that these have.

use std::ffi::c_void;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ptr::null_mut;

use super::super::address;
use super::super::calls::{self, Answer};
use super::super::fixture::SERVERS;
use super::scene::{On, SERVED, Scene, UNSERVED};

unsafe extern "C" {
    // glibc on AArch64 has it for programs that were linked long ago, and lets no new one have it.
    #[cfg_attr(target_arch = "aarch64", link_name = "send")]
    fn __send(fd: i32, data: *const c_void, length: usize, flags: i32) -> isize;
}

const QUIET: i32 = libc::MSG_NOSIGNAL;

type Send = fn(i32, *const c_void, usize, i32) -> Answer;
type SendMessage = fn(i32, *const c_void, i32) -> Answer;
type SendMessages = fn(i32, *mut c_void, u32, i32) -> Answer;

/// The kernel checks every pointer that these hand to it.
const SENDS: [(&str, Send); 4] = [
    ("send", |fd, at, length, flags| {
        // SAFETY: send(2) gives EFAULT for a pointer that cannot be read; the shim promises the
        // same.
        calls::answer(unsafe { libc::send(fd, at, length, flags) } as i64)
    }),
    ("send/twin", |fd, at, length, flags| {
        // SAFETY: as for send.
        calls::answer(unsafe { __send(fd, at, length, flags) } as i64)
    }),
    ("sendto", |fd, at, length, flags| {
        // SAFETY: as for send.
        calls::answer(unsafe { libc::sendto(fd, at, length, flags, std::ptr::null(), 0) } as i64)
    }),
    ("sendto/sys", |fd, at, length, flags| {
        // SAFETY: as for send.
        calls::answer(unsafe { libc::syscall(libc::SYS_sendto, fd, at, length, flags, null_mut::<u8>(), 0) })
    }),
];

const MESSAGES: [(&str, SendMessage); 2] = [
    ("sendmsg", |fd, at, flags| {
        // SAFETY: as for send.
        calls::answer(unsafe { libc::sendmsg(fd, at.cast(), flags) } as i64)
    }),
    ("sendmsg/sys", |fd, at, flags| {
        // SAFETY: as for send.
        calls::answer(unsafe { libc::syscall(libc::SYS_sendmsg, fd, at, flags) })
    }),
];

const VECTORS: [(&str, SendMessages); 2] = [
    ("sendmmsg", |fd, at, count, flags| {
        // SAFETY: as for send.
        calls::answer(i64::from(unsafe { libc::sendmmsg(fd, at.cast(), count, flags as _) }))
    }),
    ("sendmmsg/sys", |fd, at, count, flags| {
        // SAFETY: as for send.
        calls::answer(unsafe { libc::syscall(libc::SYS_sendmmsg, fd, at, count, flags) })
    }),
];

/// Where in both tables those begin that a header reaches as it is: musl reads it before the kernel
/// does, and a bad pointer ends the program there.
const UNREAD: usize = if cfg!(target_env = "musl") { 1 } else { 0 };

pub(super) fn run(scene: &Scene) -> Result<(), String> {
    for on in SERVED.into_iter().chain(UNSERVED) {
        // A raw or packet socket would send what it is given.
        if let On::Foreign("raw" | "raw6" | "packet", ..) = on {
            continue;
        }
        for (call, make) in SENDS {
            buffers(scene, call, make, on)?;
        }
        for (call, make) in &MESSAGES[UNREAD..] {
            headers(scene, on, call, &|fd, at| make(fd, at, QUIET))?;
            headers(scene, on, &format!("{call} fast"), &|fd, at| make(fd, at, QUIET | libc::MSG_FASTOPEN))?;
        }
        for (call, make) in &VECTORS[UNREAD..] {
            headers(scene, on, call, &|fd, at| make(fd, at.cast_mut(), 1, QUIET))?;
            vectors(scene, call, *make, on)?;
        }
    }
    Ok(())
}

fn buffers(scene: &Scene, call: &str, make: Send, on: On) -> Result<(), String> {
    for (name, pointer) in scene.memory.bad() {
        for length in [0, 1, 65_507, 65_508, usize::MAX] {
            scene.say(on, &format!("{call} {name} of {length}"), |fd| make(fd, pointer, length, QUIET))?;
        }
    }
    let pointer = scene.memory.at_the_end(b"xxxx");
    for length in [4, 5] {
        scene.say(on, &format!("{call} 4 readable of {length}"), |fd| make(fd, pointer, length, QUIET))?;
    }
    for bit in 0..31 {
        // What is held back goes out later, or never.
        let flag = 1 << bit;
        if flag != libc::MSG_MORE {
            scene.say(on, &format!("{call} flag {flag:#x}"), |fd| make(fd, pointer, 1, QUIET | flag))?;
        }
    }
    Ok(())
}

fn peer(on: On) -> Vec<u8> {
    match on {
        On::Served(kind) if kind.ends_with('6') => address::encode(Ipv6Addr::LOCALHOST.into(), SERVERS[0]),
        _ => address::encode(Ipv4Addr::LOCALHOST.into(), SERVERS[0]),
    }
}

fn bytes_of(header: &libc::msghdr) -> &[u8] {
    // SAFETY: any value's bytes can be read while it is borrowed; the padding was zeroed.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(header).cast(), size_of::<libc::msghdr>()) }
}

/// Bad headers, for calls that take one message: a sendmmsg of one reads 8 bytes more.
fn headers(scene: &Scene, on: On, call: &str, make: &dyn Fn(i32, *const c_void) -> Answer) -> Result<(), String> {
    for (name, pointer) in scene.memory.bad() {
        scene.say(on, &format!("{call} header {name}"), |fd| make(fd, pointer))?;
    }
    let mut address = peer(on);
    let full = address.len() as u32;
    address.resize(256, 0);
    let mut data = *b"x";
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: an all-zero mmsghdr is a valid one.
    let mut good: libc::mmsghdr = unsafe { zeroed() };
    good.msg_hdr.msg_name = address.as_mut_ptr().cast();
    good.msg_hdr.msg_namelen = full;
    good.msg_hdr.msg_iov = &raw mut part;
    good.msg_hdr.msg_iovlen = 1;
    let whole = bytes_of(&good.msg_hdr);
    for readable in [1, 8, 12, 24, 55, 56] {
        let pointer = scene.memory.at_the_end(&whole[..readable]);
        scene.say(on, &format!("{call} header of {readable} readable"), |fd| make(fd, pointer))?;
    }
    let changed = |what: &str, change: &dyn Fn(&mut libc::msghdr)| {
        let mut header = good;
        change(&mut header.msg_hdr);
        scene.say(on, &format!("{call} {what}"), |fd| make(fd, (&raw const header).cast()))
    };
    changed("as it should be", &|_| ())?;
    for length in [0, 1, 2, 7, 8, 15, 16, 24, 28, 128, 129, 200, i32::MAX as u32, i32::MIN as u32, u32::MAX] {
        changed(&format!("name length {}", length as i32), &|h| h.msg_namelen = length)?;
    }
    for (name, pointer) in scene.memory.bad() {
        changed(&format!("name {name}"), &|h| h.msg_name = pointer)?;
        changed(&format!("name {name} of 0"), &|h| (h.msg_name, h.msg_namelen) = (pointer, 0))?;
        changed(&format!("parts {name}"), &|h| h.msg_iov = pointer.cast())?;
        changed(&format!("parts {name}, none"), &|h| (h.msg_iov, h.msg_iovlen) = (pointer.cast(), 0))?;
        changed(&format!("control {name}"), &|h| (h.msg_control, h.msg_controllen) = (pointer, 16))?;
        changed(&format!("control {name} without end"), &|h| {
            (h.msg_control, h.msg_controllen) = (pointer, usize::MAX as _);
        })?;
    }
    for family in [0, 1, 99, 0xffff] {
        let mut other = address.clone();
        other[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        let at = other.as_mut_ptr();
        changed(&format!("family {family}"), &|h| h.msg_name = at.cast())?;
    }
    for count in [1024, 1025, usize::MAX] {
        changed(&format!("{count} parts"), &|h| h.msg_iovlen = count as _)?;
    }
    Ok(())
}

fn vectors(scene: &Scene, call: &str, make: SendMessages, on: On) -> Result<(), String> {
    for (name, pointer) in scene.memory.bad() {
        for count in [0, 1, u32::MAX] {
            scene.say(on, &format!("{call} vector {name} of {count}"), |fd| make(fd, pointer, count, QUIET))?;
        }
    }
    let mut address = peer(on);
    let mut data = *b"x";
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: an all-zero mmsghdr is a valid one.
    let mut good: libc::mmsghdr = unsafe { zeroed() };
    good.msg_hdr.msg_name = address.as_mut_ptr().cast();
    good.msg_hdr.msg_namelen = address.len() as u32;
    good.msg_hdr.msg_iov = &raw mut part;
    good.msg_hdr.msg_iovlen = 1;
    // The kernel reads 64 bytes of each: a header, and the length that it writes.
    let mut one = bytes_of(&good.msg_hdr).to_vec();
    one.resize(size_of::<libc::mmsghdr>(), 0);
    let pointer = scene.memory.at_the_end(&one);
    for count in [1, 2, 1024, 1025, u32::MAX] {
        scene.say(on, &format!("{call} 1 readable of {count}"), |fd| make(fd, pointer, count, QUIET))?;
    }
    Ok(())
}
