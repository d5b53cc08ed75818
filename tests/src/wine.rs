//! Windows programs under Wine, in a private network: how they are run there, and how this side
//! sees them. `make setup` makes what they run in.
//!
//! All of them live in one Wine, whose server makes their sockets, so that a whole test program
//! goes through [`in_a_network_of_its_own`] rather than each test.

use parking_lot::RwLock;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::programs::{is_root, set_sysctl, until};
use crate::{project, said};

/// Set in the namespaces, so that a test program knows that it is there.
const PRIVATE: &str = "PRIVATE_NETWORK";

/// Number of seconds a program may take before it counts as hung. No test is judged by its speed.
const HUNG: &str = "120";

/// Held while a test takes what every preset has of ports, or takes them all.
pub static PRESETS: RwLock<()> = RwLock::new(());

/// Starts this program again in network and process namespaces of its own, and with Wine to itself,
/// where that has not been done.
///
/// # Panics
/// Where no namespaces can be had.
pub fn in_a_network_of_its_own() {
    if std::env::var_os(PRIVATE).is_none() {
        let error = Command::new("flock")
            .arg(project().join("target/wine.lock"))
            .arg("unshare")
            .args((!is_root()).then_some("--map-root-user"))
            .args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
            // It waits, and so takes leave of the orphans that it inherits.
            .args(["bash", "-c", r#"ip link set lo up && "$@"; exit $?"#, "bash"])
            .args(std::env::args_os())
            .env(PRIVATE, "1")
            .exec();
        panic!("flock(1) does not run: {error}");
    }
    // What this side takes for itself stays out of all ranges that tests use.
    set_sysctl("ip_local_port_range", "30000 39999");
}

/// Wine's server, which stays while tests run.
pub struct Server(());

/// Wine's server, told to do this.
fn wineserver(what: &str) -> Command {
    // Without the right to low ports: who asks for one is told what Windows tells of a port that it
    // keeps back.
    let mut command = Command::new("setpriv");
    command
        .args(["--inh-caps=-net_bind_service", "--bounding-set=-net_bind_service"])
        .arg(project().join("tools/wine"));
    command.arg(what).env("WINE_COMMAND", "wineserver").stdin(Stdio::null());
    command
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// Where it does not run.
    #[must_use]
    pub fn start() -> Self {
        // One that an earlier run left would make its sockets in another network.
        let _ = wineserver("-k").status();
        // The command comes back when the server listens. Programs that came before would start one
        // that does not stay.
        for what in ["-w", "-p"] {
            let status = wineserver(what).status();
            let done = status.is_ok_and(|status| status.success());
            assert!(done, "Wine's server does not run: `make setup` makes what it needs");
        }
        // Its first program brings Wine's services up; the tests' programs then find them.
        let first = windows("cmd.exe").args(["/c", "exit"]).status();
        assert!(first.is_ok_and(|status| status.success()), "Wine does not run: `make setup` makes it");
        Self(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends all that runs under it. Should it refuse, the namespace ends it.
        let _ = wineserver("-k").status();
        let _ = wineserver("-w").status();
    }
}

/// The command that runs a Windows program, with nothing on its standard input.
pub fn windows(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--kill-after=1", HUNG]).arg(project().join("tools/wine")).arg(program);
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTSHIM_") {
            command.env_remove(name);
        }
    }
    command
}

/// The command that runs portshim.exe with these arguments.
///
/// # Panics
/// Where it is not built.
pub fn portshim<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    let path = built("portshim.exe");
    let mut command = windows(path);
    command.args(args);
    command
}

/// What `make windows` builds.
///
/// # Panics
/// Where it has not been built.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let path = project().join("target/windows").join(name);
    assert!(path.is_file(), "{} is missing: `make windows` builds it", path.display());
    path
}

/// A program that the tests run: the probe, or one that was fetched.
///
/// # Panics
/// Where it is not there.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let path = project().join("target/windows-programs").join(name);
    assert!(path.is_file(), "{} is missing: `make setup` gets it", path.display());
    path
}

/// What Windows programs call this path.
///
/// # Panics
/// Where it is not text.
#[must_use]
pub fn theirs(path: &Path) -> String {
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path).expect("a path can be made absolute").components() {
        match component {
            Component::ParentDir => assert!(plain.pop(), "nothing is above the root"),
            part => plain.push(part),
        }
    }
    format!("Z:{}", plain.to_str().expect("paths are text").replace('/', "\\"))
}

/// `portshim.exe run OPTIONS -- probe.exe VERBS`.
#[must_use]
pub fn probe(options: &[&str], verbs: &[&str]) -> Command {
    let mut command = portshim(["run"]);
    command.args(options).arg("--").arg(theirs(&program("probe.exe"))).args(verbs);
    command
}

/// What the probe says under these options.
///
/// # Panics
/// Where it fails.
#[track_caller]
#[must_use]
pub fn probed(options: &[&str], verbs: &[&str]) -> Said {
    Said::of(&mut probe(options, verbs))
}

