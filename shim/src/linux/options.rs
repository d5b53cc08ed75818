//! Socket options that portshim changes for the length of one attempt and puts back after it.

use super::address::Address;
use super::socket::Socket;
use super::{host, sandbox, sys};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use portshim_policy::PortRange;

/// IP_LOCAL_PORT_RANGE, linux/in.h, since Linux 6.3: a u32, low | high << 16, 0 for no limit at that
/// end. It is an option of SOL_IP on IPv6 sockets, too.
pub(crate) const IP_LOCAL_PORT_RANGE: c_int = 51;

/// Which sockets are being steered: descriptor << 32 | value, at the descriptor's place.
static STEERED: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

fn steered(fd: c_int) -> &'static AtomicU64 {
    &STEERED[fd as usize % STEERED.len()]
}

fn mark(fd: c_int, packed: u32) -> u64 {
    u64::from(fd as u32) << 32 | u64::from(packed)
}

/// The range option of one socket.
pub(crate) struct RangeOption {
    fd: c_int,
    own: Option<u32>,
    changed: bool,
    /// What the program set itself must not be asked for: nobody could put it back.
    blind: bool,
}

impl RangeOption {
    /// Looks what the program set itself; 0 is nothing. `None` where the kernel has no such option.
    pub(crate) fn of(socket: &Socket) -> Self {
        let fd = socket.fd;
        if socket.untouched {
            return Self { fd, own: None, changed: false, blind: false };
        }
        let own = sys::getsockopt::<u32>(fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE);
        if own == Err(libc::ENOPROTOOPT) {
            host::cannot_steer();
        }
        // What we set ourselves is not the program's: another thread is serving the same socket, or a
        // cancelled one has left it so.
        let ours = |value: &u32| steered(fd).load(Relaxed) == mark(fd, *value);
        let blind = own == Err(sandbox::NOT_ASKED);
        Self { fd, own: own.ok().filter(|own| !ours(own)), changed: false, blind }
    }

    /// The range that the program limited itself to, where the policy's ports lie in `hull`. As the kernel has it
    /// with its own range, each end counts only where it lies inside.
    pub(crate) fn limit(&self, hull: Option<PortRange>) -> PortRange {
        let (Some(own @ 1..), Some(hull)) = (self.own, hull) else { return PortRange::ALL };
        let (low, high) = (own as u16, (own >> 16) as u16);
        let first = if hull.contains(low) { low } else { hull.first() };
        let last = if hull.contains(high) { high } else { hull.last() };
        PortRange::new(first, last).unwrap_or(PortRange::ALL)
    }

    /// Makes the kernel choose inside `run`. For the host's own range it does so by itself, and in its own way:
    /// where the option is set, `connect` no longer keeps to one parity. In a `dense` run that takes it too long.
    pub(crate) fn steer(&mut self, run: PortRange, dense: bool) -> sys::Result<()> {
        let own_way = !dense && self.own.unwrap_or(0) == 0 && host::steerable() == Some(run);
        if !self.changed && own_way {
            return Ok(());
        }
        if self.blind {
            return Err(sandbox::NOT_ASKED);
        }
        let packed = u32::from(run.first()) | u32::from(run.last()) << 16;
        steered(self.fd).store(mark(self.fd, packed), Relaxed);
        let set = sys::setsockopt(self.fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE, packed);
        match set {
            Ok(()) => self.changed = true,
            Err(_) => steered(self.fd).store(0, Relaxed),
        }
        set
    }
}

impl Drop for RangeOption {
    fn drop(&mut self) {
        if self.changed {
            let _ = sys::setsockopt(self.fd, libc::SOL_IP, IP_LOCAL_PORT_RANGE, self.own.unwrap_or(0));
            steered(self.fd).store(0, Relaxed);
        }
    }
}

/// SO_REUSEADDR and SO_REUSEPORT of one socket, lifted: with either, a port that is taken looks free.
pub(crate) struct Lifted {
    fd: c_int,
    /// What was set before, in the order of [`REUSE`].
    before: [c_int; 2],
    /// SO_REUSEADDR is set, and not by the program.
    sharing: bool,
}

