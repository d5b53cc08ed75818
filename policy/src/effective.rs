//! What a policy comes to once every source has been heard: the rules a session is run by.

use crate::privileged::PrivilegedRange;
use crate::{Order, PortSet, Scope};

/// Whether connections to different peers may share one local port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Sharing {
    /// One connection for each 4-tuple: a port serves many peers at once (Linux, BSD).
    Tuple = 0,
    /// One socket for each port, held through TIME_WAIT (Windows up to 2003).
    Exclusive = 1,
}

impl Sharing {
    /// Both, for parsers and help.
    pub const ALL: [Self; 2] = [Self::Exclusive, Self::Tuple];

    /// The name used on the command line and in a policy file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tuple => "tuple",
            Self::Exclusive => "exclusive",
        }
    }
}

/// One scope's ports. A wildcard bind is served from `dynamic` less `reserved` less `blocked`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeRules {
    /// Ports that may be handed out.
    pub dynamic: PortSet,
    /// Ports that never are; a specific bind still succeeds.
    pub reserved: PortSet,
    /// Ports that are never handed out and may not be bound by number either.
    pub blocked: PortSet,
}

impl ScopeRules {
    /// The ports that a wildcard bind may get.
    #[must_use]
    pub fn allowed(&self) -> PortSet {
        let mut set = self.dynamic.clone();
        set.subtract(&self.reserved);
        set.subtract(&self.blocked);
        set
    }

    /// Whether there is none that a wildcard bind may get.
    #[must_use]
    pub fn allows_none(&self) -> bool {
        let (reserved, blocked) = (self.reserved.words(), self.blocked.words());
        let mut words = self.dynamic.words().iter().zip(reserved).zip(blocked);
        words.all(|((dynamic, reserved), blocked)| dynamic & !reserved & !blocked == 0)
    }
}

/// The rules for one program, complete: nothing is left to a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Which executables these rules are for, as a glob over the file's name; `None` is everything
    /// that no earlier entry matched.
    pub matches: Option<String>,
    /// The order of choice. [`Order::Native`] here means the running kernel's own.
    pub order: Order,
    /// Whether connections share ports.
    pub sharing: Sharing,
    /// Makes every choice repeatable; without it choices are random.
    pub seed: Option<u64>,
    /// What rresvport and bindresvport hand out.
    pub privileged: PrivilegedRange,
    /// Below this port a specific bind needs CAP_NET_BIND_SERVICE; `None` leaves that to the kernel.
    pub unprivileged_start: Option<u16>,
    /// Indexed by [`Scope::index`].
    pub scopes: [ScopeRules; 4],
}

impl Effective {
    /// The ports of one scope.
    #[must_use]
    pub fn scope(&self, scope: Scope) -> &ScopeRules {
        &self.scopes[scope.index()]
    }
}

/// Whether `name` matches `glob`, in which `*` stands for any characters and `?` for one.
#[must_use]
pub fn glob_matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                g += 1;
                n += 1;
            }
            _ => match star {
                Some((sg, sn)) => {
                    star = Some((sg, sn + 1));
                    g = sg + 1;
                    n = sn + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn globs() {
        for (glob, name, expected) in [
            ("java*", "java", true),
            ("java*", "javac", true),
            ("java", "javac", false),
            ("*python3.??", "python3.11", true),
            ("*a*b", "xxaxxaxb", true),
            ("*a*b", "xxaxxaxbc", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(glob_matches(glob.as_bytes(), name.as_bytes()), expected, "{glob} {name}");
        }
    }
}
