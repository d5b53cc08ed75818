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

/// An array of strings that ends in a null pointer.
pub(crate) type Strings = *const *const c_char;

unsafe extern "C" {
    static mut environ: Strings;
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
// SAFETY: written by `keep` alone, which runs once, before anything reads them.
unsafe impl Sync for Store {}
static STORE: Store = Store(UnsafeCell::new([0; ROOM]));
static PATH: Store = Store(UnsafeCell::new([0; ROOM]));

/// Reads what this process was started with. `None` where nothing asks for portshim, or
/// PORTSHIM_DISABLE=1 switches it off.
pub(crate) fn read() -> Option<Found> {
    let environment = started_with();
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

/// Whether the environment asks the loader for any library.
pub(crate) fn preloads() -> bool {
    // SAFETY: as for `read`, which has just looked.
    unsafe { find(started_with(), PRELOAD) }.is_some_and(|list| !list.is_empty())
}

/// Where the stack of the main thread began: the address of what the kernel left there.
#[inline]
pub(crate) fn stack_start() -> usize {
    // SAFETY: the dynamic linker sets the pointer before it runs anyone's code.
    unsafe { __libc_stack_end as usize }
}

/// The environment at the start.
fn started_with() -> Strings {
    // SAFETY: libc's own pointer; nobody else runs yet.
    match unsafe { environ } {
        own if own.is_null() => from_stack(),
        own => own,
    }
}

/// The environment that the program was started with, for one that binds before even libc's own
/// constructor has looked for it, in DT_PREINIT_ARRAY.
fn from_stack() -> Strings {
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
            LIBRARY.store(absolute(info.dli_fname), Relaxed);
        }
    }
}

/// What stands in LD_PRELOAD for a folder that the loader of glibc finds, and no other.
const FOR_GLIBC: &[u8] = b"/$LIB/";

/// The library as LD_PRELOAD names it, where it is named for glibc alone. A child with another C library shall not
/// find it either.
fn listed(name: &[u8]) -> Option<&'static [u8]> {
    // SAFETY: as for `read`, which has just looked.
    let list = unsafe { find(started_with(), PRELOAD) }?.to_bytes();
    let file = |path: &'_ [u8]| path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    list.split(|b| *b == b':' || *b == b' ').find(|entry| {
        let (folder, own) = entry.split_at(file(entry));
        folder.ends_with(FOR_GLIBC) && own == &name[file(name)..]
    })
}

/// A path that holds wherever the program goes. Null where it is too long.
///
/// # Safety
/// `path` is a string that stays; the call is made once.
unsafe fn absolute(path: *const c_char) -> *mut c_char {
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(path) }.to_bytes();
    if let Some(listed) = listed(name).filter(|listed| listed.len() < ROOM) {
        // SAFETY: nobody else has the store, and it ends in zeroes.
        let store = unsafe { &mut *PATH.0.get() };
        store[..listed.len()].copy_from_slice(listed);
        return store.as_mut_ptr().cast::<c_char>();
    }
    if name.starts_with(b"/") {
        return path.cast_mut();
    }
    // SAFETY: nobody else has the store.
    let store = unsafe { &mut *PATH.0.get() };
    let folder = sys::current_folder(store).unwrap_or(ROOM);
    if folder + 1 + name.len() >= ROOM {
        return null_mut();
    }
    store[folder] = b'/';
    store[folder + 1..][..name.len()].copy_from_slice(name);
    store.as_mut_ptr().cast::<c_char>()
}

/// This process's own environment.
pub(crate) fn own() -> Strings {
    // SAFETY: reads libc's pointer, as every exec function does.
    unsafe { environ }
}

/// Calls `then` with an environment in which the shim is loaded: `given`, or a copy on the stack with
/// the missing variables put back. Nothing is allocated, for this also runs between vfork and exec.
pub(crate) fn followed<T>(given: Strings, then: impl Fn(Strings) -> T) -> T {
    let Some(missing) = Missing::of(given) else { return then(given) };
    let mut result = None;
    missing.complete(given, &mut |envp| result = Some(then(envp)));
    match result {
        Some(result) => result,
        None => then(given), // more variables than there is room for
    }
}

