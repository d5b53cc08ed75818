//! The ports that a program is held to, and those that are seen.

use crate::portshim;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Who holds a program to the ports.
#[derive(Clone, Copy, Debug)]
pub enum Keeper {
    /// portshim, on a host with default settings.
    Portshim,
    /// The kernel, by its own settings: what the tests demand is then what the kernel does.
    Kernel,
}

/// One range with a reserved hole in it.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The first and the last port.
    pub range: (u16, u16),
    /// The first and the last port of the hole.
    pub hole: (u16, u16),
    /// Who keeps them.
    pub keeper: Keeper,
}

impl Ports {
    /// Outside the host's own range, where portshim has to pin. Four fifths of it are reserved.
    pub const OUTSIDE: Self = Self { range: (20000, 20999), hole: (20100, 20899), keeper: Keeper::Portshim };
    /// Inside the host's own range, where portshim steers.
    pub const INSIDE: Self = Self { range: (41000, 41999), hole: (41100, 41899), keeper: Keeper::Portshim };
    /// The same, kept by the kernel.
    pub const NATIVE: Self = Self { keeper: Keeper::Kernel, ..Self::INSIDE };

    /// Number of ports that is.
    #[must_use]
    pub fn count(&self) -> usize {
        (0..=u16::MAX).filter(|port| self.allow(*port)).count()
    }

    /// Tells whether a program that asked for any port may have got this one.
    #[must_use]
    pub fn allow(&self, port: u16) -> bool {
        (self.range.0..=self.range.1).contains(&port) && !(self.hole.0..=self.hole.1).contains(&port)
    }

    /// The command that runs `program` under these ports.
    ///
    /// # Panics
    /// Where the kernel is the keeper and its settings cannot be written.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_with(&[], program)
    }

    /// As [`Ports::command`], with further options for `portshim run`.
    ///
    /// # Panics
    /// As [`Ports::command`].
    pub fn command_with(&self, options: &[&str], program: impl AsRef<OsStr>) -> Command {
        let (range, hole) = (self.range, self.hole);
        let mut command = match self.keeper {
            Keeper::Portshim => {
                let (range, hole) = (format!("{}-{}", range.0, range.1), format!("{}-{}", hole.0, hole.1));
                let mut command = portshim(["run", "--range", &range, "--reserve", &hole]);
                command.args(options).arg("--").arg(program);
                command
            }
            Keeper::Kernel => {
                set_sysctl("ip_local_port_range", &format!("{} {}", range.0, range.1));
                set_sysctl("ip_local_reserved_ports", &format!("{}-{}", hole.0, hole.1));
                Command::new(program)
            }
        };
        command.stdin(Stdio::null());
        command
    }

    /// Checks ports that were seen from outside.
    ///
    /// # Panics
    /// Where there are none, or one that the policy does not hand out.
    pub fn judge(&self, who: &str, seen: &BTreeSet<u16>) {
        assert!(!seen.is_empty(), "{who}: no port was seen, so nothing was tested");
        let strays: Vec<_> = seen.iter().filter(|port| !self.allow(**port)).collect();
        assert!(strays.is_empty(), "{who}: {strays:?} are outside {self:?}; seen: {seen:?}");
    }
}

/// Makes three tests of each function that takes [`Ports`]: with ports outside the host's range,
/// inside it, and kept by the kernel, each in a [`private`](super::private) network.
#[macro_export]
macro_rules! each_keeper {
    ($($name:ident),+ $(,)?) => {
        mod outside { $(#[test] fn $name() {
            $crate::programs::private(|| super::$name(&$crate::programs::Ports::OUTSIDE));
        })+ }
        mod inside { $(#[test] fn $name() {
            $crate::programs::private(|| super::$name(&$crate::programs::Ports::INSIDE));
        })+ }
        mod native { $(#[test] fn $name() {
            $crate::programs::private(|| super::$name(&$crate::programs::Ports::NATIVE));
        })+ }
    };
}

/// Writes one of `net.ipv4`'s settings in this network.
///
/// # Panics
/// Where the kernel refuses.
pub fn set_sysctl(name: &str, value: &str) {
    let path = format!("/proc/sys/net/ipv4/{name}");
    std::fs::write(&path, value).unwrap_or_else(|e| panic!("{path} = {value}: {e}"));
}
