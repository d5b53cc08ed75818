//! More ports than sockets, so that every wildcard bind must succeed, wherever chance puts it. All
//! sockets of a script overlap in their address and connect to one peer, so that no two share a
//! port by chance.

use super::super::Case;
use super::draw::{Draw, Kind};

struct Family {
    kinds: [&'static str; 8],
    any: [&'static str; 2],
    near: [&'static str; 2],
}

/// Each row: for the sockets of the first, and of the second family, what they bind and whom they
/// reach.
const FAMILIES: [Family; 2] = [
    Family {
        kinds: ["tcp4", "tcp6", "udp4", "udp6", "tcp4", "mptcp4", "lite4", "mptcp6"],
        any: ["any4", "any6"],
        near: ["lo", "m-lo"],
    },
    Family {
        kinds: ["tcp6", "tcp6", "udp6", "udp6", "lite6", "tcp6", "mptcp6", "udp6"],
        any: ["any6", "any6"],
        near: ["lo6", "lo6"],
    },
];

pub(super) fn script(draw: &mut Draw, case: &Case) -> Vec<String> {
    let family = &FAMILIES[draw.below(2)];
    let slots = (case.count() - 1).min(7);
    let mut open: Vec<Option<Kind>> = vec![None; slots];
    let mut lines = Vec::new();
    let count = 8 + draw.below(24);
    while lines.len() < count {
        let slot = draw.below(slots);
        let Some(kind) = open[slot] else {
            let name = draw.pick(&family.kinds);
            open[slot] = Some(Kind { name, group: slot });
            lines.push(format!("{} {slot} {name}", draw.name("socket")));
            options(draw, &mut lines, slot, kind_of(name, slot), case);
            if draw.one_in(10) {
                // Free now; by the next wildcard bind, chance might have put another socket there.
                let any = family.any[usize::from(name.ends_with('6'))];
                lines.push(format!("set {slot} range free"));
                lines.push(format!("bind {slot} {any} 0"));
                lines.push(format!("set {slot} range 0-0"));
            }
            continue;
        };
        let six = usize::from(kind.six());
        let (any, near) = (family.any[six], family.near[six]);
        match draw.below(12) {
            0..3 => {
                let address = draw.pick(&[any, any, near]);
                let port = draw.pick(&["0", "0", "0", "0", "free", "free", "reserved", "outside", "srv1"]);
                lines.push(format!("{} {slot} {address} {port}", draw.name("bind")));
            }
            3 => lines.push(format!("{} {slot}", draw.name("listen"))),
            4..6 if kind.stream() => {
                lines.push(format!("{} {slot} {near} srv1", draw.name("connect")));
                if draw.one_in(4) {
                    lines.push(format!("connect {slot} {near} srv1"));
                }
            }
            6 if kind.stream() => {
                let form = draw.pick(&["sendto-fast", "sendmsg-fast", "send", "sendto", "sendmmsg-fast"]);
                let to = if form == "send" { String::new() } else { format!(" {near} srv1") };
                lines.push(format!("{form} {slot}{to}"));
                if kind.name.starts_with("mptcp") && form.ends_with("-fast") {
                    // On a listener of MPTCP it fails, and takes the port away.
                    lines.push(format!("close {slot}"));
                    open[slot] = None;
                }
            }
            4..7 => {
                let port = draw.pick(&["srv1", "srv2", "srv3", "refused", "0"]);
                let call = draw.pick(&["connect", "sendto", "sendmsg", "sendmmsg", "sendto-empty", "sendto-large"]);
                lines.push(format!("{} {slot} {near} {port}", draw.name(call)));
            }
            7 if kind.stream() => {
                let (address, port) =
                    if draw.one_in(3) { (if kind.six() { "far6" } else { "far4" }, "srv1") } else { (near, "refused") };
                lines.push(format!("{} {slot} {address} {port}", draw.name("connect")));
                if case.pins() || kind.name.starts_with("mptcp") {
                    lines.push(format!("close {slot}"));
                    open[slot] = None;
                }
            }
            7 => {
                let call = draw.pick(&["send", "sendto", "sendmsg", "sendmmsg"]);
                lines.push(format!("{} {slot}", draw.name(call)));
            }
            8 => {
                lines.push(format!("unspec {slot}"));
                if case.pins() || kind.name.starts_with("mptcp") {
                    lines.push(format!("close {slot}"));
                    open[slot] = None;
                }
            }
            9 => {
                let what = draw.pick(&["reuseaddr", "reuseport", "v6only", "noport", "range", "nonblock", "error"]);
                lines.push(format!("get {slot} {what}"));
            }
            10 => {
                lines.push(format!("{} {slot}", draw.name("close")));
                open[slot] = None;
            }
            _ => lines.push(format!("{} {slot}", draw.pick(&["recv", "poll", "peer"]))),
        }
    }
    lines
}

fn kind_of(name: &'static str, group: usize) -> Kind {
    Kind { name, group }
}

fn options(draw: &mut Draw, lines: &mut Vec<String>, slot: usize, kind: Kind, case: &Case) {
    // Datagram sockets with either flag share ports by chance.
    if kind.stream() && !case.pins() && draw.one_in(3) {
        lines.push(format!("set {slot} {} 1", draw.pick(&["reuseaddr", "reuseport"])));
    }
    match draw.below(8) {
        0 => lines.push(format!("set {slot} noport 1")),
        1 => lines.push(format!("set {slot} range {}", draw.pick(&["15000-15010", "1-65535", "0-0"]))),
        2 if kind.stream() => lines.push(format!("set {slot} tfoconnect 1")),
        3 => lines.push(format!("set {slot} nonblock 1")),
        _ => {}
    }
}
