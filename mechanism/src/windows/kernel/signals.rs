//! Signals, which Windows has not.

/// Does it: nothing interrupts a thread here to run something else on it.
pub fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    work()
}
