//! One port serves a connection to each peer. Sockets that hold a port for themselves come first,
//! so that how many are left to share is no chance.

use super::super::Case;
use super::draw::Draw;

pub(super) fn script(draw: &mut Draw, case: &Case) -> Vec<String> {
    let all = case.count();
    let (four, six) = (["tcp4", "tcp4", "mptcp4"], ["tcp6", "tcp6", "mptcp6"]);
    let mut lines = Vec::new();
    if draw.one_in(2) {
        let kind = draw.pick(&four);
        let how = draw.pick(&["bind any4", "listen"]);
        lines.push(format!("fill {} {kind} {how}", draw.below(all)));
    }
    let peers = 2 + draw.below(3);
    for peer in 1..=peers {
        let (kind, how) = match draw.below(5) {
            0 => (draw.pick(&six), "connect m-lo"),
            1 => (draw.pick(&four), "sendto-fast lo"),
            2 => (draw.pick(&four), "noport lo"),
            _ => (draw.pick(&four), "connect lo"),
        };
        lines.push(format!("fill {} {kind} {how} srv{peer}", all + 2));
        if draw.one_in(2) {
            lines.push(format!("fill 2 {} connect lo srv{}", draw.pick(&four), 1 + draw.below(peer)));
        }
        if draw.one_in(3) {
            lines.push(format!("fill 2 {} {}", draw.pick(&four), draw.pick(&["bind any4", "listen"])));
        }
    }
    // A second address of the peer is another peer: every port serves it once more.
    if draw.one_in(2) {
        lines.push(format!("fill {} tcp4 connect lo2 srv1", all + 2));
    }
    lines.push("drain".into());
    lines.push(format!("fill {} {} bind any4", all + 2, draw.pick(&four)));
    lines.push("drain".into());
    lines
}
