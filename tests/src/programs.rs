//! Real programs in a private network: how they are run there, and the ports they use as seen
//! from outside.
//!
//! A test's body goes through [`private`], which runs it again in network and process namespaces
//! of its own. Whatever has a port there is the program under test, or one of our [`Peer`]s.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{portshim, project, said};

/// Set in the namespaces, so that a test knows that it is there.
const PRIVATE: &str = "PRIVATE_NETWORK";

/// How long anything may take before it counts as hung. No test is judged by its speed.
const HUNG: Duration = Duration::from_secs(120);

/// Runs a test's body in a network of its own, with loopback up and the kernel's default settings,
/// and in a process namespace of its own, so that nothing it started outlives it.
///
/// # Panics
/// Where the body does, or hangs, and where no namespaces can be had.
pub fn private<F: Fn()>(body: F) {
    if std::env::var_os(PRIVATE).is_some() {
        return body();
    }
    // The closure's name is the test's: `programs::outside::python::{{closure}}`.
    let name = std::any::type_name::<F>();
    let name = name.split_once("::").and_then(|(_, rest)| rest.strip_suffix("::{{closure}}"));
    let name = name.expect("the body is a closure that stands in the test itself");
    // Sessions whose processes are numbered differently are kept apart.
    let sessions = scratch("sessions");
    std::fs::set_permissions(&sessions, PermissionsExt::from_mode(0o700)).expect("the folder is ours");
    // SAFETY: geteuid(2) has no conditions.
    let root = unsafe { libc::geteuid() } == 0;
    let output = Command::new("timeout")
        .args(["--kill-after=1", &(2 * HUNG.as_secs()).to_string(), "unshare"])
        .args((!root).then_some("--map-root-user"))
        .args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", r#"ip link set lo up && exec "$0" --exact "$1" --nocapture"#])
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .arg(name)
        .env(PRIVATE, "1")
        .env("XDG_RUNTIME_DIR", &sessions)
        .stdin(Stdio::null())
        .output()
        .expect("timeout(1) runs");
    let passed = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed");
    std::fs::remove_dir_all(sessions).expect("the folder is ours");
    // Indented, so that no reader of this run's output takes the inner run's lines for its own.
    let report = || said(&output).replace('\n', "\n  | ");
    assert!(output.status.success() && passed, "{name} in a private network: {}", report());
}

/// Who holds a program to the ports.
#[derive(Clone, Copy, Debug)]
pub enum Keeper {
    /// portshim, on a host with default settings.
    Portshim,
    /// The kernel, by its own settings: what the tests demand is then what the kernel does.
    Kernel,
}

/// One range with a reserved hole in it.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The first and the last port.
    pub range: (u16, u16),
    /// The first and the last port of the hole.
    pub hole: (u16, u16),
    /// Who keeps them.
    pub keeper: Keeper,
}

impl Ports {
    /// Outside the host's own range, where portshim has to pin. Four fifths of it are reserved.
    pub const OUTSIDE: Self = Self { range: (20000, 20999), hole: (20100, 20899), keeper: Keeper::Portshim };
    /// Inside the host's own range, where portshim steers.
    pub const INSIDE: Self = Self { range: (41000, 41999), hole: (41100, 41899), keeper: Keeper::Portshim };
    /// The same, kept by the kernel.
    pub const NATIVE: Self = Self { keeper: Keeper::Kernel, ..Self::INSIDE };

    /// How many ports that is.
    #[must_use]
    pub fn count(&self) -> usize {
        (0..=u16::MAX).filter(|port| self.allow(*port)).count()
    }

    /// Whether a program that asked for any port may have got this one.
    #[must_use]
    pub fn allow(&self, port: u16) -> bool {
        (self.range.0..=self.range.1).contains(&port) && !(self.hole.0..=self.hole.1).contains(&port)
    }

    /// The command that runs `program` under these ports.
    ///
    /// # Panics
    /// Where the kernel is the keeper and its settings cannot be written.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_with(&[], program)
    }

    /// As [`Ports::command`], with further options for `portshim run`.
    ///
    /// # Panics
    /// As [`Ports::command`].
    pub fn command_with(&self, options: &[&str], program: impl AsRef<OsStr>) -> Command {
        let (range, hole) = (self.range, self.hole);
        let mut command = match self.keeper {
            Keeper::Portshim => {
                let (range, hole) = (format!("{}-{}", range.0, range.1), format!("{}-{}", hole.0, hole.1));
                let mut command = portshim(["run", "--range", &range, "--reserve", &hole]);
                command.args(options).arg("--").arg(program);
                command
            }
            Keeper::Kernel => {
                set_sysctl("ip_local_port_range", &format!("{} {}", range.0, range.1));
                set_sysctl("ip_local_reserved_ports", &format!("{}-{}", hole.0, hole.1));
                Command::new(program)
            }
        };
        command.stdin(Stdio::null());
        command
    }

    /// Checks ports that were seen from outside.
    ///
    /// # Panics
    /// Where there are none, or one that the policy does not hand out.
    pub fn judge(&self, who: &str, seen: &BTreeSet<u16>) {
        assert!(!seen.is_empty(), "{who}: no port was seen, so nothing was tested");
        let strays: Vec<_> = seen.iter().filter(|port| !self.allow(**port)).collect();
        assert!(strays.is_empty(), "{who}: {strays:?} are outside {self:?}; seen: {seen:?}");
    }
}

