//! Networks and their port ranges: inside which ports the kernel can be made to choose for a
//! socket.
//!
//! A socket keeps the network that it was made in, whatever network its process moves on to
//! (network_namespaces(7)). Nearly always there is one network; only a process that moves, or has
//! been given a socket, asks which one it is.

use super::facts::Socket;
use crate::linux::kernel::clock::coarse_now;
use crate::linux::kernel::constants::{MPTCP, SO_NETNS_COOKIE};
use crate::linux::kernel::descriptors::close;
use crate::linux::kernel::proc::each_number;
use crate::linux::kernel::sandbox;
use crate::linux::kernel::sockets::{getsockopt, socket};
use core::ffi::c_int;
use core::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use portshim_policy::entropy::mix;
use portshim_policy::plan::RELIED_ON_AT_MOST;
use portshim_policy::ports::{PortRange, Scope};
use portshim_policy::region::SharedRules;

/// Words of 64 ports in a set of all ports.
const WORDS: usize = 1024;

/// The network that the process began in. In any other one, ports are bound by number: its settings
/// can be read by a thread that is there alone, and may change before a socket of it is used.
static FIRST: Network = Network {
    cookie: AtomicU64::new(0),
    range: AtomicU32::new(0),
    sum: AtomicU64::new(0),
    kept: [const { AtomicU64::new(0) }; WORDS],
};

/// Knowledge of a network.
struct Network {
    /// Its SO_NETNS_COOKIE; 0 where nobody has asked.
    cookie: AtomicU64,
    /// net.ipv4.ip_local_port_range as first | last << 16; 0 where it is not known.
    range: AtomicU32,
    /// A hash of what is in `kept`; 0 where there is nothing.
    sum: AtomicU64,
    /// net.ipv4.ip_local_reserved_ports: the kernel never chooses these by itself.
    kept: [AtomicU64; WORDS],
}

/// A socket of another network was met. Until then, one of which nobody has asked is taken for one
/// of the first network, and which port it has got tells whether it is.
static MET_OTHERS: AtomicBool = AtomicBool::new(false);

/// The process, or one of its threads, has moved to another network.
pub static MOVED: AtomicBool = AtomicBool::new(false);

/// The kinds of socket that have no IP_LOCAL_PORT_RANGE here, a bit each: it came with Linux 6.3,
/// and to MPTCP later.
static UNSTEERABLE: AtomicU8 = AtomicU8::new(0);

/// For each scope, [`Reach::steerable`], where the network keeps ports from its own choice:
/// first | last << 16 | a hash of which rules, and of their revision << 32; 0 where it has to be
/// worked out.
static STEERABLE: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Inside which ports the kernel can be made to choose for a socket.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// It can be told to choose anywhere in here.
    pub steerable: Option<PortRange>,
    /// It chooses from these where it is told nothing.
    pub own: Option<PortRange>,
}

/// The reach of the kernel for a socket whose ports are those of `scope`.
#[inline]
pub fn reach(socket: &Socket, scope: Scope, rules: &SharedRules) -> Reach {
    if UNSTEERABLE.load(Relaxed) & kind(socket.protocol) != 0 {
        return Reach::default();
    }
    let is_taken_for_first = socket.unasked && !MET_OTHERS.load(Relaxed);
    if (!socket.made_here && !is_taken_for_first || MOVED.load(Relaxed)) && !is_of_first(socket.fd) {
        return Reach::default();
    }
    FIRST.reach(scope, rules)
}

/// A socket of another network was met: from now on, all are asked which one they are of.
pub fn beware_of_others() {
    MET_OTHERS.store(true, Relaxed);
}

/// The range that the kernel chooses from in the network that the process began in.
#[must_use]
pub fn own_range() -> Option<PortRange> {
    unpack(FIRST.range.load(Relaxed))
}

/// Of word `index` of 64 ports, those that the kernel never chooses there.
#[must_use]
pub fn kept(index: usize) -> u64 {
    if FIRST.sum.load(Acquire) == 0 { 0 } else { FIRST.kept[index % WORDS].load(Relaxed) }
}

