//! The versions of glibc.

use std::fmt;
use std::str::FromStr;

/// Prefix of glibc's versions, in its own names and in those of its symbols.
pub(super) const PREFIX: &str = "GLIBC_";
/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u32,
    minor: u32,
}

impl FromStr for Version {
    type Err = ();

    /// Of the three numbers of the oldest, the last says nothing here.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split('.').map(|number| number.parse().map_err(drop));
        Ok(Self { major: numbers.next().ok_or(())??, minor: numbers.next().ok_or(())?? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// The version that a symbol's version stands for; none where that is not one of glibc's.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        str::from_utf8(name).ok()?.strip_prefix(PREFIX)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |name: &str| Version::named(name.as_bytes());
        assert!(version("GLIBC_2.4") < version("GLIBC_2.31"));
        assert!(version("GLIBC_2.2.5") < version("GLIBC_2.3"));
        assert_eq!(version("GLIBC_2.2.5").unwrap().to_string(), "2.2");
        for other in ["GLIBC_PRIVATE", "GLIBC_2", "GLIBC_ABI_DT_RELR", "libc.so.6", "GLIBCXX_3.4"] {
            assert_eq!(version(other), None, "{other}");
        }
    }
}
