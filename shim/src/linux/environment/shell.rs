//! `system` and `popen`: the variables stand in the command, before what the program asked for.

use super::missing::{MissingVars, Place};
use crate::linux::variables::{POLICY, PRELOAD, SESSION};
use core::ffi::{CStr, c_char};
use portshim_mechanism::linux::kernel::memory;

/// A shell command that exports variables before it runs what the program asked for.
pub(super) struct ShellCommand {
    at: *mut u8,
    size: usize,
}

impl ShellCommand {
    /// In memory of its own, for system(3) and popen(3) take commands of any length.
    pub(super) fn new(missing: &MissingVars, command: &[u8]) -> Option<Self> {
        let mut entries: [&[u8]; 3] = [b"", b"", b""];
        for (entry, (kept, place)) in entries.iter_mut().zip(missing.kept()) {
            if place != Place::Nowhere {
                // SAFETY: `keep` left a string there for the program's whole life.
                *entry = unsafe { CStr::from_ptr(kept) }.to_bytes();
            }
        }
        let preload = missing.preload_parts();
        // A quote becomes four characters; `export =''` and the final NUL add some more.
        let most = |bytes: &[u8]| 4 * bytes.len() + 16;
        let size = entries.iter().chain(&preload).map(|bytes| most(bytes)).sum::<usize>() + command.len() + 64;
        let shell = Self { at: memory::map_shared(None, size).ok()?, size };
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

    pub(super) fn text(&self) -> *const c_char {
        self.at.cast_const().cast::<c_char>()
    }
}

impl Drop for ShellCommand {
    fn drop(&mut self) {
        // SAFETY: the child has its own copy by now, and nobody else was given the address.
        unsafe { memory::unmap(self.at, self.size) };
    }
}
