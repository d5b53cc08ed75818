//! Programs that this process is about to execute: those that no policy reaches are told of.

use super::memory::Memory;
use super::{below, start, variables};
use crate::session::Session;
use core::ffi::{CStr, c_char};
use portshim_mechanism::linux::kernel::program::loads_preload;

/// The longest path that is looked at, with its NUL: a hook may run on a small stack.
const LONGEST: usize = 512;
/// Folders where execvp(3) looks if there is no PATH (confstr(3), _CS_PATH).
const USUAL: &[u8] = b"/bin:/usr/bin";

/// Looks at the program at `path`, which is about to be executed.
pub(crate) fn look(path: *const c_char) {
    if let Some(path) = text(path) {
        look_at(path);
    }
}

/// Looks at the program that `file` names for execvp(3), which is about to be executed.
pub(crate) fn look_in_path(file: *const c_char) {
    let Some(file) = text(file) else { return };
    if file.to_bytes().contains(&b'/') {
        look_at(file);
        return;
    }
    let folders = variables::value(b"PATH=").map_or(USUAL, CStr::to_bytes);
    for folder in folders.split(|byte| *byte == b':') {
        let mut path = [0; LONGEST];
        let folder = if folder.is_empty() { b"." } else { folder };
        let name = file.to_bytes();
        if folder.len() + 1 + name.len() >= LONGEST {
            continue;
        }
        let parts = folder.iter().chain(b"/").chain(name);
        path.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        if CStr::from_bytes_until_nul(&path).is_ok_and(look_at) {
            return;
        }
    }
}

/// Tells whether there is such a program.
fn look_at(path: &CStr) -> bool {
    let is_told = |session: &Session| session.follows() && !below::is_there();
    let Some(session) = start::session().filter(is_told) else { return true };
    let loads = loads_preload(path);
    if loads == Some(false) {
        let name = path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        // It asks for no port that it does not name.
        if name != b"portshim" {
            session.region.header.note_outside(name);
        }
    }
    loads.is_some()
}

/// The program's text, where all of it can be read.
fn text<'a>(at: *const c_char) -> Option<&'a CStr> {
    Memory::default().end_of_string(at as usize)?;
    // SAFETY: all of the string has just been seen to be readable.
    Some(unsafe { CStr::from_ptr(at) })
}
