//! Signals held back: one whose handler jumps out of a hook, as a cancellation does, too, would
//! leave behind what was open or changed in the midst of it. Nothing may block meanwhile.

use super::call::call;

/// Keeps signals from this thread, as far as the kernel lets it, and gives the set of those that
/// were kept before. `None` where the kernel does not let it.
pub fn hold_signals() -> Option<u64> {
    hold_these_signals(&ALL_SIGNALS)
}

/// The same of the signals of this set alone. The kernel is asked, and not the C library, which
/// keeps signals of its own out of every set: glibc two, musl three.
pub fn hold_these_signals(set: &u64) -> Option<u64> {
    let mut before = 0u64;
    // SAFETY: the kernel reads one set of eight bytes and writes another.
    let held = unsafe { call!(rt_sigprocmask, libc::SIG_BLOCK, core::ptr::from_ref(set), &raw mut before, 8) };
    held.ok().map(|_| before)
}

/// Keeps the signals of this set from this thread, and no others.
pub fn keep_signals(set: Option<u64>) {
    let Some(set) = set else { return };
    // SAFETY: the kernel reads one set of eight bytes, and is asked to write none.
    let _ = unsafe { call!(rt_sigprocmask, libc::SIG_SETMASK, &raw const set, 0, 8) };
}

/// The signals that wait for this thread to let them in.
pub fn waiting_signals() -> u64 {
    let mut waiting = 0u64;
    // SAFETY: the kernel writes one set of eight bytes.
    let _ = unsafe { call!(rt_sigpending, &raw mut waiting, 8) };
    waiting
}

static ALL_SIGNALS: u64 = u64::MAX;

/// Signals that [`hold_signals`] holds: all but SIGKILL and SIGSTOP, which the kernel lets nobody
/// hold.
pub const HELD_SIGNALS: u64 = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));

/// A time in which no signal handler runs in this thread, until this is dropped.
pub struct Quiet {
    /// The signals that were held before; `None` where the program's sandbox lets nobody hold them.
    before: Option<u64>,
}

impl Quiet {
    /// Begins such a time.
    #[must_use]
    pub fn begin() -> Self {
        Self { before: hold_signals() }
    }

    /// Tells whether it should end soon: a signal that the program would have got by now is
    /// waiting.
    pub fn is_disturbing(&self) -> bool {
        self.before.is_some_and(|before| waiting_signals() & !before != 0)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A time in the midst of another one ends with that, whichever is dropped first.
        if self.before != Some(HELD_SIGNALS) {
            keep_signals(self.before);
        }
    }
}

/// Does it without a signal handler between: one that jumps out of it would leave it undone for
/// good.
pub fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let _quiet = Quiet::begin();
    work()
}
