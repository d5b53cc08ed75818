//! Every error that `portshim.h` speaks of.

use super::scripted::{Fixture, Scripted};
use portshim_tests::programs::{private, until};
use std::process::Command;

const RANGE: [&str; 2] = ["--range", "20000-20009"];

/// Calls of every function that are in order.
const CALLS: [&str; 5] =
    ["reserve 20000 20001 all", "unreserve 20000 20001 all", "block 20004 20005 tcp", "unblock 20004 tcp", "rule 0 99"];

#[test]
fn without_the_library_there_are_no_such_functions() {
    private(|| {
        let mut scripted = Fixture::new().outsider();
        for call in CALLS.into_iter().chain(["version"]) {
            scripted.must(&[(call, "ENOSYS")]);
        }
    });
}

#[test]
fn switched_off_or_without_a_policy_nobody_is_there_to_ask() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut commands = [0; 3].map(|_| Command::new(fixture.program()));
        commands[0].envs(session.variables()).env("PORTSHIM_DISABLE", "1");
        commands[1].envs(session.variables().take(1));
        commands[2].envs(session.variables().take(1)).env("PORTSHIM_POLICY", "1:nonsense");
        for command in commands {
            let mut scripted = Scripted::start(command);
            for call in CALLS {
                scripted.must(&[(call, "ENOTCONN")]);
            }
            scripted.must(&[("version", "2")]);
        }
    });
}

#[test]
fn what_is_no_range_of_ports_in_any_scope_is_invalid() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let mut scripted = session.scripted();
        for verb in ["reserve", "unreserve", "block"] {
            for wrong in [
                "0 5 tcp",
                "0 0 tcp",
                "5 4 tcp",
                "1 65536 tcp",
                "65536 65537 tcp",
                "4294967295 5 tcp",
                "1 4294967295 tcp",
                "5 6 0",
                "5 6 16",
                "5 6 31",
                "5 6 256",
                "5 6 271",
                "5 6 4294967295",
            ] {
                scripted.must(&[(&format!("{verb} {wrong}"), "EINVAL")]);
            }
        }
        for wrong in ["unblock 0 tcp", "unblock 65536 tcp", "unblock 5 0", "unblock 5 16", "rule 2 99", "rule -1 99"] {
            scripted.must(&[(wrong, "EINVAL")]);
        }
        scripted.must(&[("reserve 1 65535 all", "0"), ("unreserve 1 65535 all", "0")]);
        scripted.must(&[("block 65535 65535 udp6", "65535"), ("unblock 65535 udp6", "0")]);
    });
}

/// Each row: a policy, what is asked for under it, and what is said. The Cable Guy, December 2005;
/// MSDN for what Vista keeps apart.
#[test]
fn each_model_has_its_own_rules() {
    private(|| {
        let fixture = Fixture::new();
        let xp: &[(&str, &str)] = &[
            ("reserve 1025 5000 tcp", "0"),
            ("reserve 49152 65535 tcp", "0"),
            ("reserve 1024 1024 tcp", "ERANGE"),
            ("reserve 5000 5001 tcp", "ERANGE"),
            ("reserve 49151 49152 tcp", "ERANGE"),
            ("block 5001 5010 tcp", "5010"),
            ("block 49151 49151 tcp", "49151"),
            ("block 5000 5001 tcp", "ERANGE"),
            ("block 1025 1025 tcp", "ERANGE"),
        ];
        let up_to_49151 = [("block 49152 49152 tcp", "ERANGE"), ("block 49151 49152 tcp", "ERANGE")];
        for (preset, more) in [
            ("windows-xp", &up_to_49151),
            ("windows-2003", &up_to_49151),
            ("windows-2003-sp1", &[("block 49152 65535 tcp", "65535"), ("reserve 49152 49152 tcp", "0")]),
        ] {
            let session = fixture.session(&["--preset", preset]);
            let mut scripted = session.scripted();
            scripted.must(xp);
            scripted.must(more);
        }
        let session = fixture.session(&["--preset", "windows-2003", "--max-user-port", "49151"]);
        session.scripted().must(&[
            ("reserve 40000 50000 tcp", "0"),
            ("block 49151 49151 tcp", "ERANGE"),
            (
                "rule 1 511",
                "92 with MaxUserPort 49151, windows-2003 can block no port at all (The Cable Guy, December 2005)",
            ),
        ]);
        for preset in ["host", "linux", "bsd", "freebsd", "iana"] {
            let session = fixture.session(&["--preset", preset]);
            let mut scripted = session.scripted();
            scripted.must(&[("reserve 1 65535 all", "0"), ("block 1 65535 all", "65535"), ("reserve 7 7 udp6", "0")]);
        }
        let session = fixture.session(&["--preset", "windows-vista"]);
        session.scripted().must(&[
            ("reserve 50000 50099 tcp", "0"),
            ("reserve 50099 50100 tcp", "EEXIST"),
            ("reserve 50050 50050 tcp4", "EEXIST"),
            ("block 50000 50000 tcp6", "EEXIST"),
            ("reserve 50000 50099 udp", "0"),
            ("reserve 50100 50101 tcp", "0"),
            ("block 100 200 all", "200"),
            ("reserve 200 201 udp4", "EEXIST"),
            ("unreserve 50050 50050 tcp", "0"),
            ("reserve 50050 50050 tcp", "0"),
        ]);
    });
}

