//! Socket options that portshim changes for the length of one attempt and puts back after it.
//!
//! A signal handler that jumps out of a call, or a cancelled thread, must not leave them changed.
//! Where nothing blocks meanwhile, signals are held. The range option is set while the program's
//! own call is made, which may block: so it is noted, and whoever looks at it through a hook sees
//! what the program had set itself.

use super::address::Address;
use super::facts::Socket;
use super::steering;
use crate::linux::kernel::call::Result;
use crate::linux::kernel::constants::IP_LOCAL_PORT_RANGE;
use crate::linux::kernel::descriptors::{set_status_flags, status_flags};
use crate::linux::kernel::sandbox;
use crate::linux::kernel::signals::Quiet;
use crate::linux::kernel::sockets::{self, getsockopt, setsockopt};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use portshim_policy::ports::PortRange;

/// Sockets that are being steered, or were left so, by their descriptors. Most pages of it are
/// never touched.
static STEERED: [Steered; 65536] = [const { Steered { ours: AtomicU64::new(0), own: AtomicU32::new(0) } }; 65536];

/// The range option of one socket, as it is and as the program believes it to be.
struct Steered {
    /// Value that portshim set: descriptor << 32 | value.
    ours: AtomicU64,
    /// Value that the program had set before.
    own: AtomicU32,
}

impl Steered {
    fn of(fd: c_int) -> &'static Self {
        &STEERED[fd as usize % STEERED.len()]
    }

    fn note(&self, fd: c_int, ours: u32, own: u32) {
        self.own.store(own, Relaxed);
        self.ours.store(mark(fd, ours), Relaxed);
    }

    /// Value that the program itself set, where the option says `value`. Portshim's own value is
    /// found where another thread is serving the same socket, or where a call was left by a jump:
    /// in another process, perhaps, which passed the socket on.
    fn seen_through(fd: c_int, value: u32) -> u32 {
        let steered = Self::of(fd);
        if value != 0 && steered.ours.load(Relaxed) == mark(fd, value) { steered.own.load(Relaxed) } else { value }
    }
}

fn mark(fd: c_int, packed: u32) -> u64 {
    u64::from(fd as u32) << 32 | u64::from(packed)
}

/// Value that a program which asks for its range option shall see, where the kernel says `value`,
/// and programs that set one themselves are known to be there, or not.
pub fn own_range(fd: c_int, value: u32, limits: bool) -> u32 {
    // Where no program limits sockets, all values are portshim's own.
    if limits { Steered::seen_through(fd, value) } else { 0 }
}

/// The descriptor means something else now.
#[inline]
pub fn forget_range(fd: c_int) {
    let steered = &Steered::of(fd).ours;
    let ours = steered.load(Relaxed);
    if ours != 0 && (ours >> 32) as u32 == fd as u32 {
        let _ = steered.compare_exchange(ours, 0, Relaxed, Relaxed);
    }
}

/// `to` is the same socket as `from` from now on.
#[inline]
pub fn copy_range(from: c_int, to: c_int) {
    forget_range(to);
    let steered = Steered::of(from);
    let ours = steered.ours.load(Relaxed);
    if ours != 0 && ours == mark(from, ours as u32) {
        Steered::of(to).note(to, ours as u32, steered.own.load(Relaxed));
    }
}

/// A socket has lost its connection: what could not be put back while it had one can be now.
pub fn repair_range(fd: c_int) {
    let steered = Steered::of(fd);
    let ours = steered.ours.load(Relaxed);
    if ours != 0
        && ours == mark(fd, ours as u32)
        && getsockopt::<u32>(fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE) == Ok(ours as u32)
    {
        put_back(fd, steered.own.load(Relaxed));
    }
}

/// Sets the option to what the program had set, and forgets that it was ever different. A connected
/// MPTCP socket refuses that, as it refuses any other value: then the note stays.
fn put_back(fd: c_int, own: u32) {
    if setsockopt(fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE, own).is_ok() {
        forget_range(fd);
    }
}

/// The range option of one socket.
pub struct LocalPortRange {
    fd: c_int,
    /// Value that the program set itself; 0 is nothing. `None` where the kernel has no such option.
    own: Option<u32>,
    /// From what the kernel chooses where the option is not set.
    kernels: Option<PortRange>,
    changed: bool,
    /// Set if the value that the program set itself must not be asked for: nobody could put it
    /// back.
    blind: bool,
}

