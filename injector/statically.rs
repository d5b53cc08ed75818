//! Links one program statically.
//!
//! There is no setting for this of one program alone: `crt-static` is for all that is built at
//! once, and a library to preload cannot be. So the linker is asked for the shared libraries as
//! ever, and finds scripts that name the others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The libraries that Rust programs are linked with, and those that the linker gets instead.
const ARCHIVES: [(&str, &[&str]); 7] = [
    ("c", &["libc.a"]),
    ("gcc_s", &["libgcc_eh.a", "libgcc.a"]),
    ("dl", &["libdl.a"]),
    ("m", &["libm.a"]),
    ("pthread", &["libpthread.a"]),
    ("rt", &["librt.a"]),
    ("util", &["libutil.a"]),
];

/// Functions that the standard library has by another name for large files, which musl has no more.
const LARGE_FILE: [&str; 21] = [
    "fallocate",
    "fstat",
    "fstatat",
    "fstatfs",
    "fstatvfs",
    "ftruncate",
    "getrlimit",
    "lseek",
    "lstat",
    "mmap",
    "open",
    "openat",
    "posix_fallocate",
    "pread",
    "prlimit",
    "pwrite",
    "readdir",
    "sendfile",
    "setrlimit",
    "stat",
    "truncate",
];

/// What a program of musl begins and ends with.
const MUSLS_OWN: [&str; 3] = ["crt1.o", "crti.o", "crtn.o"];

/// C library that a program is linked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CLibrary {
    /// The compiler's own.
    Glibc,
    /// What Debian calls musl-dev. The standard library is that for glibc, whose types are the same
    /// in both; functions that musl has not are stood in for.
    Musl,
}

/// Arguments for the linker, by which it makes a program at a fixed address with scripts that are
/// written to `folder`. `None` where there is no such static library.
pub(crate) fn arguments(library: CLibrary, folder: &Path) -> Option<Vec<String>> {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let musl = if library == CLibrary::Musl { Some(musl()?) } else { None };
    for (library, archives) in ARCHIVES {
        let of_musl = musl.as_ref().filter(|_| library != "gcc_s");
        let place = |archive: &&str| match of_musl {
            Some(musl) => Some(musl.join(archive).display().to_string()),
            None => found(archive),
        };
        let paths: Option<Vec<_>> = archives.iter().map(place).collect();
        let script = folder.join(format!("lib{library}.so"));
        fs::write(&script, format!("GROUP ( {} )\n", paths?.join(" ")))
            .unwrap_or_else(|e| panic!("{}: {e}", script.display()));
    }
    let mut arguments = vec!["-static".into(), "-no-pie".into(), format!("-L{}", folder.display())];
    if let Some(musl) = musl {
        // Where it goes, the command is linked with glibc.
        println!("cargo::rerun-if-changed={}", musl.join("libc.a").display());
        arguments.push("-nostartfiles".into());
        arguments.extend(LARGE_FILE.iter().map(|name| format!("-Wl,--defsym={name}64={name}")));
        arguments.extend(MUSLS_OWN.iter().map(|object| musl.join(object).display().to_string()));
    }
    Some(arguments)
}

/// Folder of musl for the target: where Debian has it, or Fedora.
fn musl() -> Option<PathBuf> {
    let machine = env::var("CARGO_CFG_TARGET_ARCH").ok()?;
    let folders = [format!("/usr/lib/{machine}-linux-musl"), format!("/usr/{machine}-linux-musl/lib64")];
    folders.into_iter().map(PathBuf::from).find(|folder| folder.join("libc.a").exists())
}

/// Place where the C compiler has a library.
pub(crate) fn found(archive: &str) -> Option<String> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(compiler).arg(format!("-print-file-name={archive}")).output().ok()?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Path::new(&path).is_absolute().then_some(path)
}
