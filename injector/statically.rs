//! Links one program statically.
//!
//! There is no setting for this of one program alone: `crt-static` is for all that is built at
//! once, and a library to preload cannot be. So the linker is asked for the shared libraries as
//! ever, and finds scripts that name the others.

use std::path::Path;
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

/// Arguments for the linker, by which it makes a program at a fixed address with scripts that are
/// written to `folder`. `None` where there is no static C library.
pub(crate) fn arguments(folder: &Path) -> Option<[String; 3]> {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for (library, archives) in ARCHIVES {
        let paths: Option<Vec<_>> = archives.iter().map(|archive| found(archive)).collect();
        let script = folder.join(format!("lib{library}.so"));
        fs::write(&script, format!("GROUP ( {} )\n", paths?.join(" ")))
            .unwrap_or_else(|e| panic!("{}: {e}", script.display()));
    }
    Some(["-static".into(), "-no-pie".into(), format!("-L{}", folder.display())])
}

/// Place where the C compiler has a library.
pub(crate) fn found(archive: &str) -> Option<String> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(compiler).arg(format!("-print-file-name={archive}")).output().ok()?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Path::new(&path).is_absolute().then_some(path)
}
