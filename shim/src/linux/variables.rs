//! The variables that load the shim: read once at the start, and kept for the children.

use super::elf;
use super::memory::stack_words;
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::ptr::{copy_nonoverlapping, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use portshim_mechanism::linux::kernel::descriptors::current_folder;
use portshim_mechanism::linux::kernel::memory::map_shared;

pub(super) const PRELOAD: &[u8] = b"LD_PRELOAD=";
pub(super) const POLICY: &[u8] = b"PORTSHIM_POLICY=";
pub(super) const SESSION: &[u8] = b"PORTSHIM_SESSION=";
pub(super) const DISABLE: &[u8] = b"PORTSHIM_DISABLE=";

/// An array of strings that ends in a null pointer.
pub(crate) type Strings = *const *const c_char;

unsafe extern "C" {
    static mut environ: Strings;
}

/// Policy and session that the environment asks for.
pub(crate) struct Found {
    /// The file of the session's region.
    pub(crate) session: Option<&'static CStr>,
    /// The policy in its wire form.
    pub(crate) policy: Option<&'static CStr>,
}

/// Copies of the variables, whole: programs write over their own environment (to change what ps(1)
/// shows).
pub(super) static KEPT_POLICY: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
pub(super) static KEPT_SESSION: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
/// The path of this library.
pub(super) static LIBRARY: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

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

/// Tells whether the environment asks the loader for any library.
pub(crate) fn preloads() -> bool {
    // SAFETY: as for `read`, which has just looked.
    unsafe { find(started_with(), PRELOAD) }.is_some_and(|list| !list.is_empty())
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
        let Some(words) = stack_words() else { return null() };
        words.add(1 + *words + 1).cast()
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
        match map_shared(None, total) {
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
    let path = elf::own_path();
    if !path.is_null() {
        // SAFETY: the name stays as long as the library is loaded, and `keep` runs once.
        LIBRARY.store(unsafe { absolute(path) }, Relaxed);
    }
}

/// A path that holds wherever the program goes. Null where it is too long.
///
/// # Safety
/// `path` is a string that stays; the call is made once.
unsafe fn absolute(path: *const c_char) -> *mut c_char {
    // SAFETY: as the caller promises.
    let name = unsafe { CStr::from_ptr(path) }.to_bytes();
    if name.starts_with(b"/") {
        return path.cast_mut();
    }
    // SAFETY: nobody else has the store.
    let store = unsafe { &mut *PATH.0.get() };
    let folder = current_folder(store).unwrap_or(ROOM);
    if folder + 1 + name.len() >= ROOM {
        return null_mut();
    }
    store[folder] = b'/';
    store[folder + 1..][..name.len()].copy_from_slice(name);
    store.as_mut_ptr().cast::<c_char>()
}

/// The value that this process's own environment has for the variable that `prefix` begins, at this
/// moment.
pub(super) fn value(prefix: &[u8]) -> Option<&'static CStr> {
    // SAFETY: libc's own list, read as every exec function reads it.
    unsafe { find(own(), prefix) }
}

/// This process's own environment.
pub(crate) fn own() -> Strings {
    // SAFETY: reads libc's pointer, as every exec function does.
    unsafe { environ }
}
