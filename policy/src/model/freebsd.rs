//! FreeBSD's `net.inet.ip.portrange`: three ranges by their ends, which may stand either way round.

use super::order::Order;
use super::rresvport::{PrivilegedOrder, PrivilegedRange};
use crate::ports::PortRange;
use strum::{Display, IntoStaticStr};

/// One end of a range.
#[derive(Clone, Copy, Debug, Display, Eq, IntoStaticStr, PartialEq)]
#[strum(serialize_all = "lowercase")]
pub enum RangeEnd {
    /// `first` of the default range.
    First = 0,
    /// `last` of the default range.
    Last = 1,
    /// `hifirst`: IP_PORTRANGE_HIGH.
    HiFirst = 2,
    /// `hilast`.
    HiLast = 3,
    /// `lowfirst`: IP_PORTRANGE_LOW.
    LowFirst = 4,
    /// `lowlast`.
    LowLast = 5,
}

impl RangeEnd {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::First, Self::Last, Self::HiFirst, Self::HiLast, Self::LowFirst, Self::LowLast];

    /// The values that count as they are (in_pcb.c, RANGECHK). One outside counts as the nearest
    /// inside.
    #[must_use]
    pub const fn valid(self) -> PortRange {
        let range = match self {
            Self::LowFirst | Self::LowLast => PortRange::new(1, 1023),
            _ => PortRange::new(1024, u16::MAX),
        };
        match range {
            Ok(range) => range,
            Err(_) => PortRange::ALL,
        }
    }

    /// Value that `value` counts as.
    #[must_use]
    pub fn clamp(self, value: u64) -> u16 {
        let valid = self.valid();
        u16::try_from(value).unwrap_or(u16::MAX).clamp(valid.first(), valid.last())
    }
}

/// The settings, as they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRanges {
    ends: [u16; 6],
    /// Set if a search begins at random.
    pub randomized: bool,
}

impl PortRanges {
    /// FreeBSD as it comes (netinet/in.h: IPPORT_EPHEMERALFIRST, IPPORT_HIFIRSTAUTO,
    /// IPPORT_RESERVED, IPPORT_RESERVEDSTART).
    pub const FREEBSD: Self = Self { ends: [10000, 65535, 49152, 65535, 1023, 600], randomized: true };

    /// End of a range.
    #[must_use]
    pub const fn end(&self, end: RangeEnd) -> u16 {
        self.ends[end as usize]
    }

    /// Sets where a range ends, to what `value` counts as.
    pub fn set(&mut self, end: RangeEnd, value: u64) {
        self.ends[end as usize] = end.clamp(value);
    }

    /// Ports that wildcard binds get.
    #[must_use]
    pub fn default_range(&self) -> PortRange {
        self.between(RangeEnd::First, RangeEnd::Last)
    }

    /// For sockets with IP_PORTRANGE_HIGH.
    #[must_use]
    pub fn high(&self) -> PortRange {
        self.between(RangeEnd::HiFirst, RangeEnd::HiLast)
    }

    /// For sockets with IP_PORTRANGE_LOW.
    #[must_use]
    pub fn low(&self) -> PortRange {
        self.between(RangeEnd::LowFirst, RangeEnd::LowLast)
    }

    /// The order in which the default range is searched: where it begins at random, its ends are
    /// put in order first; otherwise a first port above the last means downwards.
    #[must_use]
    pub const fn order(&self) -> Order {
        match (self.randomized, self.end(RangeEnd::First) > self.end(RangeEnd::Last)) {
            (true, _) => Order::RandomStart,
            (false, true) => Order::Descending,
            (false, false) => Order::Sequential,
        }
    }

    /// Ports that rresvport and bindresvport hand out: the low range, from its first port to its
    /// last.
    #[must_use]
    pub fn privileged(&self) -> PrivilegedRange {
        let (low, down) = (self.low(), self.end(RangeEnd::LowFirst) > self.end(RangeEnd::LowLast));
        let order = if down { PrivilegedOrder::Down } else { PrivilegedOrder::Up };
        PrivilegedRange { high: low.last(), low: low.first(), order }
    }

    fn between(&self, first: RangeEnd, last: RangeEnd) -> PortRange {
        let (first, last) = (self.end(first), self.end(last));
        PortRange::new(first.min(last), first.max(last)).unwrap_or(PortRange::single(first))
    }
}
