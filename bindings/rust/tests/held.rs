//! Guards under a policy, where `UNDER_PORTSHIM` says that the runner is `portshim run --range
//! 20000-20009`; and without portshim. One test, for guards hold for all threads of the process.

use portshim_client::{Error, Held, Scopes, Wanted, blocked, exhausted, loaded, only, reserved};
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;

fn any_port() -> Result<u16, ErrorKind> {
    TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).map(|at| at.port()).map_err(|e| e.kind())
}

fn held(wanted: Wanted) -> Held {
    wanted.hold().expect("the program runs under portshim")
}

const NONE: &str = "the policy hands out none of these ports; name some of its range, or run with another --range";

#[test]
fn guards_hold_until_they_are_dropped() {
    let under = std::env::var_os("UNDER_PORTSHIM").is_some();
    assert_eq!(loaded(), under);
    if !under {
        for wanted in [exhausted(), only([1..=2]), reserved(1..=2), blocked(1..=2).for_session()] {
            assert_eq!(wanted.clone().hold().expect_err("nothing is loaded"), Error::NotLoaded);
            assert!(!wanted.if_loaded().hold().expect("that is no error").holds());
        }
        return;
    }
    let full = Err(ErrorKind::AddrInUse);
    let guard = held(exhausted().of(Scopes::TCP));
    assert!(guard.holds());
    assert_eq!(any_port(), full);
    assert!(UdpSocket::bind("127.0.0.1:0").is_ok() && TcpListener::bind("127.0.0.1:20003").is_ok());
    let child = Command::new("python3").args(["-c", "import socket; socket.socket().bind(('', 0))"]).output();
    assert!(!child.expect("it runs").status.success(), "children have no port either");
    {
        let _blocked = held(blocked(8123..=8124));
        assert_eq!(
            TcpListener::bind("127.0.0.1:8123").map(drop).map_err(|e| e.kind()),
            Err(ErrorKind::PermissionDenied)
        );
    }
    assert!(TcpListener::bind("127.0.0.1:8123").is_ok());
    drop(guard);
    {
        let _only = held(only([20004..=20005, 20007..=20007]));
        let _reserved = held(reserved(20005..=20007));
        assert_eq!(any_port(), Ok(20004));
        let _left = held(exhausted().leave(1).for_session());
        let _one = TcpListener::bind("127.0.0.1:0").expect("one is left");
        assert_eq!(any_port(), full);
    }
    assert!(any_port().is_ok());
    let _bound = TcpListener::bind("127.0.0.1:8123").expect("it is free");
    for (wanted, error) in [
        (exhausted().leave(129), Error::Invalid),
        (only([]), Error::Invalid),
        (blocked(0..=1), Error::Invalid),
        (blocked(8120..=8123), Error::InUse),
        (only([30000..=30001]), Error::NotAllowed(NONE.into())),
    ] {
        assert_eq!(wanted.clone().if_loaded().hold().expect_err("that cannot be"), error, "{wanted:?}");
    }
}