#[test]
fn a_rule_is_told_as_far_as_there_is_room() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&["--preset", "windows-xp"]);
        let whole = "windows-xp blocks only ports above MaxUserPort (5000), up to 49151 (The Cable Guy, December 2005)";
        let told = |room: usize| format!("{} {}", whole.len(), &whole[..whole.len().min(room - 1)]);
        let mut scripted = session.scripted();
        scripted.must(&[("rule 1 0", &whole.len().to_string())]);
        for room in [1, 2, whole.len(), whole.len() + 1, 511] {
            assert_eq!(scripted.ask(&format!("rule 1 {room}")), told(room).trim_end(), "{room}");
        }
        let session = fixture.session(&RANGE);
        session
            .scripted()
            .must(&[("rule 0 99", "22 host reserves any port"), ("rule 1 99", "20 host blocks any port")]);
    });
}

#[test]
fn the_ledger_is_full_at_1024_entries() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut one, mut other) = (session.scripted(), session.scripted());
        for n in 0..1024 {
            let scripted = if n % 2 == 0 { &mut one } else { &mut other };
            scripted.must(&[(&format!("reserve {0} {0} tcp", 30000 + n), "0")]);
        }
        one.must(&[("reserve 5 5 tcp", "ENOSPC"), ("block 5 5 udp", "ENOSPC")]);
        other.must(&[("unreserve 31023 31023 tcp", "0"), ("reserve 5 5 tcp", "0"), ("reserve 6 6 tcp", "ENOSPC")]);
        drop(other);
        one.must(&[("reserve 6 6 tcp", "0")]);
    });
}

#[test]
fn what_is_not_there_or_anothers_cannot_be_lifted() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        let (mut owner, mut other) = (session.scripted(), session.scripted());
        let lift = ["unreserve 20000 20001 all", "unblock 20004 all"];
        for scripted in [&mut owner, &mut other] {
            lift.iter().for_each(|lift| scripted.must(&[(lift, "ENOENT")]));
        }
        owner.must(&[("reserve 20000 20003 tcp", "0"), ("block 20004 20007 tcp", "20007")]);
        lift.iter().for_each(|lift| other.must(&[(lift, "ENOENT")]));
        // Not by one port more, not by the handle, not as the other thing.
        for lift in ["unreserve 20000 20004 all", "unblock 20007 all", "unreserve 20004 20007 all", "unblock 20000 all"]
        {
            owner.must(&[(lift, "ENOENT")]);
        }
        lift.iter().for_each(|lift| owner.must(&[(lift, "0"), (lift, "ENOENT")]));
    });
}

#[test]
fn asking_takes_a_descriptor_and_sock_diag() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        session.scripted().must(&[
            ("descriptors-at-most 3", "0"),
            ("block 20004 20005 tcp", "EMFILE"),
            ("reserve 20000 20001 tcp", "0"), // nobody need be asked
        ]);
        let mut scripted = session.scripted();
        // The soft limit is raised for as long as it takes to ask.
        scripted.must(&[("descriptors 3", "0"), ("block 20004 20005 tcp", "20005"), ("descriptors 64", "0")]);
        scripted.must(&[
            ("without-netlink", "0"),
            ("block 20006 20007 tcp", "EOPNOTSUPP"),
            ("unblock 20006 tcp", "ENOENT"),
        ]);
        scripted.must(&[
            ("unblock 20004 tcp", "0"),
            ("reserve 20002 20003 all", "0"),
            ("unreserve 20002 20003 all", "0"),
        ]);
    });
}

/// Tells whether a process is stopped, as proc(5) has it.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
}

#[test]
fn a_writer_that_is_stopped_keeps_others_waiting_and_a_dead_one_does_not() {
    private(|| {
        let fixture = Fixture::new();
        let session = fixture.session(&RANGE);
        // Many sockets make an answer long, and with it a turn.
        let mut crowd = fixture.outsider();
        for _ in 0..600 {
            crowd.number("bind tcp 127.0.0.1 0");
        }
        let (mut writer, mut other) = (session.scripted(), session.scripted());
        writer.tell("scramble 1 20000");
        // Stopped until it is in the midst of its turn.
        loop {
            writer.signal(libc::SIGSTOP);
            until("it is stopped", || is_stopped(writer.pid()));
            match other.ask("reserve 20000 20001 all").as_str() {
                "EBUSY" => break,
                "0" => other.must(&[("unreserve 20000 20001 all", "0")]),
                answer => panic!("{answer}"),
            }
            writer.signal(libc::SIGCONT);
        }
        other.must(&[("reserve 20000 20001 all", "EBUSY")]);
        writer.signal(libc::SIGKILL);
        writer.reap();
        other.must(&[("reserve 20000 20001 all", "0"), ("block 1 20000 udp", "20000")]);
    });
}
