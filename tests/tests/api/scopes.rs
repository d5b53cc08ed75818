//! Which scopes an entry speaks of, and which of them a request must name to lift it.

use super::scripted::Fixture;
use portshim_tests::programs::private;

const RANGE: [&str; 2] = ["--range", "20000-20003"];

/// Sockets that ask for one port by number, and the scopes in which they take it.
const SOCKETS: [(&str, &[&str]); 8] = [
    ("bind tcp 127.0.0.1 8005", &["tcp4"]),
    ("bind tcp ::1 8005", &["tcp6"]),
    ("bind tcp :: 8005", &["tcp4", "tcp6"]),
    ("bind tcp ::ffff:127.0.0.1 8005", &["tcp4"]),
    ("bind mptcp 127.0.0.1 8005", &["tcp4"]),
    ("bind udp 127.0.0.1 8005", &["udp4"]),
    ("bind udp :: 8005 only", &["udp6"]),
    ("bind udplite :: 8005", &["udp4", "udp6"]),
];

#[test]
fn a_block_speaks_of_its_scopes_alone() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut owner, mut other) = (session.scripted(), session.scripted());
        for (scopes, each) in [
            ("tcp4", &["tcp4"][..]),
            ("tcp6", &["tcp6"]),
            ("udp4", &["udp4"]),
            ("udp6", &["udp6"]),
            ("tcp", &["tcp4", "tcp6"]),
            ("udp", &["udp4", "udp6"]),
            ("5", &["tcp4", "udp4"]),
            ("all", &["tcp4", "tcp6", "udp4", "udp6"]),
        ] {
            owner.must(&[(&format!("block 8000 8010 {scopes}"), "8010")]);
            for (socket, takes) in SOCKETS {
                let answer = other.ask(socket);
                if takes.iter().any(|scope| each.contains(scope)) {
                    assert_eq!(answer, "EACCES", "{scopes}: {socket}");
                } else {
                    let fd = answer.strip_suffix(" 8005").unwrap_or_else(|| panic!("{scopes}: {socket}: {answer}"));
                    other.must(&[(&format!("close {fd}"), "0")]);
                }
            }
            owner.must(&[(&format!("unblock 8000 {scopes}"), "0")]);
        }
    });
}

/// Each row: what is entered, asked to be lifted, and whether that does it.
#[test]
fn an_entry_is_lifted_whole_by_any_of_its_scopes() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut owner = session.scripted();
        for (entered, asked, lifted) in [
            ("all", "all", true),
            ("all", "tcp4", true),
            ("tcp", "tcp6", true),
            ("tcp", "tcp", true),
            ("tcp4", "all", true),
            ("udp6", "all", true),
            ("tcp4", "tcp", false),
            ("tcp4", "tcp6", false),
            ("tcp", "udp", false),
            ("tcp", "5", false),
        ] {
            let answer = if lifted { "0" } else { "ENOENT" };
            owner.must(&[
                (&format!("reserve 20000 20003 {entered}"), "0"),
                (&format!("block 8000 8010 {entered}"), "8010"),
                (&format!("unreserve 20001 20002 {asked}"), answer),
                (&format!("unblock 8000 {asked}"), answer),
            ]);
            let answer = if lifted { "ENOENT" } else { "0" };
            owner.must(&[("unreserve 20000 20003 all", answer), ("unblock 8000 all", answer)]);
        }
    });
}

#[test]
fn the_first_that_holds_all_of_the_ports_goes() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut owner = session.scripted();
        owner.must(&[
            ("reserve 20000 20001 udp", "0"),
            ("reserve 20000 20003 udp", "0"),
            ("reserve 20001 20002 udp", "0"),
            ("unreserve 20000 20003 udp", "0"), // the second
            ("unreserve 20001 20001 udp", "0"), // the first
        ]);
        assert_eq!(owner.drain(), [20000, 20003]);
        owner.must(&[
            ("block 20000 20000 tcp", "20000"),
            ("block 20000 20001 tcp", "20001"),
            ("unblock 20000 tcp", "0"),
        ]);
        // The older of both went, and so the younger still blocks.
        let mut other = session.scripted();
        other.must(&[("bind tcp 127.0.0.1 20001", "EACCES")]);
    });
}
