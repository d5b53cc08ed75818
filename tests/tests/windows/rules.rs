//! Reserved and blocked ports, and the rules of single programs, are obeyed.

use super::ports::tcp_answer;
use portshim_tests::wine::{PRESETS, Talk, output, probe, probed, range, spec};
use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};

/// WSAEACCES, WSAEADDRINUSE and WSAENOBUFS.
const REFUSED: u32 = 10013;
const TAKEN: u32 = 10048;
const NO_PORTS: u32 = 10055;

/// A reserved port is never handed out, and may be had by its number.
pub(crate) fn reserved() {
    let range = range(6);
    let hole = (range.0 + 1, range.0 + 3);
    let by_number = format!("bind=127.0.0.1,{}", hole.0);
    let options = ["--preset", "windows-2003-sp1", "--range", &spec(range), "--reserve", &spec(hole)];
    for transport in ["tcp4", "udp4", "tcp6", "udp6"] {
        let host = if transport.ends_with('4') { "127.0.0.1" } else { "::1" };
        let fill = format!("fill=9,{transport},bind,{host},0");
        let said = probed(&options, &[&fill]);
        assert_eq!(said.errors(), [NO_PORTS], "{transport}: {said:?}");
        let given: BTreeSet<_> = said.ports().into_iter().collect();
        assert_eq!(given, BTreeSet::from([range.0, range.0 + 4, range.0 + 5]), "{transport}: {said:?}");
    }
    let said = probed(&options, &["tcp4", &by_number, "udp4", &by_number]);
    assert_eq!(said.ports(), [hole.0; 2], "{said:?}");
}

/// A blocked port is neither handed out nor had by its number; its neighbours are.
pub(crate) fn blocked() {
    let range = range(4);
    let hole = (range.0 + 1, range.0 + 2);
    let options = ["--range", &spec(range), "--block", &spec(hole)];
    for transport in ["tcp", "udp"] {
        for (family, host) in [("4", "127.0.0.1"), ("6", "::1"), ("4", "0.0.0.0"), ("6", "::")] {
            let bind = |port: u16| format!("bind={host},{port}");
            let socket = format!("{transport}{family}");
            let fill = format!("fill=4,{socket},bind,{host},0");
            let verbs = [&*socket, &bind(hole.0), &bind(hole.1), &bind(hole.0 - 1)].map(str::to_owned);
            let said = probed(&options, &[&verbs[0], &verbs[1], &verbs[2], &verbs[3], &fill]);
            assert_eq!(said.errors(), [REFUSED, REFUSED, NO_PORTS], "{socket}, {host}: {said:?}");
            assert_eq!(said.ports(), [range.0, range.1], "{socket}, {host}: {said:?}");
        }
    }
}

/// What a block is for: its scope alone.
pub(crate) fn blocked_for_one_scope() {
    let port = range(1).0;
    let bind = format!("bind=127.0.0.1,{port}");
    let said = probed(&["--block", &format!("{port}/udp")], &["tcp4", &bind, "udp4", &bind]);
    assert_eq!((said.ports(), said.errors()), (vec![port], vec![REFUSED]), "{said:?}");
}

/// What is taken on this side is gone round, and 10048 to whoever names it.
pub(crate) fn taken() {
    let range = range(4);
    let tcp = TcpListener::bind(("127.0.0.1", range.0)).expect("the range is this test's own");
    let udp = UdpSocket::bind(("127.0.0.1", range.0 + 1)).expect("the range is this test's own");
    let options = ["--range", &spec(range)];
    for (transport, taken) in [("tcp4", range.0), ("udp4", range.0 + 1)] {
        let bind = format!("bind=127.0.0.1,{taken}");
        let fill = format!("fill=5,{transport},bind,127.0.0.1,0");
        let said = probed(&options, &[transport, &bind, &fill]);
        assert_eq!(said.errors(), [TAKEN, NO_PORTS], "{transport}: {said:?}");
        assert!(said.ports().len() == 3 && !said.ports().contains(&taken), "{transport}: {said:?}");
    }
    drop((tcp, udp));
}