impl LocalPortRange {
    /// The option of `socket`, as the program has set it; the kernel chooses from `kernels` where
    /// it is not set. `limits` tells whether programs set it themselves: else it need not be asked.
    pub fn of(socket: &Socket, kernels: Option<PortRange>, limits: bool) -> Self {
        let fd = socket.fd;
        if socket.untouched || !limits {
            return Self { fd, own: None, kernels, changed: false, blind: false };
        }
        let own = getsockopt::<u32>(fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE);
        if own == Err(libc::ENOPROTOOPT) {
            steering::cannot_steer(fd);
        }
        let blind = own == Err(sandbox::NOT_ASKED);
        let own = own.ok().map(|own| Steered::seen_through(fd, own));
        Self { fd, own, kernels, changed: false, blind }
    }

    /// The range that the program limited itself to, where the policy's ports lie in `hull`. As the
    /// kernel has it with its own range, each end counts only where it lies inside.
    pub fn limit(&self, hull: Option<PortRange>) -> PortRange {
        let (Some(own @ 1..), Some(hull)) = (self.own, hull) else { return PortRange::ALL };
        let (low, high) = (own as u16, (own >> 16) as u16);
        let first = if hull.contains(low) { low } else { hull.first() };
        let last = if hull.contains(high) { high } else { hull.last() };
        PortRange::new(first, last).unwrap_or(PortRange::ALL)
    }

    /// Tells whether the kernel chooses inside `run` as things are. For the network's own range it
    /// does so by itself, and in its own way: where the option is set, `connect` no longer keeps to
    /// one parity. In a `dense` run that takes it too long.
    #[inline]
    pub fn is_kernels(&self, run: PortRange, dense: bool) -> bool {
        !self.changed && !dense && self.own.unwrap_or(0) == 0 && self.kernels == Some(run)
    }

    /// Makes the kernel choose inside `run`.
    pub fn steer(&mut self, run: PortRange) -> Result<()> {
        if self.blind {
            return Err(sandbox::NOT_ASKED);
        }
        let packed = u32::from(run.first()) | u32::from(run.last()) << 16;
        Steered::of(self.fd).note(self.fd, packed, self.own.unwrap_or(0));
        let set = setsockopt(self.fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE, packed);
        match set {
            Ok(()) => self.changed = true,
            // A connected MPTCP socket refuses it, and has taken note of it all the same.
            Err(_) => put_back(self.fd, self.own.unwrap_or(0)),
        }
        set
    }
}

impl Drop for LocalPortRange {
    fn drop(&mut self) {
        if self.changed {
            put_back(self.fd, self.own.unwrap_or(0));
        }
    }
}

/// SO_REUSEADDR and SO_REUSEPORT of one socket, lifted: with either, a port that is taken looks
/// free. While they differ from what the program set, signals are held: no call that may block is
/// to be made meanwhile.
pub struct ReuseCleared {
    fd: c_int,
    /// Values that were set before, in the order of [`REUSE`].
    before: [c_int; 2],
    /// SO_REUSEADDR is set, and not by the program.
    sharing: bool,
    /// Dropped last, after the options have been put back.
    held: Option<Quiet>,
}

const REUSE: [c_int; 2] = [libc::SO_REUSEADDR, libc::SO_REUSEPORT];

impl ReuseCleared {
    /// Lifts both from `socket`, until this is dropped.
    pub fn on(socket: &Socket) -> Self {
        let fd = socket.fd;
        let is_set = |name| getsockopt::<c_int>(fd, libc::SOL_SOCKET, name).unwrap_or(0);
        let before = if socket.untouched { [0; 2] } else { REUSE.map(is_set) };
        let held = (before != [0; 2]).then(Quiet::begin);
        let lifted = Self { fd, before, sharing: false, held };
        for (name, value) in REUSE.into_iter().zip(before) {
            if value != 0 {
                lifted.set(name, 0);
            }
        }
        lifted
    }

    fn set(&self, name: c_int, value: c_int) {
        let _ = setsockopt(self.fd, libc::SOL_SOCKET, name, value);
    }

    /// Tells whether the program lets others join the socket's port (SO_REUSEADDR).
    pub fn reuses_address(&self) -> bool {
        self.before[0] != 0
    }

    /// Lets the next bind take a port beside connections that share theirs. SO_REUSEPORT stays
    /// lifted: with it, even a port that others listen on would look free.
    pub fn share(&mut self) {
        if !self.sharing {
            self.held.get_or_insert_with(Quiet::begin);
            self.set(libc::SO_REUSEADDR, 1);
            self.sharing = true;
        }
    }

    /// Lets the next bind take a port only if it is wholly free.
    pub fn keep_alone(&mut self) {
        if self.sharing {
            self.set(libc::SO_REUSEADDR, 0);
            self.sharing = false;
        }
    }