impl Network {
    #[inline]
    fn reach(&self, scope: Scope, rules: &SharedRules) -> Reach {
        let own = unpack(self.range.load(Relaxed));
        let steerable =
            if self.sum.load(Acquire) != 0 { own.and_then(|own| self.steerable(own, scope, rules)) } else { own };
        Reach { steerable, own }
    }

    /// The longest part of `range` without ports that the policy would hand out, and that this
    /// network keeps from the kernel's choice. Ports outside of it are bound by number.
    #[cold]
    fn steerable(&self, range: PortRange, scope: Scope, rules: &SharedRules) -> Option<PortRange> {
        let cache = &STEERABLE[scope.index()];
        let which = mix(core::ptr::from_ref(rules) as u64 ^ u64::from(rules.revision()) << 48) as u32 | 1;
        let cached = cache.load(Relaxed);
        if (cached >> 32) as u32 == which {
            return unpack(cached as u32);
        }
        let steerable = rules.scope(scope).longest_without(range, |index| self.kept[index % WORDS].load(Relaxed));
        cache.store(u64::from(steerable.map_or(0, pack)) | u64::from(which) << 32, Relaxed);
        steerable
    }

    /// Takes in the settings of this thread's network, which this is. Whether they have changed.
    fn read(&self) -> bool {
        // Where /proc cannot be reached any more, what is known is the best there is.
        let Some(range) = read_range().map(pack) else { return false };
        let mut sum = 0;
        each_kept(|ports| sum = mix(sum ^ u64::from(pack(ports))));
        let changed = self.range.swap(range, Relaxed) != range || self.sum.load(Relaxed) != sum;
        if changed {
            if self.sum.load(Relaxed) != 0 {
                self.kept.iter().for_each(|word| word.store(0, Relaxed));
            }
            if sum != 0 {
                each_kept(|ports| self.keep(ports));
            }
            self.sum.store(sum, Release);
            STEERABLE.iter().for_each(|cache| cache.store(0, Relaxed));
        }
        changed
    }

    fn keep(&self, ports: PortRange) {
        for port in ports.first()..=ports.last() {
            self.kept[usize::from(port / 64)].fetch_or(1 << (port % 64), Relaxed);
        }
    }
}

/// Remembers that sockets like this one cannot be steered. Only it knows of what kind it is:
/// another library may have made an MPTCP socket where a TCP socket was asked for.
#[cold]
pub fn cannot_steer(fd: c_int) {
    if let Ok(protocol) = getsockopt::<c_int>(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL) {
        UNSTEERABLE.fetch_or(kind(protocol), Relaxed);
    }
}

const fn kind(protocol: c_int) -> u8 {
    match protocol {
        libc::IPPROTO_TCP => 1,
        MPTCP => 2,
        libc::IPPROTO_UDP => 4,
        _ => 8,
    }
}

/// The moment in which the kernel was last seen to choose where it was told to.
static SEEN: AtomicU32 = AtomicU32::new(0);
/// Number of times that it has been relied on since.
static RELIED: AtomicU32 = AtomicU32::new(0);

/// The kernel was just seen to choose where it was told to.
pub fn confirm() {
    SEEN.store(coarse_now(), Relaxed);
    RELIED.store(0, Relaxed);
}

/// Tells whether it was seen to in this very moment.
#[inline]
pub fn recently_confirmed() -> bool {
    let relied = RELIED.load(Relaxed);
    RELIED.store(relied.wrapping_add(1), Relaxed);
    relied < RELIED_ON_AT_MOST && SEEN.load(Relaxed) == coarse_now() && !MOVED.load(Relaxed)
}

/// Reads the settings of the network that the process began in, by a thread that is there. Whether
/// they have changed.
pub fn reload() -> bool {
    let is_there = !MOVED.load(Relaxed) || here().is_some_and(|cookie| cookie == FIRST.cookie.load(Relaxed));
    is_there && FIRST.read()
}

/// The moment in which [`reload_again`] last looked.
static LOOKED: AtomicU32 = AtomicU32::new(0);

/// Looks again, where no port is left: whether the settings have changed since. Once a moment, so
/// that who asks for ports in vain does so at little cost.
#[cold]
pub fn reload_again() -> bool {
    let now = coarse_now();
    LOOKED.swap(now, Relaxed) != now && reload()
}