/// Calls `then` with a shell command before which the variables are put back that this process's own
/// environment lacks: `command` itself where it lacks none. The environment is not touched: another
/// thread may be changing it.
pub(crate) fn prefixed<T>(command: *const c_char, then: impl FnOnce(*const c_char) -> T) -> T {
    let complete = || {
        let missing = Missing::of(own())?;
        let mut memory = Memory::default();
        let length = memory.end_of_string(command as usize)? - command as usize;
        // SAFETY: all of the string has just been seen to be readable.
        let command = unsafe { core::slice::from_raw_parts(command.cast::<u8>(), length) };
        ShellCommand::new(&missing, command)
    };
    match complete() {
        Some(shell) => then(shell.text()),
        None => then(command),
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
    /// `None` where nothing is missing, where children are not followed, where the program switched the shim off for the child, and where
    /// the environment cannot be read: then the kernel shall say so.
    fn of(given: Strings) -> Option<Self> {
        if session::get().is_none_or(|session| session.region.header.follow.load(Relaxed) == 0) {
            return None;
        }
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
            if memory.starts_with(entry as usize + DISABLE.len(), b"1\0")? {
                return None;
            }
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

    /// LD_PRELOAD with us in front, in parts.
    fn preload_parts(&self) -> [&[u8]; 3] {
        let others = self.preload.map_or(&[][..], |(_, entry)| &entry.to_bytes()[PRELOAD.len()..]);
        [self.library.to_bytes(), if others.is_empty() { b"" } else { b":" }, others]
    }

    /// Calls `then` with the completed environment, in as little of the stack as will hold it: some
    /// programs exec from stacks of a few kilobytes.
    fn complete(&self, given: Strings, then: &mut dyn FnMut(Strings)) {
        let length = PRELOAD.len() + self.preload_parts().iter().map(|part| part.len()).sum::<usize>() + 1;
        match length {
            0..=256 => self.with_preload::<256>(given, then),
            257..=1024 => self.with_preload::<1024>(given, then),
            1025..=8192 => self.with_preload::<8192>(given, then),
            _ => {}
        }
    }

    #[inline(never)]
    fn with_preload<const N: usize>(&self, given: Strings, then: &mut dyn FnMut(Strings)) {
        let mut text = [0u8; N];
        let mut end = 0;
        for part in [PRELOAD].into_iter().chain(self.preload_parts()) {
            text[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        let preload = text.as_ptr().cast::<c_char>();
        macro_rules! in_steps {
            ($($room:literal)*) => {
                match self.entries + ADDED {
                    $(0..=$room => self.with_entries::<$room>(given, preload, then),)*
                    _ => {}
                }
            };
        }
        in_steps!(16 32 64 128 256 512 1024 2048 4096 8192 16384 32768);
    }

    #[inline(never)]
    fn with_entries<const N: usize>(&self, given: Strings, preload: *const c_char, then: &mut dyn FnMut(Strings)) {
        let mut array = [null::<c_char>(); N];
        for (n, slot) in array.iter_mut().enumerate().take(self.entries) {
            // SAFETY: `given` has been walked as far as this, and no entry was null.
            *slot = unsafe { *given.add(n) };
        }
        let mut end = self.entries;
        let mut add = |entry| {
            array[end] = entry;
            end += 1;
        };
        if self.needs_policy {
            for kept in [&KEPT_POLICY, &KEPT_SESSION] {
                let entry = kept.load(Relaxed);
                if !entry.is_null() {
                    add(entry.cast_const());
                }
            }
        }
        match self.preload {
            Some((n, _)) => array[n] = preload,
            None if self.needs_preload => add(preload),
            None => {}
        }
        then(array.as_ptr());
    }
}

/// The most entries that are added: LD_PRELOAD, the policy, the session, and the null pointer at the end.
const ADDED: usize = 4;

/// A shell command that exports variables before it runs what the program asked for.
struct ShellCommand {
    at: *mut u8,
    size: usize,
}

impl ShellCommand {
    /// In memory of its own, for system(3) and popen(3) take commands of any length.
    fn new(missing: &Missing, command: &[u8]) -> Option<Self> {
        let mut entries: [&[u8]; 3] = [b"", b"", b""];
        if missing.needs_policy {
            for (entry, kept) in entries.iter_mut().zip([&KEPT_POLICY, &KEPT_SESSION]) {
                let kept = kept.load(Relaxed);
                if !kept.is_null() {
                    // SAFETY: `keep` left a string there for the program's whole life.
                    *entry = unsafe { CStr::from_ptr(kept) }.to_bytes();
                }
            }
        }
        let preload = missing.preload_parts();
        // A quote becomes four characters; `export =''` and the final NUL add some more.
        let most = |bytes: &[u8]| 4 * bytes.len() + 16;
        let size = entries.iter().chain(&preload).map(|bytes| most(bytes)).sum::<usize>() + command.len() + 64;
        let shell = Self { at: sys::map_shared(None, size).ok()?, size };
        // SAFETY: `size` bytes of zeroes were just mapped, for us alone.
        let mut room = unsafe { core::slice::from_raw_parts_mut(shell.at, size) }.iter_mut();
        let mut put = |bytes: &[u8]| {
            for (byte, slot) in bytes.iter().zip(room.by_ref()) {
                *slot = *byte;
            }
        };
        let export = |put: &mut dyn FnMut(&[u8]), name: &[u8], parts: &[&[u8]]| {
            put(b"export ");
            put(name);
            put(b"'");
            for byte in parts.iter().copied().flatten() {
                if *byte == b'\'' { put(b"'\\''") } else { put(core::slice::from_ref(byte)) }
            }
            put(b"'; ");
        };
        for (entry, prefix) in entries.into_iter().zip([POLICY, SESSION]) {
            if let Some(value) = entry.strip_prefix(prefix) {
                export(&mut put, prefix, &[value]);
            }
        }
        if missing.needs_preload {
            export(&mut put, PRELOAD, &preload);
        }
        put(command);
        Some(shell)
    }

    fn text(&self) -> *const c_char {
        self.at.cast_const().cast::<c_char>()
    }
}

impl Drop for ShellCommand {
    fn drop(&mut self) {
        // SAFETY: the child has its own copy by now, and nobody else was given the address.
        unsafe { sys::unmap(self.at, self.size) };
    }
}
