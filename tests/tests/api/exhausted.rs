//! Programs that run out of ports because they asked for that.

use super::scripted::Fixture;
use portshim_tests::programs::private;

const RANGE: [&str; 2] = ["--range", "20000-20003"];
const ALL: [u16; 4] = [20000, 20001, 20002, 20003];

#[test]
fn a_process_and_its_children_are_out_of_ports_alone() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut one, mut other) = (session.scripted(), session.scripted());
        let handle = one.number("exhaust all 0 1");
        assert_eq!((one.drain(), other.drain()), (vec![], ALL.into()));
        assert!(one.ask("bind tcp 127.0.0.1 20001").ends_with(" 20001"), "a bind to a port by its number goes on");
        let none = "EADDRINUSE";
        // A child gets none, and cannot release what is its parent's. Executed anew, it gets none
        // either.
        one.must(&[("fork", "0"), ("drain", none), (&format!("release {handle}"), "ENOENT")]);
        one.must(&[("execute", "0"), ("drain", none), ("exit", "1")]);
        one.must(&[("execute", "0"), ("drain", none), (&format!("release {handle}"), "0")]);
        assert_eq!(one.drain(), ALL);
        one.must(&[(&format!("release {handle}"), "ENOENT"), ("release 0", "0")]);
    });
}

#[test]
fn the_whole_session_is_out_of_ports_until_the_process_ends() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut one, mut other) = (session.scripted(), session.scripted());
        one.number("exhaust udp 0 0");
        assert_eq!(other.drain(), []);
        assert!(other.number("bind tcp 127.0.0.1 0") > 0, "TCP has its ports");
        one.tell("exit");
        one.ends();
        assert_eq!(other.drain(), ALL);
    });
}

/// The ports that are left are ones that nobody uses.
#[test]
fn some_ports_are_left() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut one, mut stranger) = (session.scripted(), fixture.outsider());
        assert!(stranger.ask("bind udp 127.0.0.1 20000").ends_with(" 20000"));
        let first = one.number("exhaust udp4 2 1");
        assert_eq!(one.drain(), [20001, 20002]);
        // A second one goes on from there, and leaves with it what was before.
        let second = one.number("exhaust udp4 1 1");
        assert_eq!(one.drain(), [20001]);
        one.must(&[(&format!("release {first}"), "0")]);
        assert_eq!(one.drain(), [20001]);
        one.must(&[(&format!("release {second}"), "0")]);
        assert_eq!(one.drain(), ALL[1..]);
        let only = one.number("only 20002 30000 all 1");
        assert_eq!(one.drain(), [20002, 20003]);
        one.must(&[(&format!("release {only}"), "0")]);
    });
}

#[test]
fn what_is_restricted_for_a_process_is_so_for_itself() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut one, mut other) = (session.scripted(), session.scripted());
        let blocked = one.number("restrict 1 20001 20002 all");
        let reserved = one.number("restrict 0 20003 20003 all");
        one.must(&[("bind udp 127.0.0.1 20001", "EACCES"), ("unblock 20001 all", "ENOENT")]);
        assert_eq!((one.drain(), other.drain()), (vec![20000], ALL.into()));
        assert!(other.ask("bind udp 127.0.0.1 20001").ends_with(" 20001"));
        one.must(&[(&format!("release {blocked}"), "0"), (&format!("release {reserved}"), "0")]);
        assert_eq!(one.drain(), [20000, 20002, 20003]);
    });
}

#[test]
fn what_cannot_be_is_refused() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        session.scripted().must(&[
            ("exhaust 0 0 1", "EINVAL"),
            ("exhaust 16 0 1", "EINVAL"),
            ("exhaust all 129 1", "EINVAL"),
            ("exhaust all 0 2", "EINVAL"),
            ("only 20003 20000 all 1", "EINVAL"),
            ("only 30000 30001 all 1", "ERANGE"),
            ("restrict 2 20000 20000 all", "EINVAL"),
            ("release 77", "ENOENT"),
        ]);
        fixture.outsider().must(&[
            ("exhaust all 0 1", "ENOSYS"),
            ("only 1 2 all 1", "ENOSYS"),
            ("restrict 0 1 2 all", "ENOSYS"),
            ("release 0", "ENOSYS"),
        ]);
    });
}
