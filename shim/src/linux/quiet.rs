//! A time in which no signal handler runs in this thread: one that jumps out of a hook, as a cancellation does, too, would
//! leave behind what was open or changed in the midst of it. Nothing may block meanwhile.

use super::sys;

/// Such a time, until this is dropped.
pub(crate) struct Quiet {
    /// The signals that were held before; `None` where the program's sandbox lets nobody hold them.
    before: Option<u64>,
}

impl Quiet {
    pub(crate) fn begin() -> Self {
        Self { before: sys::hold_signals() }
    }

    /// Whether it should end soon: a signal that the program would have got by now is waiting.
    pub(crate) fn is_disturbing(&self) -> bool {
        self.before.is_some_and(|before| sys::waiting_signals() & !before != 0)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A time in the midst of another one ends with that, whichever is dropped first.
        if self.before != Some(sys::HELD_SIGNALS) {
            sys::keep_signals(self.before);
        }
    }
}
