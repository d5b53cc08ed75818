//! Bad descriptors and numbers: for what takes no address.

use std::ptr::null_mut;

use super::super::calls::{self, Answer, Via};
use super::scene::{On, SERVED, Scene, UNSERVED};

pub(super) fn run(scene: &Scene) -> Result<(), String> {
    for on in SERVED.into_iter().chain(UNSERVED) {
        for backlog in [0, 1, -1, i32::MAX, i32::MIN] {
            scene.say(on, &format!("listen {backlog}"), |fd| calls::listen(fd, backlog, Via::Name))?;
            scene.say(on, &format!("listen/sys {backlog}"), |fd| calls::listen(fd, backlog, Via::Syscall))?;
        }
        accepting(scene, on)?;
        duplicating(scene, on)?;
        if let On::Number(_) = on {
            for (name, via) in [("close", Via::Name), ("close/sys", Via::Syscall)] {
                scene.say(on, name, |fd| calls::close(fd, via))?;
            }
        }
    }
    opening()
}

fn accepting(scene: &Scene, on: On) -> Result<(), String> {
    for listening in [false, true] {
        for (name, pointer) in scene.memory.bad() {
            let listens = if listening { " of a listener" } else { "" };
            let prepared = |call: &dyn Fn(i32) -> Answer, fd: i32| {
                if listening {
                    let _ = calls::listen(fd, 1, Via::Name);
                }
                call(fd)
            };
            scene.say(on, &format!("accept {name}{listens}"), |fd| {
                // SAFETY: accept(2) gives EFAULT for a pointer that cannot be written; so does the
                // shim.
                let accept =
                    |fd: i32| calls::answer(i64::from(unsafe { libc::accept(fd, pointer.cast(), pointer.cast()) }));
                prepared(&accept, fd)
            })?;
            scene.say(on, &format!("accept4/sys {name}{listens}"), |fd| {
                // SAFETY: as for accept.
                let accept =
                    |fd: i32| calls::answer(unsafe { libc::syscall(libc::SYS_accept4, fd, pointer, pointer, 0) });
                prepared(&accept, fd)
            })?;
        }
    }
    for flags in [-1, 1, libc::SOCK_NONBLOCK, libc::SOCK_CLOEXEC] {
        scene.say(on, &format!("accept4 flags {flags:#x}"), |fd| {
            // SAFETY: accept4(2) allows null for both pointers.
            calls::answer(i64::from(unsafe { libc::accept4(fd, null_mut(), null_mut(), flags) }))
        })?;
    }
    Ok(())
}

fn duplicating(scene: &Scene, on: On) -> Result<(), String> {
    let close = |answer: Answer| {
        if let Ok(fd) = answer {
            let _ = calls::close(fd as i32, Via::Name);
        }
        answer.map(|_| 0)
    };
    scene.say(on, "dup", |fd| close(calls::dup(fd)))?;
    scene.say(on, "dup2 onto itself", |fd| calls::dup_to(fd, fd, false).map(|_| 0))?;
    scene.say(on, "dup3 onto itself", |fd| calls::dup_to(fd, fd, true).map(|_| 0))?;
    for to in [-1, i32::MAX, i32::MIN, 1 << 24] {
        scene.say(on, &format!("dup2 to {to}"), |fd| calls::dup_to(fd, to, false))?;
        scene.say(on, &format!("dup3 to {to}"), |fd| calls::dup_to(fd, to, true))?;
    }
    scene.say(on, "dup2 to 700", |fd| close(calls::dup_to(fd, 700, false)))?;
    scene.say(on, "dup3 to 700 with bad flags", |fd| {
        // SAFETY: dup3(2) takes no pointers; nothing is open as 700.
        close(calls::answer(i64::from(unsafe { libc::dup3(fd, 700, -1) })))
    })
}

/// socket(2) itself, and numbers that are no system call.
fn opening() -> Result<(), String> {
    let numbers = [-1, 0, 1, 2, 3, 10, 17, 99, i32::MAX];
    for family in numbers {
        for kind in [-1, 0, 1, 2, 3, 5, 6, 10, i32::MAX] {
            for protocol in [-1, 0, 6, 17, 136, 262, 999] {
                for (name, via) in [("socket", Via::Name), ("socket/sys", Via::Syscall)] {
                    let answer = calls::socket(family, kind, protocol, via);
                    if let Ok(fd) = answer {
                        let _ = calls::close(fd as i32, Via::Name);
                    }
                    let answer = answer.map_or_else(calls::errno_name, |_| "ok".into());
                    println!("{name} {family} {kind} {protocol} => {answer}");
                }
            }
        }
    }
    for number in [-1i64, 1 << 20, i64::MAX, i64::MIN] {
        // SAFETY: no system call has such a number.
        let answer = calls::answer(unsafe { libc::syscall(number, 1, 2, 3, 4, 5, 6) });
        println!("syscall {number} => {answer:?}");
    }
    Ok(())
}
