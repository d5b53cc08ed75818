//! Privileged ports: the calls of their own, and what an unprivileged program gets.

use std::ffi::c_void;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::address;
use super::super::calls::{self, Answer, Via};
use super::scene::{On, SERVED, Scene, UNSERVED};

unsafe extern "C" {
    fn rresvport(port: *mut i32) -> i32;
    fn rresvport_af(port: *mut i32, family: libc::sa_family_t) -> i32;
    fn bindresvport(fd: i32, address: *mut libc::sockaddr_in) -> i32;
}

pub(super) fn run(scene: &Scene) -> Result<(), String> {
    searches();
    binds_reserved(scene)?;
    for (name, pointer) in scene.memory.bad() {
        apart(&format!("rresvport {name}"), || {
            // SAFETY: not kept: libc reads the pointer without a check. That is what the child is
            // for.
            calls::answer(i64::from(unsafe { rresvport(pointer.cast()) }))
        });
        if name != "null" {
            apart(&format!("bindresvport {name}"), || {
                let fd = calls::socket(libc::AF_INET, libc::SOCK_STREAM, 0, Via::Name)? as i32;
                // SAFETY: as above.
                calls::answer(i64::from(unsafe { bindresvport(fd, pointer.cast()) }))
            });
        }
    }
    unprivileged(scene)
}

/// rresvport from good and bad starts, and for good and bad families.
fn searches() {
    let families = [libc::AF_INET, libc::AF_INET6, libc::AF_UNSPEC, libc::AF_UNIX, 99, 0xffff];
    for start in [-5, 0, 1, 511, 512, 513, 600, 1022, 1023, 1024, 5000, 65535, 70_000, i32::MAX, i32::MIN] {
        let say = |name: &str, search: &dyn Fn(&mut i32) -> i32| {
            let mut port = start;
            let answer = calls::answer(i64::from(search(&mut port)));
            if let Ok(fd) = answer {
                let _ = calls::close(fd as i32, Via::Name);
            }
            println!("{name} from {start} => {} {port}", answer.map_or_else(calls::errno_name, |_| "ok".into()));
        };
        // SAFETY: both read and write the one int.
        say("rresvport", &|port| unsafe { rresvport(port) });
        for family in families {
            // SAFETY: as above.
            say(&format!("rresvport_af {family}"), &|port| unsafe { rresvport_af(port, family as libc::sa_family_t) });
        }
    }
}

fn binds_reserved(scene: &Scene) -> Result<(), String> {
    for on in SERVED.into_iter().chain(UNSERVED) {
        scene.say(on, "bindresvport null", calls::bind_reserved)?;
        for (family, port) in [(libc::AF_INET, 0), (libc::AF_INET, 700), (libc::AF_INET6, 0), (0, 0), (0xffff, 9)] {
            let mut given = address::encode(Ipv4Addr::UNSPECIFIED.into(), port);
            given[..2].copy_from_slice(&(family as u16).to_ne_bytes());
            given.resize(28, 0);
            let at: *mut c_void = given.as_mut_ptr().cast();
            scene.say(on, &format!("bindresvport family {family} port {port}"), |fd| {
                // SAFETY: bindresvport(3) reads and writes a sockaddr_in, which the vector has room
                // for.
                calls::answer(i64::from(unsafe { bindresvport(fd, at.cast()) }))
            })?;
        }
    }
    Ok(())
}

/// Does something in a child, for it may not survive it.
fn apart(what: &str, call: impl FnOnce() -> Answer) {
    // SAFETY: the probe has one thread, so that the child may do what the parent may.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = call().map_or_else(|number| number, |_| 0);
        // SAFETY: _exit(2) takes no pointers and runs nothing of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waitpid(2) writes the one int.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    println!("{what} => {status:#x}");
}

/// What a program gets that may not bind privileged ports. Comes last: there is no way back.
fn unprivileged(scene: &Scene) -> Result<(), String> {
    // SAFETY: setresgid and setresuid take no pointers.
    let dropped = unsafe { libc::setresgid(65534, 65534, 65534) == 0 && libc::setresuid(65534, 65534, 65534) == 0 };
    if !dropped {
        drop_capabilities()?;
    }
    searches();
    for on in SERVED {
        scene.say(on, "bindresvport, unprivileged", calls::bind_reserved)?;
        for (name, via) in [("bind", Via::Name), ("bind/sys", Via::Syscall)] {
            for port in [0, 1, 80, 1023, 1024] {
                let six = matches!(on, On::Served(kind) if kind.ends_with('6'));
                let any = if six { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
                let given = address::encode(any, port);
                scene.say(on, &format!("{name} {port}, unprivileged"), |fd| calls::bind(fd, &given, via))?;
            }
        }
    }
    Ok(())
}

/// In a user namespace that knows one user alone, there is no other to become.
fn drop_capabilities() -> Result<(), String> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let none = [0u32; 6];
    // SAFETY: capset(2) reads a header of two words and two sets of three words.
    let answer = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    calls::answer(answer).map(drop).map_err(|n| format!("cannot drop privileges: {}", calls::errno_name(n)))
}
