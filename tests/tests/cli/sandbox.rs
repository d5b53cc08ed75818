//! A place of a test's own, in which nothing of this machine's user is seen, and commands whose
//! whole output is compared.

use portshim_tests::programs::is_root;
use portshim_tests::{portshim, said};
use std::ffi::CString;
use std::fs;
use std::io::Error;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Where root's library is laid down.
const SHARED_CACHE: &str = "/var/cache";

/// A folder with `work`, where commands are given, `run`, the runtime directory, `cache`, and
/// `home`. It goes when the test ends. `cache` is what root's commands see as /var/cache, too.
pub(super) struct Sandbox {
    folder: PathBuf,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for name in ["desk", "run", "home", "cache"] {
            fs::create_dir_all(folder.join(name)).expect("a folder can be made");
        }
        mode(&folder.join("run"), 0o700);
        mode(&folder.join("cache"), 0o755);
        Self { folder }
    }

    /// The path of something in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file into it.
    pub(super) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Writes a file that may be executed.
    pub(super) fn program(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name, content);
        mode(&path, 0o755);
        path
    }

    /// Compiles a C program.
    pub(super) fn cc(&self, name: &str, source: &str, flags: &[&str]) -> PathBuf {
        let source = self.file(&format!("{name}.c"), source);
        let output = Command::new("cc").arg("-o").arg(self.path(name)).arg(source).args(flags).output();
        let output = output.expect("cc is installed: make setup does it");
        assert!(output.status.success(), "{name} does not compile: {}", said(&output));
        self.path(name)
    }

    /// The command, given in `work`.
    pub(super) fn portshim(&self, args: &[&str]) -> Command {
        let mut command = portshim(args);
        self.settle(&mut command);
        command
    }

    /// Any other command there.
    pub(super) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args);
        self.settle(&mut command);
        command
    }

    fn settle(&self, command: &mut Command) {
        command.current_dir(self.path("desk")).env("HOME", self.path("home")).env("PATH", "/usr/bin:/bin");
        command.env("XDG_RUNTIME_DIR", self.path("run")).env("XDG_CACHE_HOME", self.path("cache"));
        for name in ["XDG_CONFIG_HOME", "LD_PRELOAD", "ASAN_OPTIONS"] {
            command.env_remove(name);
        }
        if is_root() {
            let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("a path");
            let (ours, theirs) = (text(&self.path("cache")), text(Path::new(SHARED_CACHE)));
            let done = |result| if result == 0 { Ok(()) } else { Err(Error::last_os_error()) };
            let mount = move || {
                // SAFETY: unshare(2) and mount(2) read the strings, which outlive the calls, and
                // where they are pointed to nothing, nothing.
                unsafe {
                    done(libc::unshare(libc::CLONE_NEWNS))?;
                    let private = libc::MS_REC | libc::MS_PRIVATE;
                    done(libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null()))?;
                    done(libc::mount(ours.as_ptr(), theirs.as_ptr(), ptr::null(), libc::MS_BIND, ptr::null()))
                }
            };
            // SAFETY: the closure makes system calls and nothing else.
            unsafe { command.pre_exec(mount) };
        }
    }

    /// Runs a command and demands its exit status and its output to the letter.
    #[track_caller]
    pub(super) fn expect(&self, command: &mut Command, status: i32, stdout: &str, stderr: &str) {
        let output = command.output().expect("it runs");
        let (out, err) = (self.masked(&output.stdout), self.masked(&output.stderr));
        assert_eq!(err, stderr, "standard error of {command:?}, {}", said(&output));
        assert_eq!(out, stdout, "standard output of {command:?}, {}", said(&output));
        assert_eq!(output.status.code(), Some(status), "{command:?}: {}", said(&output));
    }

    /// The same for portshim.
    #[track_caller]
    pub(super) fn says(&self, args: &[&str], status: i32, stdout: &str, stderr: &str) {
        self.expect(&mut self.portshim(args), status, stdout, stderr);
    }

    /// What portshim says on standard output, having succeeded in silence.
    #[track_caller]
    pub(super) fn told(&self, args: &[&str]) -> String {
        let output = self.portshim(args).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {}", said(&output));
        self.masked(&output.stdout)
    }

    /// Text with this machine's and this build's own names masked: `[DIR]` is the sandbox, `[HASH]`
    /// the library's hash.
    pub(super) fn masked(&self, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text).replace(&*self.folder.to_string_lossy(), "[DIR]");
        let text = text.replace(SHARED_CACHE, "[DIR]/cache");
        let mut masked = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("libportshim-") {
            let (before, after) = rest.split_at(at + "libportshim-".len());
            masked.push_str(before);
            masked.push_str("[HASH]");
            rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        }
        masked + rest
    }

    /// The libraries that were laid down.
    pub(super) fn libraries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("cache/portshim")).expect("it is there");
        entries.map(|entry| entry.expect("it can be listed").path()).collect()
    }

    /// The session files.
    pub(super) fn sessions(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("run/portshim")).into_iter().flatten();
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let is_session = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("session-"));
        paths.filter(is_session).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode can be set");
}

/// Tells whether the command succeeded, with its output for a message.
#[track_caller]
pub(super) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
