//! Even and odd ports, which Linux hands out apart.

/// Ports of one parity, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parity {
    Any,
    Even,
    Odd,
}

impl Parity {
    pub(crate) const fn of(port: u16) -> Self {
        if port.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    pub(crate) const fn mask(self) -> u64 {
        match self {
            Self::Any => u64::MAX,
            Self::Even => 0x5555_5555_5555_5555,
            Self::Odd => 0xAAAA_AAAA_AAAA_AAAA,
        }
    }
}
