//! Processes whose life is told from an unusual place.

use super::scripted::{Fixture, Scripted};
use portshim_tests::programs::private;
use std::process::Command;

const RANGE: [&str; 2] = ["--range", "20000-20003"];
const ALL: [u16; 4] = [20000, 20001, 20002, 20003];

/// proc(5) shows the first thread as a zombie from then on, and it is the process's own entry
/// there.
#[test]
fn a_process_whose_first_thread_has_ended_lives() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut owner, mut server) = (session.scripted(), session.scripted());
        owner.must(&[("reserve 20000 20001 udp", "0"), ("leave-leader", "0")]);
        owner.ends();
        assert_eq!(server.drain(), [20002, 20003]);
        owner.must(&[("block 20002 20002 udp", "20002"), ("unreserve 20000 20000 udp", "0")]);
        assert_eq!(server.drain(), [20000, 20001, 20003]);
        owner.signal(libc::SIGKILL);
        owner.reap();
        assert_eq!(server.drain(), ALL);
    });
}

/// A server that has confined itself to a folder without /proc.
#[test]
fn an_owner_in_a_folder_of_its_own_owns_what_it_enters() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut server, mut owner) = (session.scripted(), session.scripted());
        owner.must(&[(&format!("chroot {}", fixture.folder.display()), "0")]);
        owner.must(&[("reserve 20000 20001 udp", "0"), ("block 20002 20002 udp", "20002")]);
        assert_eq!(server.drain(), [20003]);
        let fd = owner.number("bind udp 127.0.0.1 20002");
        owner.must(&[(&format!("close {fd}"), "0"), ("fork", "0")]);
        owner.must(&[("bind udp 127.0.0.1 20002", "EACCES"), ("reserve 20003 20003 udp", "0")]);
        server.must(&[("drain", "EADDRINUSE")]);
        owner.must(&[("exit", "1")]);
        assert_eq!(server.drain(), [20003]);
        owner.signal(libc::SIGKILL);
        owner.reap();
        assert_eq!(server.drain(), ALL);
    });
}

/// In a PID namespace that has no /proc of its own, the numbers in /proc are those of other
/// processes.
#[test]
fn a_proc_of_another_namespace_says_nothing() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        // Outside, the number that the owner will have inside is a zombie's.
        let mut zombie = Command::new("true").spawn().expect("true(1) runs");
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child"]).arg(fixture.program()).envs(session.variables());
        let mut inside = Scripted::start(command);
        inside.must(&[(&format!("next-process {}", zombie.id()), "0"), ("fork", "0")]);
        inside.must(&[("reserve 20000 20001 udp", "0"), ("fork", "0")]);
        assert_eq!(inside.drain(), [20002, 20003]);
        zombie.wait().expect("it is our child");
    });
}

/// The first process of a PID namespace has the number 1, as its parent may have in its own.
#[test]
fn a_child_with_its_parents_number_is_another() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(fixture.program());
        command.envs(session.variables());
        let mut first = Scripted::start(command);
        first.must(&[("block 20002 20003 udp", "20003"), ("unshare-processes", "0")]);
        let fd = first.number("bind udp 127.0.0.1 20002");
        first.must(&[(&format!("close {fd}"), "0"), ("fork", "0")]);
        first.must(&[("bind udp 127.0.0.1 20002", "EACCES"), ("unblock 20002 udp", "ENOENT")]);
        first.must(&[("exit", "1"), ("unblock 20002 udp", "0")]);
    });
}
