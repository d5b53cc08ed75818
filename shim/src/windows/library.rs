//! This library's own file, which children load as well.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};
use windows_sys::Win32::Foundation::HMODULE;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleFileNameW, GetModuleHandleExW,
};
use windows_sys::core::PCWSTR;

/// The longest path that Windows knows, in UTF-16 units.
pub(crate) const LONGEST: usize = 32768;

struct Store(UnsafeCell<[u16; LONGEST]>);
// SAFETY: written by `remember` alone, before `LENGTH` says so.
unsafe impl Sync for Store {}
static PATH: Store = Store(UnsafeCell::new([0; LONGEST]));
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Looks up where this library lies. Called once, before anything asks.
pub(crate) fn remember(module: HMODULE) {
    // SAFETY: the store holds `LONGEST` units, and nobody reads it yet.
    let length = unsafe { GetModuleFileNameW(module, PATH.0.get().cast(), LONGEST as u32) } as usize;
    if length < LONGEST {
        LENGTH.store(length, Release);
    }
}

/// Keeps this library loaded until the process ends: the functions that are detoured lead into it.
pub(crate) fn stay() {
    let mut own = core::ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    // SAFETY: with the second flag the name is an address inside the library; `own` is ours.
    unsafe { GetModuleHandleExW(flags, stay as *const () as PCWSTR, &raw mut own) };
}

/// The path, with a NUL at its end; `None` where it is not known.
pub(crate) fn path() -> Option<&'static [u16]> {
    match LENGTH.load(Acquire) {
        0 => None,
        // SAFETY: written before `LENGTH` was, and never again.
        length => Some(unsafe { core::slice::from_raw_parts(PATH.0.get().cast(), length + 1) }),
    }
}
