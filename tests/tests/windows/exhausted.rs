//! Where the policy has no port left, a call fails with Winsock's 10055, after exactly as many as
//! there are.

use portshim_tests::programs::Peer;
use portshim_tests::wine::{PRESETS, Said, Talk, probe, probed, range, spec};
use std::collections::BTreeSet;

/// WSAENOBUFS.
const NO_PORTS: u32 = 10055;

/// Demands that a program got each of these ports once, and then was told that there is none.
#[track_caller]
fn all_and_no_more(said: &Said, range: (u16, u16), what: &str) {
    let ports = said.ports();
    assert_eq!(ports.iter().copied().collect::<BTreeSet<_>>(), (range.0..=range.1).collect(), "{what}: {said:?}");
    assert_eq!(ports.len(), usize::from(range.1 - range.0) + 1, "{what}: one was given twice: {said:?}");
    assert_eq!(said.errors(), [NO_PORTS], "{what}: {said:?}");
}

pub(crate) fn every_call() {
    let (http, udp) = (Peer::http(0), Peer::echo(0));
    for family in ["4", "6"] {
        let host = if family == "4" { "127.0.0.1" } else { "::1" };
        let tcp_calls = [("bind", 0), ("connect", http.port), ("wsaconnect", http.port)];
        let udp_calls = ["sendto", "wsasendto", "wsasendmsg", "connect", "wsaconnect"].map(|call| (call, udp.port));
        let calls = tcp_calls.map(|call| ("tcp", call)).into_iter();
        for (transport, (call, port)) in calls.chain(udp_calls.map(|call| ("udp", call))).chain([("udp", ("bind", 0))])
        {
            let range = range(5);
            let fill = format!("fill=9,{transport}{family},{call},{host},{port}");
            let said = probed(&["--preset", "windows-2003-sp1", "--range", &spec(range)], &[&fill]);
            all_and_no_more(&said, range, &fill);
        }
    }
}

/// The same by name, for which the probe has no `fill`.
pub(crate) fn by_name() {
    let peer = Peer::http(0);
    let range = range(1);
    for call in ["byname", "bynamew"] {
        let call = format!("{call}=localhost,{}", peer.port);
        let bind = format!("bind=0.0.0.0,{}", range.0);
        let said = probed(&["--preset", "windows-2003-sp1", "--range", &spec(range)], &["tcp4", &bind, "tcp4", &call]);
        assert_eq!(said.errors(), [NO_PORTS], "{call}: {said:?}");
    }
}

/// A port is one socket's, whatever its address: Winsock would let one for every address and one
/// for a single address have the same number, but only to those who name it.
pub(crate) fn whatever_the_address() {
    let range = range(2);
    let options = ["--preset", "windows-2003-sp1", "--range", &spec(range)];
    for (transport, specific, all) in
        [("tcp4", "127.0.0.1", "0.0.0.0"), ("udp4", "127.0.0.1", "0.0.0.0"), ("tcp6", "::1", "::")]
    {
        let (specific, all) = (format!("bind={specific},0"), format!("bind={all},0"));
        for verbs in [[&specific, &all, &specific, &all], [&all, &specific, &all, &specific]] {
            let said = probed(&options, &verbs.map(|bind| [transport, bind]).concat());
            assert_eq!(said.ports().into_iter().collect::<BTreeSet<_>>(), (range.0..=range.1).collect(), "{said:?}");
            assert_eq!(said.errors(), [NO_PORTS; 2], "{transport}: {said:?}");
        }
    }
    // One for both families meets whoever has the port in either.
    for (transport, family) in [("tcp4", "127.0.0.1"), ("udp4", "0.0.0.0"), ("tcp6", "::1"), ("udp6", "::")] {
        let first = format!("bind={family},0");
        let both = [&transport.replace('4', "6"), "option=v6only,0", "bind=::,0"];
        let said = probed(&options, &[&[transport, &*first], &both[..], &both].concat());
        assert_eq!((said.ports().len(), said.errors()), (2, vec![NO_PORTS]), "{transport}: {said:?}");
        assert_ne!(said.ports()[0], said.ports()[1], "{transport}: {said:?}");
    }
}

