//! Bad addresses: for bind, connect and sendto, by every name that these have.

use std::ffi::c_void;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::address;
use super::super::calls::{self, Answer};
use super::super::fixture::SERVERS;
use super::scene::{On, SERVED, Scene, UNSERVED};

type Call = fn(i32, *const c_void, u32) -> Answer;

unsafe extern "C" {
    fn __connect(fd: i32, address: *const libc::sockaddr, length: libc::socklen_t) -> i32;
}

/// The calls that take an address. All of them hand the pointer to the kernel, which checks it.
const CALLS: [(&str, Call); 7] = [
    ("bind", |fd, at, len| {
        // SAFETY: bind(2) gives EFAULT for a pointer that cannot be read; the shim promises the
        // same.
        calls::answer(i64::from(unsafe { libc::bind(fd, at.cast(), len) }))
    }),
    ("bind/sys", |fd, at, len| {
        // SAFETY: as for bind.
        calls::answer(unsafe { libc::syscall(libc::SYS_bind, fd, at, len) })
    }),
    ("connect", |fd, at, len| {
        // SAFETY: as for bind.
        calls::answer(i64::from(unsafe { libc::connect(fd, at.cast(), len) }))
    }),
    ("connect/twin", |fd, at, len| {
        // SAFETY: as for bind.
        calls::answer(i64::from(unsafe { __connect(fd, at.cast(), len) }))
    }),
    ("connect/sys", |fd, at, len| {
        // SAFETY: as for bind.
        calls::answer(unsafe { libc::syscall(libc::SYS_connect, fd, at, len) })
    }),
    ("sendto", |fd, at, len| {
        // SAFETY: as for bind; the byte to send is static.
        calls::answer(unsafe { libc::sendto(fd, c"x".as_ptr().cast(), 1, libc::MSG_NOSIGNAL, at.cast(), len) } as i64)
    }),
    ("sendto-fast/sys", |fd, at, len| {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_FASTOPEN;
        // SAFETY: as for bind; the byte to send is static.
        calls::answer(unsafe { libc::syscall(libc::SYS_sendto, fd, c"x".as_ptr(), 1usize, flags, at, len) })
    }),
];

const LENGTHS: [u32; 22] =
    [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 23, 24, 27, 28, 29, 110, 127, 128, 129, 1 << 16, i32::MAX as u32, u32::MAX];

pub(super) fn run(scene: &Scene) -> Result<(), String> {
    for (call, make) in CALLS {
        for on in SERVED.into_iter().chain(UNSERVED) {
            // Closing a packet socket takes the kernel milliseconds: once is enough.
            if matches!(on, On::Foreign("packet", ..)) && call != "bind" {
                continue;
            }
            pointers(scene, call, make, on)?;
        }
        for on in SERVED {
            lengths(scene, call, make, on)?;
            families(scene, call, make, on)?;
        }
    }
    Ok(())
}

/// A good address for that call on that socket.
fn good(call: &str, on: On) -> Vec<u8> {
    let port = if call.starts_with("bind") { 0 } else { SERVERS[0] };
    match (on, port) {
        (On::Served(kind), 0) if kind.ends_with('6') => address::encode(Ipv6Addr::UNSPECIFIED.into(), 0),
        (On::Served(kind), port) if kind.ends_with('6') => address::encode(Ipv6Addr::LOCALHOST.into(), port),
        (_, 0) => address::encode(Ipv4Addr::UNSPECIFIED.into(), 0),
        (_, port) => address::encode(Ipv4Addr::LOCALHOST.into(), port),
    }
}

fn pointers(scene: &Scene, call: &str, make: Call, on: On) -> Result<(), String> {
    for (name, pointer) in scene.memory.bad() {
        for length in [0, 1, 2, 16, 28, u32::MAX] {
            scene.say(on, &format!("{call} {name} of {length}"), |fd| make(fd, pointer, length))?;
        }
    }
    let address = good(call, on);
    let full = address.len();
    for readable in [1, 2, 4, 8, 15, full - 1, full] {
        let pointer = scene.memory.at_the_end(&address[..readable.min(full)]);
        for length in [readable, readable + 1, full] {
            let what = format!("{call} {readable} readable of {length}");
            scene.say(on, &what, |fd| make(fd, pointer, length as u32))?;
        }
    }
    Ok(())
}

fn lengths(scene: &Scene, call: &str, make: Call, on: On) -> Result<(), String> {
    let mut address = good(call, on);
    address.resize(1 << 12, 0);
    let pointer = scene.memory.at_the_end(&address);
    for length in LENGTHS {
        scene.say(on, &format!("{call} length {}", length as i32), |fd| make(fd, pointer, length))?;
    }
    Ok(())
}

fn families(scene: &Scene, call: &str, make: Call, on: On) -> Result<(), String> {
    let known = [libc::AF_UNSPEC, libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET];
    for family in known.into_iter().chain([99, 0x0200, 0xffff]) {
        for bound in [false, true] {
            for length in [16, 28] {
                let mut address = good(call, on);
                address.resize(28, 0);
                address[..2].copy_from_slice(&(family as u16).to_ne_bytes());
                let what = format!("{call} family {family} of {length}{}", if bound { ", bound" } else { "" });
                let own = good("bind", on);
                scene.say(on, &what, |fd| {
                    if bound {
                        let _ = calls::bind(fd, &own, calls::Via::Name);
                    }
                    make(fd, address.as_ptr().cast(), length)
                })?;
            }
        }
    }
    Ok(())
}
