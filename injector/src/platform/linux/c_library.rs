//! The C libraries whose programs the library to preload is for, and whose a program is.

use super::elf::Elf;
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
