//! One port, and no other bounds: with nothing to choose from, even the kernel leaves nothing to
//! chance.

use super::super::Case;
use super::draw::{Draw, Kind};

const SLOTS: usize = 5;
const KINDS: [&str; 12] =
    ["tcp4", "tcp4", "tcp4", "tcp6", "tcp6", "udp4", "udp4", "udp6", "lite4", "lite6", "mptcp4", "mptcp6"];
const SENDS: [&str; 11] = [
    "sendto",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendto-fast",
    "sendmsg-fast",
    "sendmmsg-fast",
    "sendmmsg-none",
    "sendto-empty",
    "sendto-large",
    "sendto",
];

struct Wild<'a> {
    draw: &'a mut Draw,
    pins: bool,
    /// A range with one end open. Where that leaves an odd number of ports, the kernel may leave
    /// out the only one that is not reserved.
    half: &'static str,
    /// Where ports are bound by number: whether TCP sockets of this script may set SO_REUSEADDR and
    /// the like, or connect. To do both, or to set it on a datagram socket, shows a difference that
    /// has an allowance, and directed scripts of its own.
    shares: bool,
    slots: [Option<Kind>; SLOTS],
    groups: usize,
    lines: Vec<String>,
}

pub(super) fn script(draw: &mut Draw, case: &Case) -> Vec<String> {
    let shares = draw.one_in(2);
    let half = if case.range.0 == case.range.1 { "range first-0" } else { "range first" };
    let mut wild = Wild { draw, pins: case.pins(), half, shares, slots: [None; SLOTS], groups: 0, lines: Vec::new() };
    let count = 6 + wild.draw.below(26);
    wild.open(0);
    while wild.lines.len() < count {
        wild.step();
    }
    wild.lines
}

