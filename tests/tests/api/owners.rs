//! Entries go with those who made them, however these end, and from one bind to the next.

use super::scripted::{Fixture, Scripted, Session};
use portshim_tests::programs::private;
use std::process::Command;
use std::time::Duration;

const RANGE: [&str; 2] = ["--range", "20000-20003"];
const ALL: [u16; 4] = [20000, 20001, 20002, 20003];

/// A server that has been running all along, so that whatever it gets is by its very next bind.
fn server(session: &Session<'_>) -> Scripted {
    let mut server = session.scripted();
    assert_eq!(server.drain(), ALL);
    server
}

#[test]
fn the_next_bind_obeys() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut server, mut owner) = (server(&session), session.scripted());
        owner.must(&[("reserve 20001 20002 udp", "0")]);
        assert_eq!(server.drain(), [20000, 20003]);
        assert_eq!(owner.drain(), [20000, 20003]);
        let fd = server.number("bind udp 127.0.0.1 20001"); // a specific bind succeeds
        server.must(&[(&format!("close {fd}"), "0")]);
        owner.must(&[("block 20000 20000 udp4", "20000")]);
        assert_eq!(server.drain(), [20003]);
        server.must(&[("bind udp 127.0.0.1 20000", "EACCES"), ("bind udp :: 20000", "EACCES")]);
        for elsewhere in ["bind tcp 127.0.0.1 20000", "bind udp ::1 20000", "bind udp :: 20000 only"] {
            let fd = server.number(elsewhere);
            server.must(&[(&format!("close {fd}"), "0")]);
        }
        // The owner binds there, and is the only one who may.
        let fd = owner.number("bind udp 127.0.0.1 20000");
        server.must(&[("bind udp 127.0.0.1 20000", "EACCES")]);
        owner.must(&[(&format!("close {fd}"), "0"), ("unblock 20000 udp4", "0"), ("unreserve 20002 20002 udp", "0")]);
        assert_eq!(server.drain(), ALL);
        server.number("bind udp 127.0.0.1 20000");
    });
}

#[test]
fn one_of_two_owners_leaves() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut server, mut one, mut other) = (server(&session), session.scripted(), session.scripted());
        for owner in [&mut one, &mut other] {
            owner.must(&[("reserve 20000 20002 all", "0")]);
        }
        one.must(&[("unreserve 20000 20002 all", "0"), ("unreserve 20000 20002 all", "ENOENT")]);
        assert_eq!(server.drain(), [20003]);
        one.must(&[("reserve 20000 20002 all", "0")]);
        drop(one);
        assert_eq!(server.drain(), [20003]);
        other.must(&[("reserve 20000 20002 all", "0"), ("unreserve 20001 20001 all", "0")]);
        assert_eq!(server.drain(), [20003]);
        drop(other);
        assert_eq!(server.drain(), ALL);
    });
}

#[test]
fn a_killed_owner_is_gone_even_while_nobody_has_waited_for_it() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut server = server(&session);
        for waited_for in [false, true] {
            let mut owner = session.scripted();
            owner.must(&[("reserve 20000 20001 udp", "0"), ("block 20002 20002 udp", "20002")]);
            assert_eq!(server.drain(), [20003]);
            server.must(&[("bind udp 127.0.0.1 20002", "EACCES")]);
            owner.signal(libc::SIGKILL);
            if waited_for {
                owner.reap();
            } else {
                owner.ends();
            }
            let fd = server.number("bind udp 127.0.0.1 20002");
            server.must(&[(&format!("close {fd}"), "0")]);
            assert_eq!(server.drain(), ALL);
        }
    });
}

#[test]
fn an_owner_that_executes_another_program_keeps_them() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut server, mut owner) = (server(&session), session.scripted());
        owner.must(&[("reserve 20000 20001 udp", "0"), ("block 20002 20002 udp", "20002"), ("execute", "0")]);
        owner.must(&[("version", "2")]);
        assert_eq!(server.drain(), [20003]);
        let fd = owner.number("bind udp 127.0.0.1 20002");
        owner.must(&[(&format!("close {fd}"), "0"), ("unreserve 20000 20000 udp", "0"), ("unblock 20002 udp", "0")]);
        assert_eq!(server.drain(), ALL);
    });
}

