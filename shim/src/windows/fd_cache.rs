//! Knowledge of handles without asking Winsock. A cache and no more: of most handles nothing is
//! known, and "unknown" leads to the slow path, which asks.

use super::index_of;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use portshim_mechanism::windows::socket::address::{AF_INET, AF_INET6};
use portshim_mechanism::windows::socket::facts::{Sharing, Socket, transport};
use portshim_policy::ports::Transport;
use windows_sys::Win32::Networking::WinSock::{IPPROTO_TCP, IPPROTO_UDP, SOCK_STREAM, SOCKET};

const HANDLES: usize = 65536;

/// A set of handles.
struct Handles([AtomicU64; HANDLES / 64]);

impl Handles {
    const fn none() -> Self {
        Self([const { AtomicU64::new(0) }; HANDLES / 64])
    }

    fn place(&self, handle: SOCKET) -> Option<(&AtomicU64, u64)> {
        let index = index_of(handle);
        self.0.get(index / 64).map(|word| (word, 1 << (index % 64)))
    }

    #[inline]
    fn contains(&self, handle: SOCKET) -> bool {
        self.place(handle).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
    }

    fn insert(&self, handle: SOCKET) {
        if let Some((word, bit)) = self.place(handle) {
            word.fetch_or(bit, Relaxed);
        }
    }

    #[inline]
    fn remove(&self, handle: SOCKET) {
        if let Some((word, bit)) = self.place(handle)
            && word.load(Relaxed) & bit != 0
        {
            word.fetch_and(!bit, Relaxed);
        }
    }
}

/// Sockets from which a send binds nothing: they have a port, or are none of ours.
static SETTLED: Handles = Handles::none();
/// Sockets that draw from a port reservation of the program's own.
static ASSOCIATED: Handles = Handles::none();

/// Kinds that sockets were made as, by handle: 0 where that is not known.
static MADE: [AtomicU8; HANDLES] = [const { AtomicU8::new(0) }; HANDLES];
const KNOWN: u8 = 1;
const IPV6: u8 = 2;
const UDP: u8 = 4;
/// It has no port, and no option that says how it shares one but `EXCLUSIVE`.
const NEW: u8 = 8;
const EXCLUSIVE: u8 = 16;
/// We have made it exclusive. What the program itself asked for since is in the other bits.
const HIDDEN: u8 = 32;
const REUSE: u8 = 64;
/// It has a port.
const BOUND: u8 = 128;

/// Remembers what a socket has just been made as: 0 stands for the protocol that there is of its
/// kind.
pub(crate) fn made(handle: SOCKET, family: i32, kind: i32, protocol: i32) {
    let usual = match kind {
        SOCK_STREAM => IPPROTO_TCP,
        _ => IPPROTO_UDP,
    };
    let protocol = if protocol == 0 { usual } else { protocol };
    if let (Some(made), Some(transport)) = (MADE.get(index_of(handle)), transport(family, kind, protocol)) {
        let family = if family == AF_INET6 { IPV6 } else { 0 };
        let transport = if transport == Transport::Udp { UDP } else { 0 };
        made.store(KNOWN | NEW | family | transport, Relaxed);
    }
}

/// The socket, if its ports are served, for a call that may give it a port: from now on it is not
/// new.
#[inline]
pub(crate) fn served(handle: SOCKET) -> Option<Socket> {
    let made = MADE.get(index_of(handle))?;
    let known = made.load(Relaxed);
    if known == 0 {
        return Socket::served(handle);
    }
    let before = if known & NEW == 0 { known } else { made.swap(known & !(NEW | EXCLUSIVE), Relaxed) };
    let sharing = if before & EXCLUSIVE == 0 { Sharing::Usual } else { Sharing::Exclusive };
    let is_new = (before & NEW != 0).then_some(sharing);
    let transport = if known & UDP == 0 { Transport::Tcp } else { Transport::Udp };
    let family = if known & IPV6 == 0 { AF_INET } else { AF_INET6 };
    Some(Socket { handle, transport, family, is_new, is_bound: before & BOUND != 0 })
}

/// An option is about to say how `handle` shares its port. Tells whether it was new until now.
pub(crate) fn is_set_up(handle: SOCKET) -> bool {
    let made = MADE.get(index_of(handle));
    made.is_some_and(|made| made.fetch_and(!(NEW | EXCLUSIVE), Relaxed) & NEW != 0)
}

/// The option said that `handle`, which was new, does not share its port.
pub(crate) fn is_exclusive(handle: SOCKET) {
    if let Some(made) = MADE.get(index_of(handle)) {
        made.fetch_or(NEW | EXCLUSIVE, Relaxed);
    }
}

/// An option for sharing a port, as a program sets it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SharingOption {
    /// SO_REUSEADDR.
    Reuse,
    /// SO_EXCLUSIVEADDRUSE.
    Exclusive,
}

impl SharingOption {
    const fn bit(self) -> u8 {
        match self {
            Self::Reuse => REUSE,
            Self::Exclusive => EXCLUSIVE,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Reuse => Self::Exclusive,
            Self::Exclusive => Self::Reuse,
        }
    }
}

/// Has the program not see that `handle` is exclusive.
pub(crate) fn hide_exclusive(handle: SOCKET) {
    if let Some(made) = MADE.get(index_of(handle)) {
        made.fetch_or(HIDDEN, Relaxed);
    }
}

/// State of an option as the program set it, of a socket on which it does not see the system's own.
pub(crate) fn seen(handle: SOCKET, option: SharingOption) -> Option<bool> {
    let made = MADE.get(index_of(handle))?.load(Relaxed);
    (made & HIDDEN != 0).then_some(made & option.bit() != 0)
}

/// Sets an option as the program sees it, of such a socket. False where the other one is set, with
/// which the system has none.
pub(crate) fn set_seen(handle: SOCKET, option: SharingOption, on: bool) -> bool {
    let Some(made) = MADE.get(index_of(handle)) else { return false };
    if on && seen(handle, option.other()) == Some(true) {
        return false;
    }
    if on {
        made.fetch_or(option.bit(), Relaxed)
    } else {
        made.fetch_and(!option.bit(), Relaxed)
    };
    true
}

/// Tells whether a send on `handle` is known to bind nothing.
#[inline]
pub(crate) fn is_settled(handle: SOCKET) -> bool {
    SETTLED.contains(handle)
}

/// Remembers that a send on `handle` binds nothing. No call takes a port from a socket that has
/// one.
pub(crate) fn mark_settled(handle: SOCKET) {
    SETTLED.insert(handle);
}

/// Remembers that `handle` has a port: nothing that is called on it takes one.
pub(crate) fn mark_bound(handle: SOCKET) {
    mark_settled(handle);
    if let Some(made) = MADE.get(index_of(handle))
        && made.load(Relaxed) & KNOWN != 0
    {
        made.fetch_or(BOUND, Relaxed);
    }
}

/// Tells whether the program has given `handle` a reservation to draw from
/// (SIO_ASSOCIATE_PORT_RESERVATION).
pub(crate) fn is_associated(handle: SOCKET) -> bool {
    ASSOCIATED.contains(handle)
}

/// Remembers that it has.
pub(crate) fn associate(handle: SOCKET) {
    ASSOCIATED.insert(handle);
}

/// `handle` means something else now, or soon will.
#[inline]
pub(crate) fn forget(handle: SOCKET) {
    SETTLED.remove(handle);
    ASSOCIATED.remove(handle);
    if let Some(made) = MADE.get(index_of(handle)) {
        made.store(0, Relaxed);
    }
}
