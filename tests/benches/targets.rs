//! What portshim aims for, row by row, and the best that has been measured of the technique by
//! itself.

use crate::stats::{Pair, Sense, Spread};
use portshim_tests::work::task::Kind;

/// Of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) sense: Sense,
    pub(crate) target: Option<f64>,
    pub(crate) limit: Option<f64>,
}

const fn cost(target: f64, limit: f64) -> Target {
    Target { sense: Sense::Cost, target: Some(target), limit: Some(limit) }
}

const fn gain(target: f64, limit: f64) -> Target {
    Target { sense: Sense::Gain, target: Some(target), limit: Some(limit) }
}

/// At most so many times what these pairs show, which take the least that the technique can.
pub(crate) fn over(times: f64, least: &[Pair]) -> Target {
    let limit = Spread::of(least.iter().map(|pair| Sense::Cost.ratio(pair))).median;
    cost(times * limit, limit)
}

/// A figure that is worth to know, and nobody's aim.
pub(crate) const fn only(sense: Sense) -> Target {
    Target { sense, target: None, limit: None }
}

pub(crate) const SEND: Target = cost(1.01, 1.0);
pub(crate) const RUN_TRUE: Target = cost(1.9, 1.25);
pub(crate) const RUN_OVER_ENV: Target = Target { sense: Sense::Cost, target: Some(1.0), limit: None };
/// A supervisor alone, of what the least one takes (docs/adr/0019-figures-of-the-engines.md).
pub(crate) const SUPERVISED: f64 = 1.05;
/// The supervisor below a library, beside the library alone.
pub(crate) const NET: Target = Target { sense: Sense::Cost, target: Some(1.05), limit: None };
/// A guest in a static program, of what its calls take under the filter, at one that gets a port.
pub(crate) const GUEST: f64 = 1.10;
/// The same, at a send on a socket that has a port.
pub(crate) const GUEST_SEND: f64 = 1.03;
/// The filter, on a system call that nobody is told of.
pub(crate) const FILTER: Target = Target { sense: Sense::Cost, target: Some(1.3), limit: None };
/// KiB, not a ratio.
pub(crate) const MEMORY: Target = Target { sense: Sense::Cost, target: Some(256.0), limit: None };

/// With nothing held.
pub(crate) const fn empty(kind: Kind) -> Target {
    match kind {
        Kind::TcpBind | Kind::UdpBind => cost(1.05, 1.0),
        Kind::TcpConnect => cost(1.06, 1.03),
    }
}

/// With 99 of 100 ports held by the session.
pub(crate) const fn nearly_full(kind: Kind) -> Target {
    match kind {
        Kind::TcpBind => gain(15.0, 25.0),
        Kind::UdpBind => gain(5.0, 11.0),
        Kind::TcpConnect => only(Sense::Gain),
    }
}

/// With half the ports held to one destination. What the kernel loses grows with the range: the aim
/// is for the range that Linux has.
pub(crate) const fn half_connected(wide: bool) -> Target {
    if wide { gain(30.0, 50.0) } else { only(Sense::Gain) }
}

/// All ports, one after the other. What the kernel loses grows with the square of the range: the
/// aim is for the range that Linux has.
pub(crate) const fn fill(kind: Kind, wide: bool) -> Target {
    match (kind, wide) {
        (Kind::TcpBind, true) => gain(500.0, 1000.0),
        (Kind::TcpBind, false) => Target { sense: Sense::Gain, target: None, limit: Some(144.0) },
        (Kind::UdpBind, true) => Target { sense: Sense::Gain, target: None, limit: Some(6.5) },
        (Kind::UdpBind, false) => Target { sense: Sense::Gain, target: None, limit: Some(5.5) },
        (Kind::TcpConnect, true) => Target { sense: Sense::Gain, target: None, limit: Some(20.0) },
        (Kind::TcpConnect, false) => Target { sense: Sense::Gain, target: None, limit: Some(3.6) },
    }
}