#[test]
fn a_process_that_gets_the_number_of_an_owner_does_not_get_its_entries() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut server, mut owner) = (server(&session), session.scripted());
        owner.must(&[("reserve 20000 20001 udp", "0"), ("block 20002 20002 udp", "20002")]);
        let number = owner.pid();
        owner.signal(libc::SIGKILL);
        owner.reap();
        std::thread::sleep(Duration::from_millis(20)); // when a process started is known to a hundredth
        std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).expect("the namespace is ours");
        let mut namesake = session.scripted();
        assert_eq!(namesake.pid(), number);
        assert_eq!(server.drain(), ALL);
        namesake.must(&[("unreserve 20000 20001 udp", "ENOENT"), ("unblock 20002 udp", "ENOENT")]);
        let fd = server.number("bind udp 127.0.0.1 20002");
        server.must(&[(&format!("close {fd}"), "0")]);
        // The namesake speaks for itself from now on.
        namesake.must(&[("reserve 20000 20002 udp", "0")]);
        assert_eq!(server.drain(), [20003]);
    });
}

/// The same without anybody having looked in between: the namesake itself asks first.
#[test]
fn a_namesake_may_not_bind_inside_the_block_of_the_dead() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut owner = session.scripted();
        owner.must(&[("reserve 20000 20001 udp", "0")]);
        let number = owner.pid();
        owner.signal(libc::SIGKILL);
        owner.reap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).expect("the namespace is ours");
        let mut namesake = session.scripted();
        assert_eq!(namesake.pid(), number);
        namesake.must(&[("unreserve 20000 20001 udp", "ENOENT")]);
        assert_eq!(namesake.drain(), ALL);
    });
}

#[test]
fn a_forked_child_owns_nothing() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut server, mut owner) = (server(&session), session.scripted());
        owner.must(&[("reserve 20000 20001 udp", "0"), ("block 20002 20002 udp", "20002"), ("fork", "0")]);
        owner.must(&[
            ("unreserve 20000 20001 udp", "ENOENT"),
            ("unblock 20002 udp", "ENOENT"),
            ("bind udp 127.0.0.1 20002", "EACCES"),
            ("reserve 20003 20003 udp", "0"),
        ]);
        assert!(server.ask("bind udp 127.0.0.1 0").starts_with("EADDRINUSE"));
        owner.must(&[("exit", "1")]);
        assert_eq!(server.drain(), [20003]);
        owner.must(&[("unreserve 20000 20001 udp", "0"), ("unblock 20002 udp", "0")]);
    });
}

/// With the variables of `portshim env` alone: what a process says counts for itself and those it
/// forks.
#[test]
fn without_a_session_entries_are_the_processs_and_its_forks() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let alone = || {
            let mut command = Command::new(fixture.program());
            command.envs(session.variables().take(2));
            Scripted::start(command)
        };
        let (mut owner, mut other) = (alone(), alone());
        owner.must(&[("reserve 20000 20001 udp", "0"), ("block 20002 20002 udp", "20002")]);
        assert_eq!((owner.drain(), other.drain()), (vec![20003], ALL.to_vec()));
        owner.must(&[("fork", "0"), ("bind udp 127.0.0.1 20002", "EACCES"), ("unblock 20002 udp", "ENOENT")]);
        assert_eq!(owner.drain(), [20003]);
        owner.must(&[("reserve 20003 20003 udp", "0")]);
        assert_eq!(owner.ask("drain"), "EADDRINUSE");
        owner.must(&[("exit", "1")]);
        assert_eq!(owner.drain(), [20003]);
        owner.must(&[("unblock 20002 udp", "0")]);
        assert_eq!(owner.drain(), [20002, 20003]);
        // Another program has a memory of its own.
        owner.must(&[("execute", "0"), ("unreserve 20000 20001 udp", "ENOENT")]);
        assert_eq!(owner.drain(), ALL);
    });
}
