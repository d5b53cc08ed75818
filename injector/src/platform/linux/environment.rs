//! The variables that bring the shim into a program.

use super::{elf, library};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const PRELOAD: &str = "LD_PRELOAD";
/// Common part of the file names of our libraries: `libportshim.so`,
/// `libportshim-0123456789abcdef.so`.
const OURS: &[u8] = b"libportshim";

/// Folders that the loaders of glibc put in the place of `$LIB` in LD_PRELOAD (ld.so(8)): the
/// folder for libraries, as their distribution calls it, and as Debian does, in two parts.
const KINDS: [&str; 5] = ["lib", "lib64", "lib32", "libx32", MULTIARCH];
const MULTIARCH: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-linux-gnu"
} else if cfg!(target_arch = "riscv64") {
    "riscv64-linux-gnu"
} else {
    "x86_64-linux-gnu"
};

/// Amount of text that one variable may hold, well below the kernel's MAX_ARG_STRLEN of 131,072
/// bytes.
pub(crate) const ROOM: usize = 100_000;

/// The variable that has this library loaded, and what it is to say.
pub(crate) fn loading(library: &Path) -> Option<(&'static str, OsString)> {
    Some((PRELOAD, preload(library, env::var_os(PRELOAD).as_deref())))
}

/// The variable that has our library loaded where an outer session set it, without that.
pub(crate) fn not_loading() -> Option<(&'static str, Option<OsString>)> {
    let before = env::var_os(PRELOAD)?;
    let others: Vec<_> = entries(&before).filter(|entry| !is_named_as_ours(entry)).collect();
    let all = entries(&before).count();
    (others.len() < all).then(|| (PRELOAD, (!others.is_empty()).then(|| OsString::from_vec(others.join(&b':')))))
}

/// Value that tells the shim of a session: its region's file.
pub(crate) fn session_variable(file: &Path) -> OsString {
    file.into()
}

/// The library before whatever is to be preloaded besides; a library of an outer session is not, or
/// the program would be served twice.
fn preload(library: &Path, before: Option<&OsStr>) -> OsString {
    let mut list = library.as_os_str().as_bytes().to_vec();
    for other in entries(before.unwrap_or_default()) {
        if other != library.as_os_str().as_bytes() && !is_named_as_ours(other) {
            list.push(b':');
            list.extend_from_slice(other);
        }
    }
    OsString::from_vec(list)
}

fn entries(list: &OsStr) -> impl Iterator<Item = &[u8]> {
    list.as_bytes().split(|b| b" :".contains(b)).filter(|entry| !entry.is_empty())
}

fn is_named_as_ours(entry: &[u8]) -> bool {
    entry.rsplit(|b| *b == b'/').next().unwrap_or_default().starts_with(OURS)
}

/// The libraries that are preloaded already and connect in a program's stead. Ours will stand
/// before them, so what they do in a call comes after all that ours does for it.
pub(crate) fn connectors() -> Vec<PathBuf> {
    let list = env::var_os(PRELOAD).unwrap_or_default();
    entries(&list).filter(|entry| !is_named_as_ours(entry)).filter_map(found).filter(|path| connects(path)).collect()
}

/// The file that the loader takes for an entry of the list: a path, or a name that it looks for in
/// its folders.
fn found(entry: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(entry);
    let alternatives = KINDS.map(|kind| PathBuf::from(text.replace("${LIB}", kind).replace("$LIB", kind)));
    if entry.contains(&b'/') {
        return alternatives.into_iter().find(|path| path.is_file());
    }
    let named = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let usual = ["/lib", "/usr/lib", "/usr/local/lib"].into_iter();
    let usual = usual.flat_map(|folder| KINDS.map(|kind| [folder.into(), Path::new(folder).join(kind)]));
    let usual = usual.flatten().chain(["/lib64", "/usr/lib64"].map(PathBuf::from));
    env::split_paths(&named)
        .chain(usual)
        .map(|folder| folder.join(OsStr::from_bytes(entry)))
        .find(|path| path.is_file())
}

fn connects(path: &Path) -> bool {
    let defines = |file: File| elf::defines(&file, &elf::first_page(&file).ok()?, b"connect");
    File::open(path).ok().and_then(defines).unwrap_or(false) && !library::is_ours(path).unwrap_or(false)
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
