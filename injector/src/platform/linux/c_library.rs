//! The C libraries whose programs the library to preload is for, whose a program is, and how new it
//! has to be: where it is older than the library needs, the loader ends the program before it
//! begins.

use super::elf::{self, Elf};
use super::version::{PREFIX, Version};
use std::fs::{self, File};
use std::path::Path;

/// A C library, whose loader loads what LD_PRELOAD names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CLibrary {
    Glibc,
    Musl,
}

/// The names of the loaders on all machines begin so.
const LOADERS: [(&str, CLibrary); 4] = [
    ("ld-linux", CLibrary::Glibc),
    ("ld64.so", CLibrary::Glibc),
    ("ld.so", CLibrary::Glibc),
    ("ld-musl-", CLibrary::Musl),
];

impl CLibrary {
    /// The one whose loader the program names.
    pub(super) fn of_loader(loader: &Path) -> Option<Self> {
        Self::named(&loader.file_name()?.to_string_lossy())
    }

    /// The one whose loader this file is, to be started by hand. That of musl has its name by a
    /// link alone.
    pub(super) fn of_file(file: &Elf, path: &Path) -> Option<Self> {
        file.soname.as_deref().and_then(Self::named).or_else(|| {
            let is_musl = file.movable && Self::of_loader(path) == Some(Self::Musl);
            is_musl.then_some(Self::Musl)
        })
    }

    fn named(name: &str) -> Option<Self> {
        LOADERS.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, library)| *library)
    }
}

/// The library that has glibc's versions, beside its loader.
const LIBRARY: &str = "libc.so.6";
/// Needs of the library that this command carries, as the build has read them.
pub(super) const NEEDED: &str = env!("PORTSHIM_EMBEDDED_GLIBC");

/// Need of the library to preload that a program with this loader does not get: the version that it
/// does get, and the one that is needed. None where it gets what is needed, and where there is no
/// telling.
pub(super) fn lacks(loader: &Path) -> Option<(Version, Version)> {
    let needed = NEEDED.parse().ok()?;
    let file = File::open(loader).ok()?;
    // The loader has versions of its own, and is of the same version as its library: to find the
    // one that is needed takes a look at its first page.
    let first = elf::first_page(&file).ok()?;
    let name = format!("\0{PREFIX}{needed}\0");
    if first.windows(name.len()).any(|bytes| bytes == name.as_bytes()) {
        return None;
    }
    let folder = loader.canonicalize().ok()?;
    let library = File::open(folder.with_file_name(LIBRARY)).ok()?;
    let theirs = elf::newest_version(&library, &elf::first_page(&library).ok()?)?;
    (theirs < needed).then(|| (own_version(&folder.with_file_name(LIBRARY)).unwrap_or(theirs), needed))
}

/// The version that a library says it is: not every one of glibc has brought symbols.
fn own_version(library: &Path) -> Option<Version> {
    const SAID: &[u8] = b" release version ";
    let content = fs::read(library).ok()?;
    let at = content.windows(SAID.len()).position(|bytes| bytes == SAID)? + SAID.len();
    let text = content[at..].split(|b| *b != b'.' && !b.is_ascii_digit()).next()?;
    str::from_utf8(text).ok()?.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_systems_own_is_read() {
        assert!(NEEDED.parse::<Version>().is_ok(), "{NEEDED}");
        let own = File::open("/lib/x86_64-linux-gnu/libc.so.6").or_else(|_| File::open("/lib64/libc.so.6")).unwrap();
        assert!(elf::newest_version(&own, &elf::first_page(&own).unwrap()) >= NEEDED.parse().ok());
    }
}
