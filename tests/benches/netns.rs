//! The network that a measured process stands in: one of its own, with the port settings that it
//! needs.

use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::str::FromStr;

/// Set in the namespace that everything is measured in.
const PRIVATE: &str = "PORTSHIM_BENCH_PRIVATE";

/// Number of seconds a measured process may live.
const LONGEST: u32 = 600;

/// Port settings: `LOW-HIGH[,RESERVED]…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Netns {
    pub(crate) low: u16,
    pub(crate) high: u16,
    pub(crate) reserved: BTreeSet<u16>,
}

impl Netns {
    pub(crate) fn new(low: u16, high: u16) -> Self {
        Self { low, high, reserved: BTreeSet::new() }
    }

    /// The ports that may be handed out.
    pub(crate) fn ports(&self) -> Vec<u16> {
        (self.low..=self.high).filter(|port| !self.reserved.contains(port)).collect()
    }

    /// Makes this process `command`, in a network with these settings.
    pub(crate) fn become_there(&self, command: &[String]) -> Result<(), String> {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).map_err(|e| format!("a network namespace: {e}"))?;
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        if !up.map_err(|e| format!("ip: {e}"))?.success() {
            return Err("the loopback interface stays down".to_owned());
        }
        set("ipv4/ip_local_port_range", &format!("{} {}", self.low, self.high))?;
        let reserved: Vec<String> = self.reserved.iter().map(u16::to_string).collect();
        set("ipv4/ip_local_reserved_ports", &reserved.join(","))?;
        // Connections wait in the listener's queue, where they cost no descriptors.
        set("core/somaxconn", "65535")?;
        // Whatever goes wrong with the process, the benchmark does not wait for it for ever.
        nix::unistd::alarm::set(LONGEST);
        Err(format!("{}: {}", command[0], Command::new(&command[0]).args(&command[1..]).exec()))
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.low, self.high)?;
        self.reserved.iter().try_for_each(|port| write!(f, ",{port}"))
    }
}

impl FromStr for Netns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.parse::<u16>().map_err(|e| format!("{text}: {e}"));
        let mut parts = text.split(',');
        let (low, high) = parts.next().and_then(|range| range.split_once('-')).ok_or("not LOW-HIGH")?;
        Ok(Self { low: port(low)?, high: port(high)?, reserved: parts.map(port).collect::<Result<_, _>>()? })
    }
}

fn set(name: &str, value: &str) -> Result<(), String> {
    let path = format!("/proc/sys/net/{name}");
    std::fs::write(&path, value).map_err(|e| format!("{path}: {e}"))
}

/// Tells whether this process already is where it measures.
pub(crate) fn is_private() -> bool {
    std::env::var_os(PRIVATE).is_some()
}

/// Starts this program again in a network of its own, with so many descriptors, if they can be had.
pub(crate) fn go_private(descriptors: u64) -> Result<(), String> {
    allow(descriptors);
    let me = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
    let root = nix::unistd::geteuid().is_root();
    let mut command = Command::new("unshare");
    command.args((!root).then_some("--map-root-user")).arg("--net").arg(me);
    let error = command.args(std::env::args_os().skip(1)).env(PRIVATE, "1").exec();
    Err(format!("unshare: {error}"))
}

fn allow(descriptors: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
    if setrlimit(Resource::RLIMIT_NOFILE, descriptors, hard.max(descriptors)).is_err() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(descriptors), hard);
    }
}

/// Number of sockets a process may have, with some descriptors to spare for all else.
pub(crate) fn sockets() -> usize {
    let (descriptors, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    usize::try_from(descriptors.saturating_sub(100)).unwrap_or(usize::MAX)
}