impl Wild<'_> {
    fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    fn open(&mut self, slot: usize) {
        let name = self.draw.pick(&KINDS);
        self.groups += 1;
        self.slots[slot] = Some(Kind { name, group: self.groups });
        let call = self.draw.name("socket");
        self.say(format!("{call} {slot} {name}"));
    }

    fn address(&mut self, kind: Kind, local: bool) -> &'static str {
        // A wrong family must fail as it does on the bare kernel.
        let six = if self.draw.one_in(12) { !kind.six() } else { kind.six() };
        match (six, local) {
            (false, true) => self.draw.pick(&["any4", "any4", "lo", "lo2", "far4"]),
            (true, true) => self.draw.pick(&["any6", "any6", "lo6", "m-lo", "m-any", "far6"]),
            (false, false) => self.draw.pick(&["lo", "lo", "lo", "lo2", "any4", "far4"]),
            (true, false) => self.draw.pick(&["lo6", "lo6", "m-lo", "m-lo", "m-lo2", "any6", "far6", "m-far"]),
        }
    }

    fn local_port(&mut self) -> String {
        match self.draw.below(14) {
            0..7 => "0".into(),
            7 | 8 => "first".into(),
            9 => "outside".into(),
            10 => "reserved".into(),
            11 => "srv1".into(),
            _ => format!("@{}", self.draw.below(SLOTS)),
        }
    }

    fn peer_port(&mut self) -> String {
        match self.draw.below(10) {
            0..6 => format!("srv{}", 1 + self.draw.below(3)),
            6 => "refused".into(),
            7 => "0".into(),
            _ => format!("@{}", self.draw.below(SLOTS)),
        }
    }

    fn step(&mut self) {
        let slot = self.draw.below(SLOTS);
        let Some(kind) = self.slots[slot] else { return self.open(slot) };
        match self.draw.below(100) {
            0..8 => self.open(slot),
            8..20 => self.option(slot, kind),
            20..36 => {
                let (call, mut address, port) = (self.draw.name("bind"), self.address(kind, true), self.local_port());
                if self.pins && !self.shares && kind.stream() {
                    // Sockets on addresses that do not overlap have an allowance, too.
                    address = if address.contains('4') || address.starts_with("lo") && address != "lo6" {
                        "any4"
                    } else {
                        "any6"
                    };
                }
                self.say(format!("{call} {slot} {address} {port}"));
            }
            36..42 => {
                let call = self.draw.name("listen");
                self.say(format!("{call} {slot}"));
            }
            42..60 => self.connect(slot, kind),
            60..64 => {
                self.say(format!("unspec {slot}"));
                self.part(kind);
            }
            64..67 => self.accept(slot, kind),
            67..77 => self.send(slot, kind),
            77..80 => self.duplicate(slot, kind),
            80..86 => {
                let call = self.draw.name("close");
                self.say(format!("{call} {slot}"));
                self.slots[slot] = None;
            }
            86..90 => {
                let option = self.draw.pick(&["reuseaddr", "reuseport", "v6only", "noport", "range", "nonblock"]);
                self.say(format!("get {slot} {option}"));
            }
            90..93 => {
                let other = self.draw.below(SLOTS);
                self.say(format!("same {slot} {other}"));
            }
            93..98 => {
                let line = self.draw.pick(&["recv", "poll", "peer", "get-error", "shut-rd", "shut-wr"]);
                self.say(match line {
                    "get-error" => format!("get {slot} error"),
                    "shut-rd" => format!("shut {slot} rd"),
                    "shut-wr" => format!("shut {slot} wr"),
                    line => format!("{line} {slot}"),
                });
                if line == "shut-rd" {
                    self.part(kind); // what stops a listener takes its port away
                }
            }
            _ => self.privileged(slot),
        }
    }

    /// Where the port of a connection may have been bound by number, what follows the end of the
    /// connection has an allowance; what follows *that* could not be compared, so the socket is
    /// closed. And a second attempt on an MPTCP socket may never end, on the bare kernel too.
    fn part(&mut self, kind: Kind) {
        if !self.pins && !kind.name.starts_with("mptcp") {
            return;
        }
        for slot in 0..SLOTS {
            if self.slots[slot].is_some_and(|k| k.group == kind.group) {
                self.say(format!("close {slot}"));
                self.slots[slot] = None;
            }
        }
    }

    fn option(&mut self, slot: usize, kind: Kind) {
        let mut line = match self.draw.below(10) {
            0..4 => "reuseaddr 1",
            4 => "reuseaddr 0",
            5 => "reuseport 1",
            6 if !self.pins || self.shares => self.draw.pick(&["v6only 1", "v6only 0"]),
            6 | 7 => self.draw.pick(&["noport 1", "noport 1", "noport 0"]),
            8 => self.draw.pick(&["range first", "range 0-0", self.half, "range 15000-15010", "range 1-65535"]),
            _ => self.draw.pick(&["tfoconnect 1", "nonblock 1", "nonblock 0", "broadcast 1"]),
        };
        if self.pins && line.starts_with("reuse") && !(self.shares && kind.stream()) {
            line = "nonblock 1";
        }
        self.say(format!("set {slot} {line}"));
    }

    fn connect(&mut self, slot: usize, kind: Kind) {
        if self.pins && self.shares && kind.stream() {
            return;
        }
        let (call, address, port) = (self.draw.name("connect"), self.address(kind, false), self.peer_port());
        let may_fail = !port.starts_with("srv") || address.contains("far") || address.starts_with("any");
        self.say(format!("{call} {slot} {address} {port}"));
        if kind.stream() && may_fail {
            self.part(kind);
        } else if self.draw.one_in(4) {
            self.say(format!("connect {slot} {address} {port}"));
        }
    }

    fn accept(&mut self, slot: usize, kind: Kind) {
        let to = self.draw.below(SLOTS);
        if to == slot || !kind.stream() || self.slots[to].is_some() {
            return;
        }
        self.groups += 1;
        self.slots[to] = Some(Kind { group: self.groups, ..kind });
        let call = self.draw.pick(&["accept", "accept4"]);
        let call = self.draw.name(call);
        self.say(format!("{call} {slot} {to}"));
    }

    fn send(&mut self, slot: usize, kind: Kind) {
        if self.draw.one_in(3) {
            let form = self.draw.pick(&["send", "send", "sendto", "sendmsg", "sendmmsg", "write", "writev"]);
            let call = self.draw.name(form);
            return self.say(format!("{call} {slot}"));
        }
        let form = self.draw.pick(&SENDS);
        if kind.stream() && (form == "sendto-large" || self.pins && self.shares) {
            return;
        }
        let (call, address, port) = (self.draw.name(form), self.address(kind, false), self.peer_port());
        self.say(format!("{call} {slot} {address} {port}"));
        let sure = port.starts_with("srv") && !address.contains("far") && !address.starts_with("any");
        if kind.stream() && form.ends_with("-fast") && (!sure || kind.name.starts_with("mptcp")) {
            self.part(kind);
        }
    }

    fn duplicate(&mut self, slot: usize, kind: Kind) {
        let to = self.draw.below(SLOTS);
        if to == slot {
            return;
        }
        let call = if self.slots[to].is_some() { self.draw.pick(&["dup2", "dup3"]) } else { "dup" };
        self.slots[to] = Some(kind);
        self.say(format!("{call} {slot} {to}"));
    }

    fn privileged(&mut self, slot: usize) {
        match self.draw.below(4) {
            0 => self.say(format!("bindresvport {slot}")),
            which => {
                self.groups += 1;
                let six = which == 1;
                self.slots[slot] = Some(Kind { name: if six { "tcp6" } else { "tcp4" }, group: self.groups });
                let call = self.draw.pick(if six { &["rresvport_af"] } else { &["rresvport", "rresvport_af"] });
                self.say(if call == "rresvport" {
                    format!("rresvport {slot}")
                } else {
                    format!("rresvport_af {slot} {}", if six { 6 } else { 4 })
                });
            }
        }
    }
}