/// What a program said, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(pub Vec<String>);

impl Said {
    /// What a command says that must succeed, and complain of nothing.
    ///
    /// # Panics
    /// Where it does not succeed.
    #[track_caller]
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let output = output(command);
        assert!(output.status.success(), "{command:?}: {}", said(&output));
        assert!(output.stderr.is_empty(), "{command:?}: {}", said(&output));
        Self::from(&output.stdout)
    }

    /// Output as lines.
    #[must_use]
    pub fn from(output: &[u8]) -> Self {
        Self(String::from_utf8_lossy(output).lines().map(str::to_owned).collect())
    }

    /// The ports of its lines `CALL port P`, in order.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.0.iter().filter_map(|line| line.split_once(" port ")?.1.parse().ok()).filter(|port| *port != 0).collect()
    }

    /// The errors of its lines `CALL error E`, in order.
    #[must_use]
    pub fn errors(&self) -> Vec<u32> {
        self.0.iter().filter_map(|line| line.split_once(" error ")?.1.parse().ok()).collect()
    }
}

/// Runs a command to its end.
///
/// # Panics
/// Where it cannot be started.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// A range of `count` ports that no other test has.
///
/// # Panics
/// Where all are taken.
#[must_use]
pub fn range(count: u16) -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let first = NEXT.fetch_add(count, Relaxed);
    assert!(first + count < 30_000, "the tests take more ports than there are");
    (first, first + count - 1)
}

/// A range as a SPEC.
#[must_use]
pub fn spec(range: (u16, u16)) -> String {
    format!("{}-{}", range.0, range.1)
}

/// A program that is talked with while it runs.
pub struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Talk {
    /// Starts it; its standard error is the test's.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn with(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, input, lines }
    }

    /// The next line it says.
    ///
    /// # Panics
    /// Where it has ended instead.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("a program's output is text");
        assert!(read > 0, "it ended instead of going on: {:?}", self.child.wait());
        line.trim_end().to_owned()
    }

    /// The port in the next line that tells one.
    ///
    /// # Panics
    /// Where it ends before, or tells of an error.
    #[track_caller]
    pub fn port(&mut self) -> u16 {
        let line = self.line();
        let port = line.split_once(" port ").and_then(|(_, port)| port.parse().ok());
        port.unwrap_or_else(|| panic!("it should tell a port: {line}"))
    }

    /// Says a line to it.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn say(&mut self, line: &str) {
        self.send(&format!("{line}\n"));
    }

    /// Sends it just this.
    ///
    /// # Panics
    /// Where it does not listen.
    pub fn send(&mut self, text: &str) {
        let input = self.input.as_mut().expect("its input is open");
        input.write_all(text.as_bytes()).expect("it listens");
    }

    /// The process below it whose command line begins with this program's name or path.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn pid_of(&self, program: &str) -> i32 {
        let children = |pid: u32| {
            let path = format!("/proc/{pid}/task/{pid}/children");
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            text.split_whitespace().map(|pid| pid.parse::<u32>().expect("a number")).collect::<Vec<_>>()
        };
        let mut looked_at = vec![self.child.id()];
        while let Some(pid) = looked_at.pop() {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.split('\0').next().is_some_and(|first| first.ends_with(program)) {
                return pid.cast_signed();
            }
            looked_at.extend(children(pid));
        }
        panic!("no {program} is below {}", self.child.id())
    }

    /// Ends its input, waits for it, and gives its status and all else that it says.
    ///
    /// # Panics
    /// Where its output is no text.
    pub fn end(&mut self) -> (Option<i32>, Said) {
        self.input = None;
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.lines, &mut rest).expect("a pipe can be read");
        (self.child.wait().expect("it can be waited for").code(), Said::from(&rest))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // At the end of their input, the tests' programs go on and come to an end.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Wine's own programs, which stay as long as its server.
const OWN: [&str; 7] =
    ["conhost.exe", "explorer.exe", "plugplay.exe", "rpcss.exe", "services.exe", "svchost.exe", "winedevice.exe"];

/// The command lines of all Windows programs but Wine's own, those with `mark` in them.
///
/// # Panics
/// Where the kernel lists no processes.
#[must_use]
pub fn processes(mark: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("the kernel lists its processes");
    let lines = entries.filter_map(|entry| {
        let path = entry.expect("the kernel lists its processes").path();
        // Those that end meanwhile are gone.
        let line = std::fs::read(path.join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let is_own = |line: &str| OWN.iter().any(|name| line.contains(&format!(r"\windows\system32\{name}")));
    lines.filter(|line| line.contains(".exe") && line.contains(mark) && !is_own(line)).collect()
}

/// Waits until no process has `mark` in its command line.
///
/// # Panics
/// Where one stays.
pub fn all_gone(mark: &str) {
    until(&format!("{:?} end", processes(mark)), || processes(mark).is_empty());
}
