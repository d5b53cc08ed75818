//! Knowledge of handles without asking Winsock. A cache and no more: of most handles nothing is
//! known, and "unknown" leads to the slow path, which asks.

use super::index_of;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use windows_sys::Win32::Networking::WinSock::SOCKET;

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
}
