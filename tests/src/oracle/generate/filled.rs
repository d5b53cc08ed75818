//! Until no port is left: sockets that overlap in their address, by every way that takes a port,
//! and the ways that a port comes back.

use super::super::Case;
use super::draw::Draw;

/// A way to take a port: kinds of socket, and what they do.
struct Way {
    kinds: &'static [&'static str],
    how: &'static [&'static str],
}

const TCP4: [&str; 2] = ["tcp4", "mptcp4"];
const TCP6: [&str; 2] = ["tcp6", "mptcp6"];
const UDP4: [&str; 1] = ["udp4"];
const UDP6: [&str; 1] = ["udp6"];
const LITE: [&str; 1] = ["lite4"];

const STREAMS: [Way; 2] = [
    Way {
        kinds: &TCP4,
        how: &[
            "bind any4",
            "bind lo",
            "listen",
            "connect lo srv1",
            "sendto-fast lo srv1",
            "sendmsg-fast lo srv1",
            "connect-fast lo srv1",
            "noport lo srv1",
        ],
    },
    Way { kinds: &TCP6, how: &["bind any6", "listen", "connect m-lo srv1", "sendto-fast m-lo srv1"] },
];

const DATAGRAMS: [Way; 3] = [
    Way {
        kinds: &UDP4,
        how: &[
            "bind any4",
            "bind lo",
            "connect lo srv1",
            "connect lo srv2",
            "sendto lo srv1",
            "sendmsg lo srv2",
            "sendmmsg lo srv1",
            "send",
            "sendto",
            "sendmsg",
            "sendmmsg",
            "connect far4 srv1",
            "sendto far4 srv1",
            "sendto lo 0",
            "connect lo 0",
            "sendto-large lo srv1",
            "sendto all4 srv1",
        ],
    },
    Way {
        kinds: &UDP6,
        how: &["bind any6", "connect m-lo srv1", "sendto m-lo srv2", "sendmsg m-lo srv2", "send", "sendmmsg m-lo srv1"],
    },
    Way { kinds: &LITE, how: &["bind any4", "connect lo srv1", "sendto lo srv1", "sendmsg lo srv1", "send"] },
];

pub(super) fn script(draw: &mut Draw, case: &Case) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..2 + draw.below(3) {
        let ways: &[Way] = match draw.below(5) {
            0 | 1 => &STREAMS,
            2 | 3 => &DATAGRAMS[..2],
            _ => &DATAGRAMS[2..],
        };
        fill(draw, case, &mut lines, ways);
        if draw.one_in(3) {
            lines.push("drain".into());
        }
    }
    lines.push("drain".into());
    lines
}

fn fill(draw: &mut Draw, case: &Case, lines: &mut Vec<String>, ways: &[Way]) {
    let all = case.count();
    let one = |draw: &mut Draw| {
        let way = &ways[draw.below(ways.len())];
        let how = draw.pick(way.how);
        // An unsuccessful call ends a fill, and so does the first that leaves its socket bound all
        // the same.
        (draw.pick(way.kinds), how, ["far4", "all4", "large", " 0"].iter().any(|w| how.contains(w)))
    };
    for _ in 0..draw.below(3) {
        let (kind, how, fails) = one(draw);
        if !fails {
            lines.push(format!("fill {} {kind} {how}", 1 + draw.below(all)));
        }
    }
    let (kind, how) = loop {
        let (kind, how, fails) = one(draw);
        if !fails {
            break (kind, how);
        }
    };
    lines.push(format!("fill {} {kind} {how}", all + 2));
    for _ in 0..1 + draw.below(3) {
        let (kind, how, _) = one(draw);
        lines.push(format!("fill 2 {kind} {how}"));
    }
    if let Some((kind, back)) = release(draw, ways) {
        lines.push(format!("socket a {kind}"));
        lines.push("drain".into());
        lines.push(format!("{back} srv1"));
        lines.push(format!("fill {} {kind} bind {}", all + 2, if kind.ends_with('6') { "any6" } else { "any4" }));
        lines.push("close a".into());
        lines.push(format!("fill 2 {kind} bind {}", if kind.ends_with('6') { "any6" } else { "any4" }));
    }
}

/// A socket that takes one port and gives it back by being closed.
fn release(draw: &mut Draw, ways: &[Way]) -> Option<(&'static str, &'static str)> {
    if draw.one_in(2) {
        return None;
    }
    let way = &ways[draw.below(ways.len())];
    let kind = draw.pick(way.kinds);
    let peer = if kind.ends_with('6') { "connect a m-lo" } else { "connect a lo" };
    Some((kind, peer))
}