/// What Windows itself keeps back is gone round and told of, and is no exhaustion. Here the system
/// on this side keeps the ports below 1024 from programs.
pub(crate) fn kept_back() {
    const ENOUGH: [&str; 2] = ["fill=3,tcp4,bind,127.0.0.1,0", "fill=3,udp4,bind,127.0.0.1,0"];
    let report = std::env::temp_dir().join("portshim-kept-back.json");
    let to = format!("--report={}", portshim_tests::wine::theirs(&report));
    let options = ["--preset", "linux", "--range", "1020-1026", "--select", "sequential"];
    let said = probed(&[&options[..], &[&to]].concat(), &ENOUGH);
    assert_eq!(
        said.0,
        ["1024", "1025", "1026"].repeat(2).iter().map(|port| format!("bind port {port}")).collect::<Vec<_>>()
    );
    let text = std::fs::read_to_string(&report).expect("it was written");
    assert!(text.contains("\"1020-1023/4\"") && !text.contains("\"exhausted\": 1"), "{text}");
    std::fs::remove_file(report).expect("the file is ours");

    // Where there is nothing else, that is what the program and its user are told.
    let output = output(&mut probe(
        &["--preset", "linux", "--range", "1000-1002"],
        &["tcp4", "bind=127.0.0.1,0", "udp4", "sendto=127.0.0.1,9"],
    ));
    let complaint = String::from_utf8_lossy(&output.stderr);
    let said = portshim_tests::wine::Said::from(&output.stdout);
    assert_eq!(said.errors(), [REFUSED, REFUSED], "{said:?}");
    assert!(complaint.contains("kept back by Windows: 1000-1002/4"), "{complaint}");

    let mut running =
        Talk::with(probe(&[&options[..], &["-q"]].concat(), &["env=PORTSHIM_SESSION", ENOUGH[0], "wait"]));
    let session = running.line().trim_start_matches("env ").to_owned();
    for _ in 0..3 {
        running.port();
    }
    let status = portshim_tests::wine::Said::of(&mut portshim_tests::wine::portshim(["status", "--session", &session]));
    assert!(status.0.contains(&"kept back by the system: 1020-1023/tcp4".to_owned()), "{status:?}");
    running.say("");
    assert_eq!(running.end().0, Some(0));
}

/// A dual-stack socket needs its port in both families.
pub(crate) fn taken_for_one_family() {
    let range = range(2);
    let ipv4 = TcpListener::bind(("0.0.0.0", range.0)).expect("the range is this test's own");
    let options = ["--range", &spec(range), "--select", "sequential"];
    let verbs = ["tcp6", "option=v6only,0", "bind=::,0", "listen", "echo"];
    let mut server = Talk::with(probe(&options, &verbs));
    server.line();
    assert_eq!(server.port(), range.1);
    server.line();
    assert_eq!(tcp_answer("127.0.0.1", range.1), "hallo");
    assert_eq!(server.end().0, Some(0));
    drop(ipv4);
}

/// The first `[[process]]` whose pattern meets the program's name holds, for a child as for its
/// parent.
pub(crate) fn of_single_programs() {
    let (all, own) = (range(10), range(10));
    let file = std::env::temp_dir().join("portshim-processes.toml");
    let text =
        format!("dynamic.all = \"{}\"\n[[process]]\nmatch = \"PROBE*\"\ndynamic.all = \"{}\"\n", spec(all), spec(own));
    for (pattern, expected) in [("probe*", own), ("probe.exe", own), ("other*", all)] {
        std::fs::write(&file, text.replace("PROBE*", pattern)).expect("a file can be written");
        let child = format!("spawn={} udp4 bind=127.0.0.1,0", super::launched::probe_path());
        let policy = portshim_tests::wine::theirs(&file);
        let said = probed(&["-c", &policy], &["tcp4", "bind=127.0.0.1,0", &child]);
        assert_eq!(said.ports().len(), 2, "{said:?}");
        assert!(said.ports().iter().all(|port| (expected.0..=expected.1).contains(port)), "{pattern}: {said:?}");
    }
    std::fs::remove_file(file).expect("the file is ours");
}

/// The order of choice is the policy's.
pub(crate) fn in_order() {
    let range = range(4);
    let run =
        |order: &str| probed(&["--range", &spec(range), "--select", order], &["fill=4,tcp4,bind,127.0.0.1,0"]).ports();
    assert_eq!(run("sequential"), (range.0..=range.1).collect::<Vec<_>>());
    assert_eq!(run("descending"), (range.0..=range.1).rev().collect::<Vec<_>>());
    let seeded = |seed: &str| {
        let options = ["--preset", "windows-vista", "--select", "random", "--seed", seed];
        let _shared = PRESETS.read();
        probed(&options, &["fill=4,tcp6,bind,::1,0"]).ports()
    };
    assert_eq!(seeded("7"), seeded("7"), "one seed, one sequence");
    assert_ne!(seeded("7"), seeded("8"));
}
