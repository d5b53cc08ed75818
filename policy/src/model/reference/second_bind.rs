//! Rules for whether a second socket may bind a port that a first one has, as the models that say
//! so tell it. On another system the running kernel's own rule holds: nobody can make a kernel
//! share what it refuses.

use core::fmt;

/// Option that a socket asked for before it was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindOption {
    /// Nothing.
    Default = 0,
    /// `SO_REUSEADDR`.
    Reuse = 1,
    /// `SO_EXCLUSIVEADDRUSE`.
    Exclusive = 2,
}

/// The address that a socket is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// 0.0.0.0 or `::`.
    Wildcard = 0,
    /// One address of the host; both sockets the same one.
    Specific = 1,
}

/// A socket, as far as it matters for sharing its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binder {
    /// Option that it asked for.
    pub option: BindOption,
    /// Address that it is bound to.
    pub address: BindAddress,
}

impl Binder {
    /// All of them, in the order of the tables' rows and columns.
    pub const ALL: [Self; 6] = [
        Self { option: BindOption::Default, address: BindAddress::Wildcard },
        Self { option: BindOption::Default, address: BindAddress::Specific },
        Self { option: BindOption::Reuse, address: BindAddress::Wildcard },
        Self { option: BindOption::Reuse, address: BindAddress::Specific },
        Self { option: BindOption::Exclusive, address: BindAddress::Wildcard },
        Self { option: BindOption::Exclusive, address: BindAddress::Specific },
    ];

    const fn index(self) -> usize {
        2 * self.option as usize + self.address as usize
    }
}

/// `default *`, `reuse 1`: `*` is any address, `1` one.
impl fmt::Display for Binder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = match self.option {
            BindOption::Default => "default",
            BindOption::Reuse => "reuse",
            BindOption::Exclusive => "exclusive",
        };
        let address = match self.address {
            BindAddress::Wildcard => "*",
            BindAddress::Specific => "1",
        };
        write!(f, "{option} {address}")
    }
}

/// Outcome of a second bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondBind {
    /// Both sockets have the port.
    Succeeds,
    /// WSAEADDRINUSE.
    InUse,
    /// WSAEACCES.
    Access,
}

impl SecondBind {
    /// The error of Winsock, where it is one.
    #[must_use]
    pub const fn error(self) -> Option<u16> {
        match self {
            Self::Succeeds => None,
            Self::InUse => Some(10048),
            Self::Access => Some(10013),
        }
    }
}

/// `ok`, `10048`, `10013`.
impl fmt::Display for SecondBind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error() {
            Some(error) => write!(f, "{error}"),
            None => f.write_str("ok"),
        }
    }
}

/// The first socket's row, the second one's column, as in [`Binder::ALL`].
type Table = [[SecondBind; 6]; 6];

/// A model's rule for second binds.
#[derive(Debug, PartialEq, Eq)]
pub struct SecondBinds {
    same_user: Table,
    other_user: Table,
    /// Source.
    pub source: &'static str,
}

const OK: SecondBind = SecondBind::Succeeds;
const IN: SecondBind = SecondBind::InUse;
const NO: SecondBind = SecondBind::Access;

const MSDN: &str = "Microsoft, Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE";

/// Neither the address nor the user matters; only the second socket's wish to share does, and the
/// first one's not to.
const UP_TO_XP: Table = {
    let (shared, exclusive) = ([IN, IN, OK, OK, IN, IN], [IN, IN, NO, NO, IN, IN]);
    [shared, shared, shared, shared, exclusive, exclusive]
};

/// Sockets are not shared unless both wish it.
const SINCE_2003: Table = [
    [IN, OK, NO, OK, IN, OK],
    [OK, IN, OK, NO, IN, IN],
    [IN, OK, OK, OK, IN, OK],
    [OK, IN, OK, OK, IN, IN],
    [IN, NO, NO, NO, IN, NO],
    [OK, IN, OK, NO, IN, IN],
];

impl SecondBinds {
    /// Windows up to XP.
    pub const UP_TO_XP: Self = Self { same_user: UP_TO_XP, other_user: UP_TO_XP, source: MSDN };

    /// Windows Server 2003 and later. Another user cannot go before a socket of any address by
    /// naming one.
    pub const SINCE_2003: Self = Self {
        same_user: SINCE_2003,
        other_user: {
            let mut table = SINCE_2003;
            table[0] = [IN, NO, NO, NO, IN, NO];
            table[2] = [IN, NO, OK, OK, IN, NO];
            table
        },
        source: MSDN,
    };

    /// Outcome of `second`, bound to the port that `first` has; `same_user` where one user runs
    /// both.
    #[must_use]
    pub const fn outcome(&self, first: Binder, second: Binder, same_user: bool) -> SecondBind {
        let table = if same_user { &self.same_user } else { &self.other_user };
        table[first.index()][second.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binder_is_where_its_index_says() {
        for (n, binder) in Binder::ALL.into_iter().enumerate() {
            assert_eq!(binder.index(), n);
        }
        assert_eq!(
            Binder::ALL.map(|b| b.to_string()).join(", "),
            "default *, default 1, reuse *, reuse 1, exclusive *, exclusive 1"
        );
    }
}
