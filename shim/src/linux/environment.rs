//! The variables that load the shim: read once at the start, and put back into a child's environment
//! where the program left them out.

use super::memory::Memory;
use super::{session, sys};
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char, c_void};
use core::ptr::{copy_nonoverlapping, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

const PRELOAD: &[u8] = b"LD_PRELOAD=";
const POLICY: &[u8] = b"PORTSHIM_POLICY=";
const SESSION: &[u8] = b"PORTSHIM_SESSION=";
const DISABLE: &[u8] = b"PORTSHIM_DISABLE=";

unsafe extern "C" {
    static mut environ: *const *const c_char;
    /// What the kernel left on the stack at exec: the number of arguments, their pointers, a null
    /// pointer, and those of the environment.
    static __libc_stack_end: *const *const c_char;
}

/// What the environment asks for.
pub(crate) struct Found {
    /// The file of the session's region.
    pub(crate) session: Option<&'static CStr>,
    /// The policy in its wire form.
    pub(crate) policy: Option<&'static CStr>,
}

/// Copies of the variables, whole: programs write over their own environment (to change what ps(1) shows).
static KEPT_POLICY: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
static KEPT_SESSION: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
/// The path of this library.
static LIBRARY: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

const ROOM: usize = 4096;
struct Store(UnsafeCell<[u8; ROOM]>);
// SAFETY: written by `keep` alone, which runs once, before anything reads it.
unsafe impl Sync for Store {}
static STORE: Store = Store(UnsafeCell::new([0; ROOM]));

/// Reads what this process was started with. `None` where nothing asks for portshim, or
/// PORTSHIM_DISABLE=1 switches it off.
pub(crate) fn read() -> Option<Found> {
    // SAFETY: libc's own pointer; nobody else runs yet.
    let environment = match unsafe { environ } {
        own if own.is_null() => from_stack(),
        own => own,
    };
    // SAFETY: it is an array of strings that ends in a null pointer.
    let (policy, session) = unsafe {
        if find(environment, DISABLE).is_some_and(|v| v.to_bytes() == b"1") {
            return None;
        }
        (find(environment, POLICY), find(environment, SESSION))
    };
    if policy.is_none() && session.is_none() {
        return None;
    }
    keep(policy, session);
    Some(Found { session, policy })
}

/// The environment that the program was started with, for one that binds before even libc's own
/// constructor has looked for it, in DT_PREINIT_ARRAY.
fn from_stack() -> *const *const c_char {
    // SAFETY: the dynamic linker sets the pointer before it runs anyone's code, and exec lays the
    // stack out in this way.
    unsafe {
        let count = *__libc_stack_end.cast::<usize>();
        __libc_stack_end.add(1 + count + 1)
    }
}

/// The value of the variable that `prefix` begins.
///
/// # Safety
/// `environment` is null, or an array of strings that ends in a null pointer and lives on.
unsafe fn find(environment: *const *const c_char, prefix: &[u8]) -> Option<&'static CStr> {
    // SAFETY: as the caller promises.
    unsafe {
        entries(environment)
            .find(|entry| entry.to_bytes().starts_with(prefix))
            .map(|entry| CStr::from_ptr(entry.as_ptr().add(prefix.len())))
    }
}

/// # Safety
/// As for [`find`].
unsafe fn entries(environment: *const *const c_char) -> impl Iterator<Item = &'static CStr> {
    let mut at = environment;
    core::iter::from_fn(move || {
        // SAFETY: as the caller promises; the end is not passed.
        unsafe {
            if at.is_null() || (*at).is_null() {
                return None;
            }
            let entry = CStr::from_ptr(*at);
            at = at.add(1);
            Some(entry)
        }
    })
}

/// Copies the variables to where the program does not write.
fn keep(policy: Option<&CStr>, session: Option<&CStr>) {
    let size = |value: Option<&CStr>, prefix: &[u8]| value.map_or(0, |v| prefix.len() + v.count_bytes() + 1);
    let total = size(policy, POLICY) + size(session, SESSION);
    let store = if total <= ROOM {
        STORE.0.get().cast::<u8>()
    } else {
        match sys::map_shared(None, total) {
            Ok(at) => at,
            Err(_) => return,
        }
    };
    let mut at = store;
    for (value, prefix, kept) in [(policy, POLICY, &KEPT_POLICY), (session, SESSION, &KEPT_SESSION)] {
        let Some(value) = value else { continue };
        kept.store(at.cast::<c_char>(), Relaxed);
        // SAFETY: `total` bytes are free at `store`, which is the sum of what is copied here.
        unsafe {
            copy_nonoverlapping(prefix.as_ptr(), at, prefix.len());
            at = at.add(prefix.len());
            copy_nonoverlapping(value.as_ptr().cast::<u8>(), at, value.count_bytes() + 1);
            at = at.add(value.count_bytes() + 1);
        }
    }
    // SAFETY: a `Dl_info` is all pointers; dladdr fills it for an address inside a loaded library, and
    // the name that it points to stays as long as the library is loaded.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        if libc::dladdr(keep as *const c_void, &raw mut info) != 0 {
            LIBRARY.store(info.dli_fname.cast_mut(), Relaxed);
        }
    }
}