/// The second in which [`reload_at_times`] last looked.
static LOOKED_AT_TIMES: AtomicU32 = AtomicU32::new(0);

/// Looks again whether the settings have changed, once a second at most.
pub fn reload_at_times() {
    let second = coarse_now() >> 8;
    if LOOKED_AT_TIMES.swap(second, Relaxed) != second {
        reload();
    }
}

/// This thread, or a child of it, is about to be in another network.
pub fn on_netns_change() {
    know_first();
    MOVED.store(true, Relaxed);
}

/// Learns the number of the network that the process began in, while every thread is still there.
fn know_first() {
    let first = &FIRST.cookie;
    if first.load(Relaxed) == 0 && !MOVED.load(Relaxed) {
        first.store(here().unwrap_or(0), Relaxed);
    }
}

/// Tells whether a socket that this process was given, or that may have been made elsewhere, is of
/// the network that the process began in. Where there is no telling, it is not.
#[cold]
fn is_of_first(fd: c_int) -> bool {
    know_first();
    cookie_of(fd).is_some_and(|cookie| cookie == FIRST.cookie.load(Relaxed))
}

/// Tells whether the network that this thread asks about is that of the socket.
pub fn is_here(socket: &Socket) -> bool {
    if socket.made_here && !MOVED.load(Relaxed) {
        return true;
    }
    match (cookie_of(socket.fd), here()) {
        (Some(its), Some(ours)) => its == ours,
        // A kernel before 5.14, or a sandbox.
        _ => !MOVED.load(Relaxed),
    }
}

/// The number of the network that this thread is in: a new socket has it.
fn here() -> Option<u64> {
    let fd = socket(libc::AF_INET, libc::SOCK_DGRAM, 0).ok()?;
    let cookie = cookie_of(fd);
    close(fd);
    cookie
}

fn cookie_of(fd: c_int) -> Option<u64> {
    getsockopt::<u64>(fd, libc::SOL_SOCKET, SO_NETNS_COOKIE).ok().filter(|cookie| *cookie != 0)
}

fn pack(range: PortRange) -> u32 {
    u32::from(range.first()) | u32::from(range.last()) << 16
}

fn unpack(packed: u32) -> Option<PortRange> {
    if packed == 0 { None } else { PortRange::new(packed as u16, (packed >> 16) as u16).ok() }
}

fn read_range() -> Option<PortRange> {
    let mut ports = [0u32; 2];
    let mut count = 0;
    each_number(c"/proc/sys/net/ipv4/ip_local_port_range", |number, _| {
        if let Some(port) = ports.get_mut(count) {
            *port = number;
        }
        count += 1;
    });
    let [first, last] = ports.map(|port| u16::try_from(port).ok());
    if count == 2 { PortRange::new(first?, last?).ok() } else { None }
}

/// Calls `each` with every range that this thread's network keeps from the kernel's choice.
fn each_kept(mut each: impl FnMut(PortRange)) {
    let mut first = None;
    each_number(c"/proc/sys/net/ipv4/ip_local_reserved_ports", |number, after| {
        let Ok(port) = u16::try_from(number) else { return };
        if after == b'-' {
            first = Some(port);
        } else if let Ok(ports) = PortRange::new(first.take().unwrap_or(port), port) {
            each(ports);
        }
    });
}

/// Tells whether the error of a bind to `port` says that the program, or whoever confined it,
/// forbids it to bind that port at all: seccomp does it with EPERM or ENOSYS mostly, Landlock and
/// SELinux with EACCES. That is also what the kernel says of a privileged port.
pub fn is_forbidden(error: c_int, port: u16) -> bool {
    match error {
        sandbox::NOT_ASKED | libc::ENOSYS => true,
        libc::EACCES => {
            // Where /proc does not say, as a host has it that nobody has changed.
            let mut start = 1024;
            each_number(c"/proc/sys/net/ipv4/ip_unprivileged_port_start", |number, _| start = number);
            u32::from(port) >= start
        }
        _ => false,
    }
}
