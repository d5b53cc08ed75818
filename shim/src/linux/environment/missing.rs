//! Variables that a child's environment lacks, and an environment that lacks it no longer.

use crate::linux::memory::Memory;
use crate::linux::spare::Spare;
use crate::linux::start;
use crate::linux::variables::{DISABLE, KEPT_POLICY, KEPT_SESSION, LIBRARY, POLICY, PRELOAD, SESSION, Strings};
use core::ffi::{CStr, c_char};
use core::ptr::copy_nonoverlapping;
use core::sync::atomic::Ordering::Relaxed;
use portshim_mechanism::session::Session;

/// Variables that an environment lacks for the shim to be loaded.
pub(super) struct MissingVars {
    entries: usize,
    library: &'static CStr,
    /// Place where LD_PRELOAD stands and what it says, if it does not name us.
    preload: Option<(usize, &'static CStr)>,
    pub(super) needs_preload: bool,
    /// Place where the policy and the session stand that say nothing, or nothing of use.
    policy: Place,
    session: Place,
}

/// Place where a variable is put that has to be put back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind the others.
    End,
    /// In the place of one that says nothing.
    At(usize),
    /// It is there.
    Nowhere,
}

impl MissingVars {
    /// `None` where nothing is missing, where children are not followed, where the program switched
    /// the shim off for the child, and where the environment cannot be read: then the kernel shall
    /// say so.
    pub(super) fn of(given: Strings) -> Option<Self> {
        if !start::session().is_some_and(Session::follows) {
            return None;
        }
        let library = LIBRARY.load(Relaxed);
        if library.is_null() {
            return None;
        }
        // SAFETY: `LIBRARY` holds a string for the library's whole life.
        let library = unsafe { CStr::from_ptr(library) };
        let (policy, session) = (Place::End, Place::End);
        let mut missing = Self { entries: 0, library, preload: None, needs_preload: true, policy, session };
        let mut memory = Memory::default();
        if !given.is_null() {
            loop {
                let entry = memory.word(given.wrapping_add(missing.entries) as usize)? as *const c_char;
                if entry.is_null() {
                    break;
                }
                missing.look_at(entry, &mut memory)?;
                missing.entries += 1;
            }
        }
        missing.settle().then_some(missing)
    }

    /// Takes one entry in; `None` where it cannot be read, or switches the shim off.
    fn look_at(&mut self, entry: *const c_char, memory: &mut Memory) -> Option<()> {
        let mut starts = |at: *const c_char, prefix: &[u8]| memory.starts_with(at as usize, prefix);
        if starts(entry, DISABLE)? {
            if starts(entry.wrapping_add(DISABLE.len()), b"1\0")? {
                return None;
            }
        } else if starts(entry, POLICY)? {
            let says_nothing = starts(entry.wrapping_add(POLICY.len()), b"\0")?;
            self.policy = if says_nothing { Place::At(self.entries) } else { Place::Nowhere };
        } else if starts(entry, SESSION)? {
            let kept = KEPT_SESSION.load(Relaxed);
            // SAFETY: `keep` left a string there for the program's whole life.
            let is_ours = !kept.is_null() && starts(entry, unsafe { CStr::from_ptr(kept) }.to_bytes_with_nul())?;
            self.session = if is_ours { Place::Nowhere } else { Place::At(self.entries) };
        } else if starts(entry, PRELOAD)? {
            memory.end_of_string(entry as usize)?;
            // SAFETY: all of the string has just been seen to be readable.
            let entry = unsafe { CStr::from_ptr(entry) };
            let list = &entry.to_bytes()[PRELOAD.len()..];
            let ours = list.split(|b| *b == b':' || *b == b' ').any(|path| path == self.library.to_bytes());
            self.needs_preload = !ours;
            self.preload = (!ours).then_some((self.entries, entry));
        }
        Some(())
    }

    /// Leaves the policy and the session alone where the child has either: a policy of its own, or
    /// our session. Whether anything is missing then.
    fn settle(&mut self) -> bool {
        if self.policy == Place::Nowhere || self.session == Place::Nowhere {
            (self.policy, self.session) = (Place::Nowhere, Place::Nowhere);
        }
        self.needs_preload || self.policy != Place::Nowhere
    }

    /// The variables to be put back, but for LD_PRELOAD.
    pub(super) fn kept(&self) -> [(*const c_char, Place); 2] {
        [(&KEPT_POLICY, self.policy), (&KEPT_SESSION, self.session)].map(|(kept, place)| {
            let kept = kept.load(Relaxed).cast_const();
            (kept, if kept.is_null() { Place::Nowhere } else { place })
        })
    }

    /// LD_PRELOAD with us in front, in parts.
    pub(super) fn preload_parts(&self) -> [&[u8]; 3] {
        let others = self.preload.map_or(&[][..], |(_, entry)| &entry.to_bytes()[PRELOAD.len()..]);
        [self.library.to_bytes(), if others.is_empty() { b"" } else { b":" }, others]
    }

    /// Calls `then` with the completed environment: on the stack where it is short, for some
    /// programs exec from stacks of a few kilobytes; else in memory of its own.
    pub(super) fn complete(&self, given: Strings, then: &mut dyn FnMut(Strings)) {
        let text = PRELOAD.len() + self.preload_parts().iter().map(|part| part.len()).sum::<usize>() + 1;
        let words = self.entries + ADDED + text.div_ceil(size_of::<usize>());
        match words {
            0..=64 => self.on_stack::<64>(given, then),
            65..=256 => self.on_stack::<256>(given, then),
            _ => {
                if let Some(spare) = Spare::of(words * size_of::<usize>()) {
                    // SAFETY: the memory is that long, aligned to a page, and nobody else's.
                    let room = unsafe { core::slice::from_raw_parts_mut(spare.start().cast::<usize>(), words) };
                    then(self.lay_out(given, room));
                }
            }
        }
    }

    #[inline(never)]
    fn on_stack<const N: usize>(&self, given: Strings, then: &mut dyn FnMut(Strings)) {
        let mut room = [0usize; N];
        then(self.lay_out(given, &mut room));
    }

    /// Writes the array to `room`, and LD_PRELOAD behind it.
    fn lay_out(&self, given: Strings, room: &mut [usize]) -> Strings {
        let (array, text) = room.split_at_mut(self.entries + ADDED);
        for (n, slot) in array.iter_mut().enumerate().take(self.entries) {
            // SAFETY: `given` has been walked as far as this, and no entry was null.
            *slot = unsafe { *given.add(n) } as usize;
        }
        let preload = text.as_mut_ptr().cast::<c_char>();
        let mut at = preload.cast::<u8>();
        for part in [PRELOAD].into_iter().chain(self.preload_parts()).chain([&b"\0"[..]]) {
            // SAFETY: `complete` has counted these bytes, so that they fit.
            unsafe {
                copy_nonoverlapping(part.as_ptr(), at, part.len());
                at = at.add(part.len());
            }
        }
        let place = match self.preload {
            Some((n, _)) => Place::At(n),
            None if self.needs_preload => Place::End,
            None => Place::Nowhere,
        };
        let mut end = self.entries;
        for (entry, place) in self.kept().into_iter().chain([(preload.cast_const(), place)]) {
            let n = match place {
                Place::At(n) => n,
                Place::End => end,
                Place::Nowhere => continue,
            };
            end = end.max(n + 1);
            array[n] = entry as usize;
        }
        array[end] = 0;
        array.as_ptr().cast()
    }
}

/// The most entries that are added: LD_PRELOAD, the policy, the session, and the null pointer at
/// the end.
const ADDED: usize = 4;