/// Makes three tests of each function that takes [`Ports`]: with ports outside the host's range, inside it,
/// and kept by the kernel, each in a [`private`] network.
#[macro_export]
macro_rules! each_keeper {
    ($($name:ident),+ $(,)?) => {
        mod outside { $(#[test] fn $name() {
            $crate::programs::private(|| super::$name(&$crate::programs::Ports::OUTSIDE));
        })+ }
        mod inside { $(#[test] fn $name() {
            $crate::programs::private(|| super::$name(&$crate::programs::Ports::INSIDE));
        })+ }
        mod native { $(#[test] fn $name() {
            $crate::programs::private(|| super::$name(&$crate::programs::Ports::NATIVE));
        })+ }
    };
}

/// Writes one of `net.ipv4`'s settings in this network.
///
/// # Panics
/// Where the kernel refuses.
pub fn set_sysctl(name: &str, value: &str) {
    let path = format!("/proc/sys/net/ipv4/{name}");
    std::fs::write(&path, value).unwrap_or_else(|e| panic!("{path} = {value}: {e}"));
}

/// Every local port that any socket of this network had, ours excepted, from beginning to end.
pub struct Watch {
    done: Arc<AtomicBool>,
    watcher: JoinHandle<BTreeSet<u16>>,
}

impl Watch {
    /// Begins to look. `ours` are ports that were bound by number.
    #[must_use]
    pub fn begin(ours: &[u16]) -> Self {
        let (done, ours) = (Arc::new(AtomicBool::new(false)), ours.to_vec());
        let stop = Arc::clone(&done);
        let watcher = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            loop {
                let last = stop.load(Relaxed);
                seen.extend(local_ports());
                if last {
                    break;
                }
                thread::sleep(Duration::from_millis(2));
            }
            seen.retain(|port| !ours.contains(port));
            seen
        });
        Self { done, watcher }
    }

    /// Takes a last look, TIME_WAIT included, and tells what was seen.
    ///
    /// # Panics
    /// Where the watcher did.
    #[must_use]
    pub fn end(self) -> BTreeSet<u16> {
        self.done.store(true, Relaxed);
        self.watcher.join().expect("the watcher has come to an end")
    }
}

/// The local ports of all sockets of this network, as the kernel lists them.
///
/// # Panics
/// Where the kernel does not.
#[must_use]
pub fn local_ports() -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6"] {
        let path = format!("/proc/self/net/{table}");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        for line in text.lines().skip(1) {
            let port = line.split_whitespace().nth(1).and_then(|local| local.rsplit(':').next());
            let port = port.and_then(|hex| u16::from_str_radix(hex, 16).ok());
            ports.insert(port.unwrap_or_else(|| panic!("{path}: {line}")));
        }
    }
    ports.remove(&0);
    ports
}

/// A server of ours that remembers the ports of those who came.
pub struct Peer {
    /// Where it is, on every address.
    pub port: u16,
    seen: Arc<Mutex<BTreeSet<u16>>>,
}

impl Peer {
    /// Answers every HTTP request with `ok`. Port 0 is any.
    ///
    /// # Panics
    /// Where `port` cannot be had.
    #[must_use]
    pub fn http(port: u16) -> Self {
        let listener = TcpListener::bind(("::", port)).expect("a private network has all ports free");
        let port = listener.local_addr().expect("it is bound").port();
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            loop {
                let Ok((mut stream, peer)) = listener.accept() else { continue };
                remember(&record, peer.port());
                thread::spawn(move || {
                    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
                    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                        match stream.read(&mut chunk) {
                            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                            _ => return,
                        }
                    }
                    // A client that has gone away has been recorded all the same.
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
                });
            }
        });
        Self { port, seen }
    }

    /// Sends every UDP datagram back. Port 0 is any.
    ///
    /// # Panics
    /// Where `port` cannot be had.
    #[must_use]
    pub fn echo(port: u16) -> Self {
        let socket = UdpSocket::bind(("::", port)).expect("a private network has all ports free");
        let port = socket.local_addr().expect("it is bound").port();
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            let mut datagram = [0; 65536];
            while let Ok((len, from)) = socket.recv_from(&mut datagram) {
                remember(&record, from.port());
                let _ = socket.send_to(&datagram[..len], from);
            }
        });
        Self { port, seen }
    }

    /// The ports of the first `count` who come, answered or not.
    ///
    /// # Panics
    /// Where fewer come within ten seconds.
    #[must_use]
    pub fn awaited(&self, count: usize) -> BTreeSet<u16> {
        for _ in 0..1000 {
            let seen = self.visitors();
            if seen.len() >= count {
                return seen;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("fewer than {count} came: {:?}", self.visitors());
    }

    /// The ports of those who came so far.
    ///
    /// # Panics
    /// Where the server did.
    #[must_use]
    pub fn visitors(&self) -> BTreeSet<u16> {
        self.seen.lock().clone()
    }
}

fn remember(seen: &Mutex<BTreeSet<u16>>, port: u16) {
    seen.lock().insert(port);
}

/// A program that goes on running until this is dropped.
pub struct Service {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Service {
    /// Starts it; its standard output can be read, its standard error is the test's.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// Reads its output up to the first line in which `find` finds something.
    ///
    /// # Panics
    /// Where the output ends before.
    pub fn line<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.lines.read_line(&mut line).expect("a program's output is text");
            assert!(read > 0, "the program ended before it said what was waited for: {:?}", self.child.wait());
            if let Some(found) = find(&line) {
                return found;
            }
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already, which is not this test's question.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    let output: Output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; `tests/setup` installs it"));
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

/// A program that `tests/setup` fetched.
///
/// # Panics
/// Where it has not.
#[must_use]
pub fn fetched(name: &str) -> PathBuf {
    let path = project().join("target/programs").join(name);
    path.canonicalize().unwrap_or_else(|e| panic!("{}: {e}; `tests/setup` fetches it", path.display()))
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
