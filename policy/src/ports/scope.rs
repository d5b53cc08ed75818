//! Scopes: transport × address family. TCP and UDP ports are separate spaces, and each system
//! lets IPv4 and IPv6 be configured apart.

use core::fmt;

/// The transport whose port space a socket draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP and MPTCP, which share one port space.
    Tcp,
    /// UDP and UDP-Lite. Linux keeps a table for each; a policy treats them alike.
    Udp,
}

/// One port space: a transport and an address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// TCP over IPv4.
    Tcp4 = 0,
    /// TCP over IPv6.
    Tcp6 = 1,
    /// UDP over IPv4.
    Udp4 = 2,
    /// UDP over IPv6.
    Udp6 = 3,
}

impl Scope {
    /// All four, in the order in which tables list them.
    pub const ALL: [Self; 4] = [Self::Tcp4, Self::Tcp6, Self::Udp4, Self::Udp6];

    /// Its place in [`Scope::ALL`], 0 to 3.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The transport.
    #[must_use]
    pub const fn transport(self) -> Transport {
        match self {
            Self::Tcp4 | Self::Tcp6 => Transport::Tcp,
            Self::Udp4 | Self::Udp6 => Transport::Udp,
        }
    }

    /// The same transport over the other address family: a dual-stack socket takes its port there
    /// too.
    #[must_use]
    pub const fn other_family(self) -> Self {
        match self {
            Self::Tcp4 => Self::Tcp6,
            Self::Tcp6 => Self::Tcp4,
            Self::Udp4 => Self::Udp6,
            Self::Udp6 => Self::Udp4,
        }
    }

    /// The name used in a SPEC and in a policy file: `tcp4`, `tcp6`, `udp4`, `udp6`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp4 => "tcp4",
            Self::Tcp6 => "tcp6",
            Self::Udp4 => "udp4",
            Self::Udp6 => "udp6",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the four scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeSet(u8);

impl ScopeSet {
    /// tcp4, tcp6, udp4 and udp6.
    pub const ALL: Self = Self(0b1111);

    /// Every name that stands for a set of scopes, with the set.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("all", Self::ALL),
        ("tcp", Self(0b0011)),
        ("udp", Self(0b1100)),
        ("4", Self(0b0101)),
        ("6", Self(0b1010)),
        ("tcp4", Self(0b0001)),
        ("tcp6", Self(0b0010)),
        ("udp4", Self(0b0100)),
        ("udp6", Self(0b1000)),
    ];

    /// The set that `name` stands for, in capitals or not.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, set)| *set)
    }

    /// The set's shortest name, where it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(_, set)| *set == self).map(|(n, _)| *n)
    }

    /// Tells whether `scope` is in it.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Tells whether every scope of `other` is in it.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Tells whether a scope is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// One bit for each scope, that of [`Scope::ALL`]`[n]` worth 2^n.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits; what is above the fourth is dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The scopes in it, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> + Clone {
        Scope::ALL.into_iter().filter(move |s| self.contains(*s))
    }
}

impl From<Scope> for ScopeSet {
    fn from(scope: Scope) -> Self {
        Self(1 << scope as u8)
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(name);
        }
        for (n, scope) in self.iter().enumerate() {
            if n > 0 {
                f.write_str("+")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

/// The scopes of a socket that may take its port in both families.
#[must_use]
pub fn scopes_of(scope: Scope, dual: bool) -> ScopeSet {
    if dual { [scope, scope.other_family()].into_iter().collect() } else { scope.into() }
}

/// Groups scopes, or what belongs to them, that agree in a key; in the order of the first of each.
#[cfg(feature = "text")]
pub fn grouped<T: Copy, K: PartialEq>(scopes: impl IntoIterator<Item = T>, key: impl Fn(T) -> K) -> Vec<(Vec<T>, K)> {
    let mut groups = Vec::<(Vec<T>, K)>::new();
    for scope in scopes {
        let key = key(scope);
        match groups.iter_mut().find(|(_, other)| *other == key) {
            Some((group, _)) => group.push(scope),
            None => groups.push((vec![scope], key)),
        }
    }
    groups
}
