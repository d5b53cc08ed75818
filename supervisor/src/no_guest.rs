//! Reasons why no guest is brought into a program.

use std::fmt::{Display, Formatter, Result};

/// What of a program's file keeps the guest out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoGuest {
    /// It cannot be opened.
    Unreadable,
    /// It is for another machine than the guest.
    Machine,
    /// It does not hold together.
    Damaged,
    /// It has a loader.
    Loader,
    /// It gives privileges, or leads to another domain.
    Privileges,
    /// A segment is both written to and executed.
    Writable,
    /// It is linked to lie where ordinary programs do not.
    High,
    /// It does not say what of it is code.
    Sections,
    /// It has more code, or more places that may be calls, than are looked at.
    Large,
    /// It locks all its memory.
    Locks,
    /// It makes no call that may need a port.
    Calls,
}

impl Display for NoGuest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Unreadable => "its file cannot be read",
            Self::Machine => "there is a guest for 64-bit programs of x86-64 alone",
            Self::Damaged => "its file is damaged",
            Self::Loader => "a loader brings it up, and what that loads, its file does not show",
            Self::Privileges => "who executes it may gain privileges, or enter another domain",
            Self::Writable => "it can write to its own code",
            Self::High => "it is linked to lie above 256 MiB, as tools are that share another program's memory",
            Self::Sections => "its file does not say what of it is code",
            Self::Large => "it has more than 64 MiB of code, or more than 4,096 places that may be calls",
            Self::Locks => "it locks all its memory (mlockall)",
            Self::Calls => "its code shows no call that may need a port",
        })
    }
}
