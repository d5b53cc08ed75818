//! Hooks that could not be placed in a process.

use super::inject::Shim;
use super::native::wide;
use crate::messages;
use portshim_policy::hooks::{Hook, HookKind, WINDOWS_HOOKS, place_of};
use std::path::Path;
use std::ptr;
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};

/// Those without which a program's ports are not the policy's: a bit for each, by its place in the
/// table.
pub(super) const NEEDED: u32 = {
    let (mut bits, mut at) = (0, 0);
    let needed = ["bind", "connect", "sendto", "WSASendTo"];
    while at < needed.len() {
        bits |= 1 << place_of(WINDOWS_HOOKS, needed[at], HookKind::Serve);
        at += 1;
    }
    bits
};

/// Tells whether this system does not have a function that is hooked, so that no program calls it.
pub(crate) fn is_absent(hook: &Hook) -> bool {
    let (library, name) = (wide(hook.library), format!("{}\0", hook.name));
    // SAFETY: both names end in NUL. The libraries are the system's own, and every program has
    // them.
    unsafe {
        let library = LoadLibraryExW(library.as_ptr(), ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32);
        GetProcAddress(library, name.as_ptr()).is_none()
    }
}

/// The hooks that could not be placed in a program that has Winsock as this process has it; none
/// where all could.
pub(crate) fn unplaceable(library: &Path) -> Option<String> {
    let missing = Shim::load(library).map_or(0, |shim| shim.try_out());
    (missing != 0).then(|| messages::hook_names(missing))
}