const REUSE: [c_int; 2] = [libc::SO_REUSEADDR, libc::SO_REUSEPORT];

impl Lifted {
    pub(crate) fn on(socket: &Socket) -> Self {
        let fd = socket.fd;
        let is_set = |name| sys::getsockopt::<c_int>(fd, libc::SOL_SOCKET, name).unwrap_or(0);
        let before = if socket.untouched { [0; 2] } else { REUSE.map(is_set) };
        let lifted = Self { fd, before, sharing: false };
        for (name, value) in REUSE.into_iter().zip(before) {
            if value != 0 {
                lifted.set(name, 0);
            }
        }
        lifted
    }

    fn set(&self, name: c_int, value: c_int) {
        let _ = sys::setsockopt(self.fd, libc::SOL_SOCKET, name, value);
    }

    /// Lets the next bind take a port beside connections that share theirs. SO_REUSEPORT stays lifted: with it,
    /// even a port that others listen on would look free.
    pub(crate) fn share(&mut self) {
        if !self.sharing {
            self.set(libc::SO_REUSEADDR, 1);
            self.sharing = true;
        }
    }

    /// Lets the next bind take a port only if it is wholly free.
    pub(crate) fn keep_alone(&mut self) {
        if self.sharing {
            self.set(libc::SO_REUSEADDR, 0);
            self.sharing = false;
        }
    }

    /// The socket has its port. Others may share it later: the kernel reads the flag live.
    pub(crate) fn keep_shared(mut self) {
        self.share();
        self.sharing = false;
        self.before[0] = 0;
    }
}

impl Drop for Lifted {
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

/// IP_BIND_ADDRESS_NO_PORT (Linux 4.2) of one socket: whether `bind` to port 0 only records the address.
pub(crate) struct AddressOnly {
    fd: c_int,
    before: c_int,
    changed: bool,
    /// It is as it was wanted.
    done: sys::Result<()>,
}

impl AddressOnly {
    pub(crate) fn set(fd: c_int, value: bool) -> Self {
        let before = match sys::getsockopt::<c_int>(fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT) {
            Ok(before) => before,
            Err(error) => return Self { fd, before: 0, changed: false, done: Err(error) },
        };
        if (before != 0) == value {
            return Self { fd, before, changed: false, done: Ok(()) };
        }
        let done = sys::setsockopt(fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, c_int::from(value));
        Self { fd, before, changed: done.is_ok(), done }
    }
}

impl Drop for AddressOnly {
    fn drop(&mut self) {
        if self.changed {
            let _ = sys::setsockopt(self.fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, self.before);
        }
    }
}

/// Has the kernel record a socket's own address, which it forgets when a `bind` to a number fails.
///
/// # Errors
/// EINVAL where the socket has a port. Others where that cannot be had: without the option, a port would be given out.
pub(crate) fn record_address(fd: c_int, local: &Address) -> sys::Result<()> {
    let only = AddressOnly::set(fd, true);
    only.done?;
    let any = local.with_port(0);
    sys::bind(fd, any.storage(), any.len())
}

/// A socket made non-blocking for the length of a connect.
pub(crate) struct NonBlocking {
    fd: c_int,
    flags: Option<usize>,
    certain: bool,
}

impl NonBlocking {
    pub(crate) fn on(fd: c_int) -> Self {
        let flags = sys::status_flags(fd);
        let set = match flags {
            Ok(flags) if flags & libc::O_NONBLOCK as usize == 0 => {
                sys::set_status_flags(fd, flags | libc::O_NONBLOCK as usize).map(|()| Some(flags))
            }
            other => other.map(|_| None),
        };
        Self { fd, flags: set.unwrap_or(None), certain: set.is_ok() }
    }

    /// Whether the socket surely does not block.
    pub(crate) fn is_certain(&self) -> bool {
        self.certain
    }

    /// Whether the program expects its connect to block.
    pub(crate) fn was_blocking(&self) -> bool {
        self.flags.is_some()
    }
}

impl Drop for NonBlocking {
    fn drop(&mut self) {
        if let Some(flags) = self.flags {
            let _ = sys::set_status_flags(self.fd, flags);
        }
    }
}
