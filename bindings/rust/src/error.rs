//! Reasons why something does not hold.

use std::fmt;
use std::io;

/// Reason why something does not hold.
///
/// ```
/// use portshim_client::{Error, exhausted, loaded};
///
/// if !loaded() {
///     assert_eq!(exhausted().hold().unwrap_err(), Error::NotLoaded);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The program does not run under portshim, or under one that is too old.
    NotLoaded,
    /// The library is switched off, or has no policy.
    NoPolicy,
    /// The ports, or how many are to be left, are none that there can be.
    Invalid,
    /// The policy's model does not allow it, as this sentence says; or the policy hands out none of
    /// the only ports.
    NotAllowed(String),
    /// A socket is bound to one of the ports.
    InUse,
    /// The session holds as many entries as it can.
    Full,
    /// Another error, by its number.
    Other(i32),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoaded => f.write_str("this program does not run under portshim; start it by `portshim run`"),
            Self::NoPolicy => f.write_str("portshim is switched off, or has no policy"),
            Self::Invalid => f.write_str("there are no such ports, or not so many"),
            Self::NotAllowed(rule) => f.write_str(rule),
            Self::InUse => f.write_str("a socket is bound to one of these ports"),
            Self::Full => f.write_str("the session holds as many entries as it can"),
            Self::Other(number) => io::Error::from_raw_os_error(*number).fmt(f),
        }
    }
}

impl std::error::Error for Error {}
