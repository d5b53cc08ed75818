//! Real programs in a private network: how they are run there, and the ports they use as seen
//! from outside.
//!
//! A test's body goes through [`private`], which runs it again in network and process namespaces
//! of its own. Whatever has a port there is the program under test, or one of our [`Peer`]s.

mod built;
mod namespaces;
mod peer;
mod ports;
mod service;
mod watch;

pub use built::Built;
pub use namespaces::{as_root, is_root, private};
pub use peer::Peer;
pub use ports::{Keeper, Ports, set_sysctl};
pub use service::Service;
pub use watch::{Watch, local_ports};

use std::ffi::OsStr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::{project, said};

/// Time for which anything may take before it counts as hung. No test is judged by its speed.
const HUNG: Duration = Duration::from_secs(120);

/// Waits until something is so.
///
/// # Panics
/// Where it never comes to be.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HUNG, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command that must succeed, and gives its standard output.
///
/// # Panics
/// Where it fails.
pub fn must(command: &mut Command) -> String {
    let output: Output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; `make setup` installs it"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).expect("a program's output is text")
}

/// The ports in a program's output, one for each line that says `port N`.
#[must_use]
pub fn told(said: &str) -> Vec<u16> {
    said.lines().filter_map(|line| line.strip_prefix("port ")?.parse().ok()).collect()
}

/// The path of a source below `tests/tests`.
#[must_use]
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Compiles a source below `tests/tests` into `folder`, with further arguments for the compiler.
///
/// # Panics
/// Where it does not compile.
#[must_use]
pub fn compile(name: &str, folder: &Path, more: &[&str]) -> PathBuf {
    let built = folder.join(Path::new(name).file_stem().expect("a source has a name"));
    compile_by("gcc", &["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"], name, &built, more);
    built
}

/// The same by a compiler with options of its own.
///
/// # Panics
/// Where it does not compile.
pub fn compile_by(compiler: &str, options: &[&str], name: &str, built: &Path, more: &[&str]) {
    must(Command::new(compiler).args(options).arg("-o").arg(built).arg(source(name)).args(more));
}

/// Copies a program that is to be run, by a process of its own: this one may be forking for another
/// test, whose child would have the file open for writing until it executes something, and nothing
/// that is open for writing can be executed.
///
/// # Panics
/// Where it cannot be copied.
pub fn copy_program(from: &Path, to: &Path) {
    must(Command::new("cp").args(["--preserve=mode", "--"]).args([from, to]));
}

/// A program that `make setup` fetched.
///
/// # Panics
/// Where it has not.
#[must_use]
pub fn fetched(name: &str) -> PathBuf {
    let path = project().join("target/programs").join(name);
    path.canonicalize().unwrap_or_else(|e| panic!("{}: {e}; `make setup` fetches it", path.display()))
}

/// A path of ours as a word of a command line.
///
/// # Panics
/// Where it is not text.
#[must_use]
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| panic!("{} is not text", path.display()))
}

/// A folder of one test's own, which goes when the test has passed: what a failed test leaves
/// behind is for whoever looks into it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty folder, as [`scratch`] does.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(scratch(name))
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        self
    }
}

impl AsRef<OsStr> for Scratch {
    fn as_ref(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !thread::panicking() {
            std::fs::remove_dir_all(&self.0).expect("the folder is ours");
        }
    }
}

/// An empty folder of one test's own.
///
/// # Panics
/// Where it cannot be made.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    // Process numbers tell tests in namespaces of their own apart no more than names do.
    let taken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::AlreadyExists;
    for n in 0.. {
        let path = std::env::temp_dir().join(format!("portshim-test-{name}-{n}"));
        match std::fs::create_dir(&path) {
            Ok(()) => return path,
            Err(e) if taken(&e) => {}
            Err(e) => panic!("{}: {e}", path.display()),
        }
    }
    unreachable!("names do not run out")
}
