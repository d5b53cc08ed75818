//! What the whole-program tests share: where the built command is, and how it is run.

#[cfg(target_os = "linux")]
pub mod oracle;
#[cfg(target_os = "linux")]
pub mod probe;
pub mod programs;
#[cfg(target_os = "linux")]
pub mod wine;
#[cfg(target_os = "linux")]
pub mod work;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of the whole project.
#[must_use]
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The `portshim` binary under test: `PORTSHIM_BIN`, else the one built beside this test.
///
/// # Panics
/// Where there is none: `make build` makes it.
#[must_use]
pub fn portshim_path() -> PathBuf {
    if let Some(path) = std::env::var_os("PORTSHIM_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    beside(&test, "portshim")
}

/// A program built beside this one: cargo puts programs into PROFILE, tests into PROFILE/deps.
fn beside(me: &Path, name: &str) -> PathBuf {
    let found = me.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing beside {}: run `cargo build`, or all tests by `make test`, or name a build in PORTSHIM_BIN", me.display()))
}

/// The `portshim` command with these arguments, with no standard input and no setting inherited
/// from the caller's environment.
pub fn portshim<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Command {
    let mut command = Command::new(portshim_path());
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTSHIM_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a finished command said, for messages of failed tests.
#[must_use]
pub fn said(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
