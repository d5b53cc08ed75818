//! The variables that bring the shim into a program.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

const PRELOAD: &str = "LD_PRELOAD";
/// What the file names of our libraries have in common: `libportshim.so`, `libportshim-0123456789abcdef.so`.
const OURS: &[u8] = b"libportshim";

/// How much text one variable may hold, well below the kernel's MAX_ARG_STRLEN of 131,072 bytes.
pub(crate) const ROOM: usize = 100_000;

/// The variable that has this library loaded, and what it is to say.
pub(crate) fn loading(library: &Path) -> Option<(&'static str, OsString)> {
    let listed = super::library::for_glibc_alone(library);
    let listed = listed.as_deref().unwrap_or(library);
    Some((PRELOAD, preload(listed, env::var_os(PRELOAD).as_deref())))
}

/// What tells the shim of a session: its region's file.
pub(crate) fn session_variable(file: &Path) -> OsString {
    file.into()
}

/// The library before whatever is to be preloaded besides; a library of an outer session is not, or
/// the program would be served twice.
fn preload(library: &Path, before: Option<&OsStr>) -> OsString {
    let mut list = library.as_os_str().as_bytes().to_vec();
    let separators = |b: &u8| b" :".contains(b);
    for other in before.unwrap_or_default().as_bytes().split(separators).filter(|entry| !entry.is_empty()) {
        let name = other.rsplit(|b| *b == b'/').next().unwrap_or_default();
        if other != library.as_os_str().as_bytes() && !name.starts_with(OURS) {
            list.push(b':');
            list.extend_from_slice(other);
        }
    }
    OsString::from_vec(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_comes_first_and_once() {
        let library = Path::new("/c/libportshim-1.so");
        for (before, after) in [
            (None, "/c/libportshim-1.so"),
            (Some(""), "/c/libportshim-1.so"),
            (Some("/x/libjemalloc.so"), "/c/libportshim-1.so:/x/libjemalloc.so"),
            (Some("/a.so /b.so"), "/c/libportshim-1.so:/a.so:/b.so"),
            (Some("/c/libportshim-1.so:/a.so"), "/c/libportshim-1.so:/a.so"),
            (Some("/a.so:/old/libportshim-0.so"), "/c/libportshim-1.so:/a.so"),
        ] {
            assert_eq!(preload(library, before.map(OsStr::new)), after, "{before:?}");
        }
    }
}