/// A port that a program has for itself alone is taken, and not kept back by the system, which has
/// the same error for both.
pub(crate) fn for_one_alone() {
    let (range, port) = (range(2), range(1));
    let options = ["--preset", "windows-2003-sp1", "--range", &spec(range)];
    let bind = "bind=0.0.0.0,0";
    let server = ["tcp4", "option=exclusive,1", bind, "listen"];
    let said = probed(&options, &[&server[..], &server, &["tcp4", bind, "tcp4", "bind=127.0.0.1,0"]].concat());
    assert_eq!((said.ports().len(), said.errors()), (4, vec![NO_PORTS; 2]), "{said:?}");
    let own = ["udp4", "option=exclusive,1", bind];
    let said = probed(&options, &[&own[..], &own, &["udp4", bind, "udp4", "bind=127.0.0.1,0"]].concat());
    assert_eq!((said.ports().len(), said.errors()), (2, vec![NO_PORTS; 2]), "{said:?}");

    // The system lists no socket that is only bound. That one seems to be kept back, until it is
    // asked for anew.
    let child = format!("spawn={} tcp4 bind=127.0.0.1,0", super::launched::probe_path());
    let verbs = ["tcp4", "option=exclusive,1", bind, &child, "close", &child];
    let said = probed(&["--range", &spec(port)], &verbs);
    assert_eq!((said.ports(), said.errors().len()), (vec![port.0; 2], 1), "{said:?}");
}

/// Every port that a preset has.
pub(crate) fn a_whole_preset() {
    let _alone = PRESETS.write();
    for (preset, socket) in [("windows-xp", "tcp4"), ("windows-2003-sp1", "udp4")] {
        let fill = format!("fill=4000,{socket},bind,127.0.0.1,0");
        let said = probed(&["--preset", preset], &[&fill]);
        assert_eq!(said.ports().len(), 3976, "{preset}");
        all_and_no_more(&said, (1025, 5000), preset);
    }
}

/// A socket that is closed gives its port back.
pub(crate) fn closed() {
    let range = range(1);
    let verbs = ["udp4", "bind=127.0.0.1,0", "udp4", "bind=127.0.0.1,0", "close"];
    let again = ["tcp4", "bind=127.0.0.1,0", "close", "tcp4", "bind=127.0.0.1,0"];
    let said = probed(&["--range", &spec(range)], &[&verbs[..], &again[..]].concat());
    assert_eq!(said.errors(), [NO_PORTS], "{said:?}");
    assert_eq!(said.ports(), [range.0; 3], "{said:?}");
}

/// A connection that is closed keeps its port through TIME_WAIT, in which nobody gets it.
pub(crate) fn held_through_time_wait() {
    let (range, peer) = (range(2), Peer::http(0));
    let connect = format!("connect=127.0.0.1,{}", peer.port);
    let once = ["tcp4", &connect, "close"];
    let child = format!("spawn={} tcp4 {connect}", super::launched::probe_path());
    let verbs = [&once[..], &once, &once, &["tcp4", "bind=127.0.0.1,0", &child]].concat();
    let said = probed(&["--preset", "windows-xp", "--range", &spec(range)], &verbs);
    assert_eq!(said.ports(), [range.0, range.1], "{said:?}");
    assert_eq!(said.errors(), [NO_PORTS; 3], "{said:?}");
}

/// Several processes of one session share its ports.
pub(crate) fn shared_by_processes() {
    let range = range(5);
    let child = format!("spawn={} fill=9,tcp4,bind,127.0.0.1,0", super::launched::probe_path());
    let said =
        probed(&["--range", &spec(range)], &["fill=3,tcp4,bind,127.0.0.1,0", &child, "tcp4", "bind=127.0.0.1,0"]);
    // Three, then the child's two, and then one that the child has given back.
    assert_eq!(said.errors(), [NO_PORTS], "{said:?}");
    assert_eq!(said.ports().len(), 6, "{said:?}");
    assert_eq!(said.ports().iter().copied().collect::<BTreeSet<_>>(), (range.0..=range.1).collect(), "{said:?}");
}

/// Threads that want ports at once get each one once.
pub(crate) fn raced_for() {
    let range = range(40);
    let race = ["race=8,5,tcp4,bind,127.0.0.1,0", "fill=1,tcp4,bind,127.0.0.1,0"];
    all_and_no_more(&probed(&["--range", &spec(range)], &race), range, "threads that bind");
    let peer = Peer::echo(0);
    let race = format!("race=8,5,udp4,sendto,127.0.0.1,{}", peer.port);
    let fill = format!("fill=1,udp4,sendto,127.0.0.1,{}", peer.port);
    all_and_no_more(&probed(&["--range", &spec(range)], &[&race, &fill]), range, "threads that send");
    assert_eq!(peer.awaited(40), (range.0..=range.1).collect());
}

/// Programs of different sessions meet each other's sockets, and go round them.
pub(crate) fn taken_by_another_session() {
    let range = range(3);
    let options = ["--range", &spec(range)];
    let mut first = Talk::with(probe(&options, &["tcp4", "bind=127.0.0.1,0", "wait"]));
    let port = first.port();
    let said = probed(&options, &["fill=3,tcp4,bind,127.0.0.1,0"]);
    assert_eq!(said.errors(), [NO_PORTS], "{said:?}");
    assert!(said.ports().len() == 2 && !said.ports().contains(&port), "{said:?}");
    assert_eq!(first.end().0, Some(0));
}