/// This process's own environment.
pub(crate) fn own() -> *const *const c_char {
    // SAFETY: reads libc's pointer, as every exec function does.
    unsafe { environ }
}

/// Runs `call` with this process's environment replaced by `other`.
pub(crate) fn with_own<T>(other: *const *const c_char, call: impl FnOnce() -> T) -> T {
    // SAFETY: system(3) and popen(3) read libc's pointer while they start the child; it is put back
    // right after. Programs that change their environment from several threads at once are on
    // their own with libc, too (setenv(3) is not thread-safe).
    unsafe {
        let before = environ;
        environ = other;
        let result = call();
        environ = before;
        result
    }
}

/// Calls `then` with an environment in which the shim is loaded: `given`, or a copy on the stack with
/// the missing variables put back. Nothing is allocated, for this also runs between vfork and exec.
pub(crate) fn followed<T>(given: *const *const c_char, then: impl FnOnce(*const *const c_char) -> T) -> T {
    let follows = session::get().is_some_and(|session| session.region.header.follow.load(Relaxed) != 0);
    match if follows { Missing::of(given) } else { None } {
        None => then(given),
        // SAFETY: `missing` has just walked `given`, to its end.
        Some(missing) => unsafe {
            match missing.entries {
                0..50 => missing.fill::<64, T>(given, then),
                50..500 => missing.fill::<512, T>(given, then),
                500..4000 => missing.fill::<4096, T>(given, then),
                4000..32000 => missing.fill::<32768, T>(given, then),
                _ => then(given),
            }
        },
    }
}

/// What an environment lacks for the shim to be loaded.
struct Missing {
    entries: usize,
    library: &'static CStr,
    /// Where LD_PRELOAD stands and what it says, if it does not name us.
    preload: Option<(usize, &'static CStr)>,
    needs_preload: bool,
    needs_policy: bool,
}

impl Missing {
    /// `None` where nothing is missing, where the program switched the shim off for the child, and where
    /// the environment cannot be read: then the kernel shall say so.
    fn of(given: *const *const c_char) -> Option<Self> {
        let library = LIBRARY.load(Relaxed);
        if library.is_null() {
            return None;
        }
        // SAFETY: `LIBRARY` holds a string for the library's whole life.
        let library = unsafe { CStr::from_ptr(library) };
        let mut missing = Self { entries: 0, library, preload: None, needs_preload: true, needs_policy: true };
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
        (missing.needs_preload || missing.needs_policy).then_some(missing)
    }

    /// Takes one entry in; `None` where it cannot be read, or switches the shim off.
    fn look_at(&mut self, entry: *const c_char, memory: &mut Memory) -> Option<()> {
        let starts = |memory: &mut Memory, prefix: &[u8]| memory.starts_with(entry as usize, prefix);
        if starts(memory, DISABLE)? {
            return None;
        } else if starts(memory, POLICY)? || starts(memory, SESSION)? {
            self.needs_policy = false;
        } else if starts(memory, PRELOAD)? {
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

    /// # Safety
    /// `given` has `self.entries` entries, fewer than `N` - 8.
    #[inline(never)]
    unsafe fn fill<const N: usize, T>(
        &self,
        given: *const *const c_char,
        then: impl FnOnce(*const *const c_char) -> T,
    ) -> T {
        const LONGEST: usize = 8192;
        let mut array = [null::<c_char>(); N];
        let mut preload = [0u8; LONGEST];
        for (n, slot) in array.iter_mut().enumerate().take(self.entries) {
            // SAFETY: `given` has that many entries.
            *slot = unsafe { *given.add(n) };
        }
        let mut end = self.entries;
        if self.needs_preload {
            let others = self.preload.map_or(&[][..], |(_, entry)| &entry.to_bytes()[PRELOAD.len()..]);
            let parts: [&[u8]; 4] =
                [PRELOAD, self.library.to_bytes(), if others.is_empty() { b"" } else { b":" }, others];
            if parts.iter().map(|p| p.len()).sum::<usize>() >= LONGEST {
                return then(given);
            }
            let mut at = 0;
            for part in parts {
                preload[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
            let slot = self.preload.map_or(end, |(n, _)| n);
            array[slot] = preload.as_ptr().cast::<c_char>();
            end = end.max(slot + 1);
        }
        if self.needs_policy {
            for kept in [&KEPT_POLICY, &KEPT_SESSION] {
                let entry = kept.load(Relaxed);
                if !entry.is_null() {
                    array[end] = entry;
                    end += 1;
                }
            }
        }
        then(array.as_ptr())
    }
}
