//! This library's own file, which children load as well.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Release};
use windows_sys::Win32::Foundation::HMODULE;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleFileNameW, GetModuleHandleExW,
};
use windows_sys::core::PCWSTR;
use windows_sys::w;

/// The longest path that Windows knows, in UTF-16 units.
pub(crate) const LONGEST: usize = 32768;

struct Store(UnsafeCell<[u16; LONGEST]>);
// SAFETY: written by `remember` alone, before `LENGTH` says so.
unsafe impl Sync for Store {}
static PATH: Store = Store(UnsafeCell::new([0; LONGEST]));
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static BASE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Looks up where this library lies. Called once, before anything asks.
pub(crate) fn remember(module: HMODULE) {
    BASE.store(module, Release);
    // SAFETY: the store holds `LONGEST` units, and nobody reads it yet.
    let length = unsafe { GetModuleFileNameW(module, PATH.0.get().cast(), LONGEST as u32) } as usize;
    if length < LONGEST {
        LENGTH.store(length, Release);
    }
}

/// Keeps this library loaded until the process ends, for the functions that are detoured lead into
/// it; and Winsock, whose functions they are: loaded anew, it would have them as they were.
pub(crate) fn stay() {
    let mut module = null_mut();
    let own = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    // SAFETY: with the second flag the name is an address inside the library; without it, it ends
    // in a NUL. `module` is ours.
    unsafe {
        GetModuleHandleExW(own, stay as *const () as PCWSTR, &raw mut module);
        GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN, w!("ws2_32.dll"), &raw mut module);
    }
}

/// Address of this library.
pub(crate) fn base() -> Option<HMODULE> {
    Some(BASE.load(Acquire)).filter(|base| !base.is_null())
}

/// The path, with a NUL at its end; `None` where it is not known.
pub(crate) fn path() -> Option<&'static [u16]> {
    match LENGTH.load(Acquire) {
        0 => None,
        // SAFETY: written before `LENGTH` was, and never again.
        length => Some(unsafe { core::slice::from_raw_parts(PATH.0.get().cast(), length + 1) }),
    }
}

/// Writes the last part of a path into `room`, as far as there is some. Says how long it is.
pub(crate) fn file_name(path: &[u16], room: &mut [u8]) -> usize {
    let file = path.rsplit(|unit| *unit == u16::from(b'\\')).next().unwrap_or(path);
    let mut end = 0;
    for character in char::decode_utf16(file.iter().copied()) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let Some(place) = room.get_mut(end..end + character.len_utf8()) else { break };
        end += character.encode_utf8(place).len();
    }
    end
}
