//! The orders in which rresvport(3) and bindresvport(3) try privileged ports.

use core::ops::RangeInclusive;
use strum::{Display, EnumString, FromRepr, IntoStaticStr};

/// The lowest port that libc's rresvport tries.
pub const LOWEST: u16 = 512;
/// The highest privileged port (RFC 6335 §6: system ports end here).
pub const HIGHEST: u16 = 1023;
/// The port from which libc's bindresvport counts upwards.
pub const BINDRESVPORT_FIRST: u16 = 600;

/// In which order privileged ports are tried.
#[derive(Clone, Copy, Debug, Default, Display, EnumString, Eq, FromRepr, IntoStaticStr, PartialEq)]
#[strum(serialize_all = "kebab-case")]
#[repr(u32)]
pub enum PrivilegedOrder {
    /// As glibc 2.36 was seen to do: rresvport counts down from where its caller says; bindresvport
    /// counts up from 600 and the process number, wraps to 600, and tries what lies below only
    /// then.
    #[default]
    Libc = 0,
    /// Both count down: FreeBSD's low range, 1023 to 600.
    Down = 1,
    /// Both count up: FreeBSD's low range where `lowfirst` is below `lowlast`.
    Up = 2,
}

/// The ports that rresvport and bindresvport hand out, and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivilegedRange {
    /// The highest port.
    pub high: u16,
    /// The lowest port, at most `high`.
    pub low: u16,
    /// The order.
    pub order: PrivilegedOrder,
}

impl PrivilegedRange {
    /// Ports and order of glibc 2.36.
    pub const LIBC: Self = Self { high: HIGHEST, low: LOWEST, order: PrivilegedOrder::Libc };

    /// The ports rresvport tries for a start value of `from`, each once, wrapping. A start below
    /// the lowest counts as the lowest, one above the highest as the highest; in FreeBSD's order it
    /// means nothing, as in FreeBSD's libc.
    pub fn rresvport(self, from: i32) -> impl Iterator<Item = u16> {
        let start = self.start(from);
        sweeps(match self.order {
            PrivilegedOrder::Libc => {
                let above = if start < self.high { down(start + 1..=self.high) } else { None };
                [down(self.low..=start), above, None]
            }
            PrivilegedOrder::Down | PrivilegedOrder::Up => [self.once(), None, None],
        })
    }

    /// The first port that rresvport tries for a start value of `from`.
    #[must_use]
    pub fn start(self, from: i32) -> u16 {
        match self.order {
            PrivilegedOrder::Libc => from.clamp(i32::from(self.low), i32::from(self.high)) as u16,
            PrivilegedOrder::Down => self.high,
            PrivilegedOrder::Up => self.low,
        }
    }

    /// The ports bindresvport tries, each once. In libc's order they start `offset` ports (glibc:
    /// the process number) above [`PrivilegedRange::base`], go upwards to the highest, wrap to the
    /// base, and only then go on with those below it; otherwise `offset` means nothing.
    pub fn bindresvport(self, offset: u32) -> impl Iterator<Item = u16> {
        sweeps(match self.order {
            PrivilegedOrder::Libc => {
                let base = self.base();
                let span = u32::from(self.high - base) + 1;
                let start = base + (offset % span) as u16;
                let below = |from: u16, to: u16| if from < to { up(from..=to - 1) } else { None };
                [up(start..=self.high), below(base, start), below(self.low, base)]
            }
            PrivilegedOrder::Down | PrivilegedOrder::Up => [self.once(), None, None],
        })
    }

    /// Every port, from one end to the other.
    fn once(self) -> Option<Sweep> {
        let whole = self.low..=self.high;
        if self.order == PrivilegedOrder::Up { up(whole) } else { down(whole) }
    }

    /// The port above which libc's bindresvport begins.
    #[must_use]
    pub fn base(self) -> u16 {
        BINDRESVPORT_FIRST.clamp(self.low, self.high)
    }
}

/// Ports one after the other.
#[derive(Clone, Copy)]
struct Sweep {
    low: u16,
    high: u16,
    down: bool,
}

fn up(ports: RangeInclusive<u16>) -> Option<Sweep> {
    (!ports.is_empty()).then(|| Sweep { low: *ports.start(), high: *ports.end(), down: false })
}

fn down(ports: RangeInclusive<u16>) -> Option<Sweep> {
    up(ports).map(|sweep| Sweep { down: true, ..sweep })
}

fn sweeps(parts: [Option<Sweep>; 3]) -> impl Iterator<Item = u16> {
    parts
        .into_iter()
        .flatten()
        .flat_map(|Sweep { low, high, down }| (0..=high - low).map(move |n| if down { high - n } else { low + n }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: glibc 2.36 as observed, Stevens (UNP 2.9: 1023 down to 513), FreeBSD ip(4).
    const RANGES: [PrivilegedRange; 3] = [
        PrivilegedRange::LIBC,
        PrivilegedRange { low: 513, ..PrivilegedRange::LIBC },
        PrivilegedRange { low: 600, high: 1023, order: PrivilegedOrder::Down },
    ];

    #[test]
    fn rresvport_counts_down_and_tries_each_port_once() {
        for range in [RANGES[0], RANGES[1]] {
            for from in [-1, 0, 512, 513, 700, 1023, 1024, 70000] {
                let mut ports: Vec<u16> = range.rresvport(from).collect();
                assert_eq!(i32::from(ports[0]), from.clamp(range.low.into(), 1023));
                assert_eq!(ports[0], range.start(from));
                assert!(ports.windows(2).all(|p| p[1] == p[0] - 1 || (p[0], p[1]) == (range.low, 1023)));
                ports.sort_unstable();
                assert!(ports.iter().copied().eq(range.low..=1023));
            }
        }
    }

    #[test]
    fn bindresvport_counts_up_and_keeps_512_to_599_for_the_end() {
        let ports: Vec<u16> = PrivilegedRange::LIBC.bindresvport(424 + 400).collect();
        assert_eq!(ports[0], 1000);
        assert_eq!(ports[23], 1023);
        assert_eq!(ports[24], 600);
        assert_eq!(ports.len(), 512);
        assert_eq!(ports[424], 512);
        let ports: Vec<u16> = RANGES[1].bindresvport(0).collect();
        assert_eq!((ports[0], ports[423], ports[424], ports.len()), (600, 1023, 513, 511));
    }

    #[test]
    fn freebsds_low_range_is_one_order_for_both() {
        let (range, same) = (RANGES[2], |ports: Vec<u16>| ports.into_iter().eq((600..=1023).rev()));
        assert!(same(range.rresvport(700).collect()) && same(range.bindresvport(77).collect()));
        let up = PrivilegedRange { order: PrivilegedOrder::Up, ..range };
        assert!(up.rresvport(1023).eq(600..=1023) && up.bindresvport(77).eq(600..=1023));
        assert_eq!(up.start(1023), 600);
    }

    #[test]
    fn one_port_is_one_port() {
        for order in [PrivilegedOrder::Libc, PrivilegedOrder::Down, PrivilegedOrder::Up] {
            for port in [1, 600, 1023, u16::MAX] {
                let range = PrivilegedRange { high: port, low: port, order };
                assert!(range.rresvport(800).eq([port]) && range.bindresvport(9).eq([port]), "{order:?} {port}");
            }
        }
    }
}
