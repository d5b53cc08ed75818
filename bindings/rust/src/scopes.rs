//! Scopes: transport and address family.

use std::ops::BitOr;

/// Some of the four scopes.
///
/// ```
/// use portshim_client::Scopes;
///
/// assert_eq!(Scopes::TCP4 | Scopes::TCP6, Scopes::TCP);
/// assert_eq!(Scopes::TCP | Scopes::UDP, Scopes::ALL);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// TCP over IPv4.
    pub const TCP4: Self = Self(1);
    /// TCP over IPv6.
    pub const TCP6: Self = Self(2);
    /// UDP over IPv4.
    pub const UDP4: Self = Self(4);
    /// UDP over IPv6.
    pub const UDP6: Self = Self(8);
    /// TCP.
    pub const TCP: Self = Self(3);
    /// UDP.
    pub const UDP: Self = Self(12);
    /// All of them.
    pub const ALL: Self = Self(15);

    pub(crate) fn bits(self) -> u32 {
        self.0.into()
    }
}

impl BitOr for Scopes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