    /// The socket has its port. Others may share it later: the kernel reads the flag live.
    pub fn keep_shared(mut self) {
        if !self.sharing {
            self.set(libc::SO_REUSEADDR, 1);
        }
        self.sharing = false;
        self.before[0] = 0;
    }
}

impl Drop for ReuseCleared {
    fn drop(&mut self) {
        if self.sharing && self.before[0] == 0 {
            self.set(libc::SO_REUSEADDR, 0);
        }
        for (name, value) in REUSE.into_iter().zip(self.before) {
            if value != 0 {
                self.set(name, value);
            }
        }
    }
}

/// A yes or no of one socket (SOL_IP), changed for a while. IP_BIND_ADDRESS_NO_PORT (Linux 4.2):
/// whether `bind` to port 0 only records the address. IP_FREEBIND: whether that may be one that the
/// host has not.
pub struct IpFlag {
    fd: c_int,
    option: c_int,
    before: c_int,
    /// Place where it was changed; dropped after it has been put back.
    changed: Option<Quiet>,
    /// It is as it was wanted.
    done: Result<()>,
}

impl IpFlag {
    /// Sets the option, until this is dropped.
    pub fn set(fd: c_int, option: c_int, value: bool) -> Self {
        let before = match getsockopt::<c_int>(fd, libc::SOL_IP, option) {
            Ok(before) => before,
            Err(error) => return Self { fd, option, before: 0, changed: None, done: Err(error) },
        };
        if (before != 0) == value {
            return Self { fd, option, before, changed: None, done: Ok(()) };
        }
        let quiet = Quiet::begin();
        let done = setsockopt(fd, libc::SOL_IP, option, c_int::from(value));
        Self { fd, option, before, changed: done.is_ok().then_some(quiet), done }
    }
}

impl Drop for IpFlag {
    fn drop(&mut self) {
        if self.changed.is_some() {
            let _ = setsockopt(self.fd, libc::SOL_IP, self.option, self.before);
        }
    }
}

/// Binds a socket to the address that it has, as the kernel does at a first send: whether or not
/// the host still has it.
///
/// # Errors
/// Of the bind.
#[inline]
pub fn bind_as_recorded(fd: c_int, address: &Address) -> Result<()> {
    match sockets::bind(fd, address.storage(), address.len()) {
        Err(libc::EADDRNOTAVAIL) => bind_although_gone(fd, address),
        answer => answer,
    }
}

#[cold]
fn bind_although_gone(fd: c_int, address: &Address) -> Result<()> {
    let _free = IpFlag::set(fd, libc::IP_FREEBIND, true);
    sockets::bind(fd, address.storage(), address.len())
}

/// Has the kernel record a socket's own address, which it forgets when a `bind` to a number fails.
///
/// # Errors
/// EINVAL where the socket has a port. Others where that cannot be had: without the option, a port
/// would be given out.
pub fn record_address(fd: c_int, local: &Address) -> Result<()> {
    let only = IpFlag::set(fd, libc::IP_BIND_ADDRESS_NO_PORT, true);
    only.done?;
    let any = local.with_port(0);
    sockets::bind(fd, any.storage(), any.len())
}

/// Tells whether the kernel takes a closed TCP socket for bound: then it refuses to record an
/// address. Where it does not, the socket keeps the address that it has, and no port is given out.
#[must_use]
pub fn refuses_address(fd: c_int, local: &Address) -> bool {
    record_address(fd, local) == Err(libc::EINVAL)
}

/// A socket made non-blocking for the length of a connect.
pub struct NonBlocking {
    fd: c_int,
    flags: Option<usize>,
    certain: bool,
}

impl NonBlocking {
    /// Makes the socket non-blocking, until this is dropped.
    pub fn on(fd: c_int) -> Self {
        let flags = status_flags(fd);
        let set = match flags {
            Ok(flags) if flags & libc::O_NONBLOCK as usize == 0 => {
                set_status_flags(fd, flags | libc::O_NONBLOCK as usize).map(|()| Some(flags))
            }
            other => other.map(|_| None),
        };
        Self { fd, flags: set.unwrap_or(None), certain: set.is_ok() }
    }

    /// Tells whether the socket surely does not block.
    pub fn is_certain(&self) -> bool {
        self.certain
    }

    /// Tells whether the program expects its connect to block.
    pub fn was_blocking(&self) -> bool {
        self.flags.is_some()
    }
}

impl Drop for NonBlocking {
    fn drop(&mut self) {
        if let Some(flags) = self.flags {
            let _ = set_status_flags(self.fd, flags);
        }
    }
}
