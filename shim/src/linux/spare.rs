//! Memory for a call that does not always come back: what a child of vfork(2) maps stays mapped in
//! its parent once the child has become another program. So such a child takes a piece that its
//! thread has left before, if there is one.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use portshim_mechanism::linux::kernel::process::in_vfork_child;
use portshim_mechanism::linux::kernel::{memory, process};

/// A piece that outlives who takes it.
struct Kept {
    /// The process that has taken it; 0 is nobody.
    taken_by: AtomicU32,
    /// The thread that it was last taken in.
    thread: AtomicUsize,
    at: AtomicPtr<u8>,
    len: AtomicUsize,
}

/// As many threads can have children of vfork that become other programs at once without leaving
/// anything behind.
const THREADS: usize = 64;
static KEPT: [Kept; THREADS] = [const {
    Kept {
        taken_by: AtomicU32::new(0),
        thread: AtomicUsize::new(0),
        at: AtomicPtr::new(core::ptr::null_mut()),
        len: AtomicUsize::new(0),
    }
}; THREADS];

/// A piece of memory, until it is dropped.
pub(super) struct Spare {
    at: *mut u8,
    len: usize,
    kept: Option<&'static Kept>,
}

impl Spare {
    /// `len` bytes at least, of any content.
    pub(super) fn of(len: usize) -> Option<Self> {
        if in_vfork_child()
            && let Some(kept) = take()
        {
            return Self::kept(kept, len);
        }
        Some(Self { at: memory::map_private(len).ok()?, len, kept: None })
    }

    fn kept(kept: &'static Kept, len: usize) -> Option<Self> {
        let (at, had) = (kept.at.load(Relaxed), kept.len.load(Relaxed));
        if had >= len {
            return Some(Self { at, len: had, kept: Some(kept) });
        }
        if !at.is_null() {
            // SAFETY: who had it is gone, and nobody else was given the address.
            unsafe { memory::unmap(at, had) };
        }
        let at = memory::map_private(len).unwrap_or(core::ptr::null_mut());
        kept.at.store(at, Relaxed);
        kept.len.store(if at.is_null() { 0 } else { len }, Relaxed);
        let spare = Self { at, len, kept: Some(kept) };
        (!at.is_null()).then_some(spare)
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.at
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        match self.kept {
            Some(kept) => kept.taken_by.store(0, Release),
            // SAFETY: the call is over for which it was mapped.
            None => unsafe { memory::unmap(self.at, self.len) },
        }
    }
}

/// Takes a piece for a child of vfork. Its thread stands still until the child is gone, so what an
/// earlier child of it took is free again; but not what this process has taken, or its parent,
/// which are in the midst of it: a signal handler that becomes another program interrupts them.
fn take() -> Option<&'static Kept> {
    let (me, parent, thread) = (process::process(), process::parent(), process::thread_place());
    let claim = |kept: &Kept, from: u32| kept.taken_by.compare_exchange(from, me, Acquire, Relaxed).is_ok();
    let left = |kept: &&Kept| {
        let by = kept.taken_by.load(Relaxed);
        kept.thread.load(Relaxed) == thread && ![me, parent].contains(&by) && claim(kept, by)
    };
    let free = |kept: &&Kept| kept.taken_by.load(Relaxed) == 0 && claim(kept, 0);
    // The thread is no more, perhaps, but then neither is a child that it waited for.
    let ended = |kept: &&Kept| {
        let by = kept.taken_by.load(Relaxed);
        ![me, parent].contains(&by) && !process::is_alive(by) && claim(kept, by)
    };
    let found = KEPT.iter().find(left).or_else(|| KEPT.iter().find(free)).or_else(|| KEPT.iter().find(ended))?;
    found.thread.store(thread, Relaxed);
    Some(found)
}
