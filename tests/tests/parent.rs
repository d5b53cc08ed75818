//! portshim as the parent of a program, which `run --log` and `run --report` make it: whoever
//! started it, and whatever the program leaves to it, nothing is different from what the program
//! alone would be.

use portshim_tests::programs::{Scratch, copy_program, must, source, until};
use portshim_tests::{portshim, portshim_path, said};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A folder of one test's own, in which sessions are kept, too.
struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        let folder = Scratch::new("parent");
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).expect("the folder is ours");
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }

    /// `portshim run` with these options, ready for `--` and a program.
    fn run(&self, options: &[&str]) -> Command {
        let mut command = portshim([&["run", "--range", "23100-23199"], options, &["--"]].concat());
        command.env("XDG_RUNTIME_DIR", &self.0);
        command
    }

    /// The same, begun by another command, which is given portshim's own command line behind its
    /// own.
    fn run_by(&self, first: &[&str], options: &[&str], program: &[&str]) -> Command {
        let mut command = Command::new(first[0]);
        command.args(&first[1..]).arg(portshim_path()).args(["run", "--range", "23100-23199"]);
        command.args(options).arg("--").args(program).env("XDG_RUNTIME_DIR", &self.0).stdin(Stdio::null());
        command
    }

    /// Compiles `parent/NAME.c`.
    fn compile(&self, name: &str, more: &[&str]) -> String {
        let built = self.path(name);
        must(
            Command::new("cc").args(["-O1", "-Wall", "-o", &built]).arg(source(&format!("parent/{name}.c"))).args(more),
        );
        built
    }

    fn fifo(&self, name: &str) -> String {
        let path = self.path(name);
        must(Command::new("mkfifo").arg(&path));
        path
    }

    fn sessions(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.0.join("portshim"))
            .into_iter()
            .flatten()
            .map(|entry| entry.expect("it can be listed").path());
        all.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("session-"))).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command says, having ended with this status.
#[track_caller]
fn says(command: &mut Command, status: i32) -> Output {
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(status), "{command:?}: {}", said(&output));
    output
}

/// Each way to stay with a program, as an option.
const WAYS: [&str; 2] = ["--report", "--log=-"];

/// The variables by which a service manager tells a program that something is for it: here, for
/// portshim's own number.
const NAMED: &str = "export LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$ WATCHDOG_USEC=9 SYSTEMD_EXEC_PID=$$ OTHER_PID=$$
    exec \"$@\"";
const TELL: &str = "for name in LISTEN_PID WATCHDOG_PID SYSTEMD_EXEC_PID OTHER_PID; do
    eval value=\\$$name; [ \"$value\" = $$ ] && echo $name; done; echo $LISTEN_FDS $WATCHDOG_USEC";

#[test]
fn a_service_managers_variables_name_the_program() {
    let here = Folder::new();
    for way in WAYS {
        let output = says(&mut here.run_by(&["sh", "-c", NAMED, "-"], &[way], &["sh", "-c", TELL]), 0);
        assert_eq!(text(&output.stdout), "LISTEN_PID\nWATCHDOG_PID\nSYSTEMD_EXEC_PID\n1 9\n", "{}", said(&output));
    }
    // What names somebody else is left alone, and is left out of nothing.
    let others = "export LISTEN_PID=1$$ WATCHDOG_PID=x SYSTEMD_EXEC_PID=; exec \"$@\"";
    let tell = "echo ${LISTEN_PID#$PPID} $WATCHDOG_PID ${SYSTEMD_EXEC_PID-unset}";
    let output = says(&mut here.run_by(&["sh", "-c", others, "-"], &["--report"], &["sh", "-c", tell]), 0);
    let told = text(&output.stdout);
    assert!(told.ends_with(" x\n") && told.len() > " x\n".len(), "{told}");
    // Without a parent, the number stays the program's own.
    let output = says(&mut here.run_by(&["sh", "-c", NAMED, "-"], &[], &["sh", "-c", TELL]), 0);
    assert!(text(&output.stdout).contains("OTHER_PID"), "{}", said(&output));
}

/// A process names itself by the inode of its pidfd, and its child has another.
#[test]
fn a_process_named_by_its_inode() {
    let here = Folder::new();
    let own = "import os; own = str(os.fstat(os.pidfd_open(os.getpid())).st_ino)";
    let first = format!("{own}\nimport sys\nos.environ['LISTEN_PIDFDID'] = own\nos.execvp(sys.argv[1], sys.argv[1:])");
    let tell = format!("{own}\nprint(os.environ['LISTEN_PIDFDID'] == own)");
    for options in [&["--report"][..], &[]] {
        let output =
            says(&mut here.run_by(&["/usr/bin/python3", "-c", &first], options, &["/usr/bin/python3", "-c", &tell]), 0);
        assert_eq!(text(&output.stdout), "True\n", "{}", said(&output));
    }
}

/// systemd's own tool, which starts a program when somebody connects.
#[test]
fn a_socket_activated_program() {
    let here = Folder::new();
    let socket = here.path("socket");
    let first = ["systemd-socket-activate", "-l", &socket];
    let program = "import os, socket; assert os.environ['LISTEN_PID'] == str(os.getpid()), 'not for this process'
socket.socket(fileno=3).accept()[0].send(b'served')";
    let log = format!("--log={}", here.path("log"));
    let mut child =
        here.run_by(&first, &[&log], &["/usr/bin/python3", "-c", program]).spawn().expect("make setup installs it");
    until("the socket is there", || Path::new(&socket).exists());
    let mut told = String::new();
    let mut client = std::os::unix::net::UnixStream::connect(&socket).expect("somebody listens");
    client.read_to_string(&mut told).expect("it can be read");
    assert_eq!((told.as_str(), child.wait().expect("it ran").code()), ("served", Some(0)));
}

/// A process whose children end after it leaves them to the first process, or to a subreaper.
const ORPHANS: &str = "for n in 1 2 3 4 5 6 7 8; do (sh -c 'sleep 0.01' &); done
    left() { pgrep -P $PPID | grep -cvx $$; }
    n=0; while [ $(left) -gt 0 ] && [ $n -lt 500 ]; do n=$((n+1)); sleep 0.01; done; left; exit 7";

#[test]
fn orphans_are_reaped() {
    let here = Folder::new();
    let init = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    let subreaper =
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])";
    for first in [&init[..], &["/usr/bin/python3", "-c", subreaper]] {
        for way in WAYS {
            let output = says(&mut here.run_by(first, &[way], &["sh", "-c", ORPHANS]), 7);
            assert_eq!(text(&output.stdout), "0\n", "{first:?} {way}: {}", said(&output));
        }
    }
}

/// Every signal that an init would ignore without a handler of its own reaches the program, and
/// ends it, or is handled.
#[test]
fn the_first_process_passes_signals_on() {
    let here = Folder::new();
    // Whoever runs the tests may ignore some.
    let init = ["env", "--default-signal", "unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    for (signal, handled) in
        [("TERM", true), ("USR1", true), ("RTMIN+3", true), ("TERM", false), ("RTMIN+3", false), ("HUP", false)]
    {
        let number: i32 =
            must(Command::new("bash").args(["-c", "kill -l $0", signal])).trim().parse().expect("a number");
        let trap = if handled { format!("trap 'exit 9' {number}; ") } else { String::new() };
        let program = format!("{trap}echo ready; while :; do sleep 0.01; done");
        let report = format!("--report={}", here.path("report.json"));
        let mut command = here.run_by(&init, &[&report], &["bash", "-c", &program]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it can be read");
        let first = must(Command::new("pgrep").args(["-P", &child.id().to_string()]));
        must(Command::new("kill").args([&format!("-{number}"), first.trim()]));
        let status = child.wait().expect("it ran").code();
        assert_eq!(status, Some(if handled { 9 } else { 128 + number }), "{signal}");
        let report = fs::read_to_string(here.path("report.json")).expect("it was written");
        let name = signal.replace("RTMIN", "SIGRTMIN");
        let name = if name.starts_with("SIG") { name } else { format!("SIG{name}") };
        assert_eq!(report.contains(&format!("\"signal\": \"{name}\"")), !handled, "{report}");
    }
}

/// Number of ports `ports` asks for, a line of the log for each: more than a pipe holds, and than
/// may wait.
const MANY: usize = 20_000;

/// Asks for so many ports, says so, waits for a signal, and ends with a status of its own.
const BUSY: &str = "import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
for n in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); s.close()
print('done', flush=True)
while True: signal.pause()";

fn busy(command: &mut Command) -> Child {
    command.args(["/usr/bin/python3", "-c", BUSY, &MANY.to_string()]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it can be read");
    assert_eq!(line, "done\n");
    child
}

fn end(child: &Child) {
    must(Command::new("kill").arg(child.id().to_string()));
}

/// Whoever opens a pipe to read, or holds standard error, and never reads.
#[test]
fn a_pipe_that_nobody_empties() {
    let here = Folder::new();
    let fifo = here.fifo("full.fifo");
    for is_open in [false, true] {
        let held = is_open.then(|| fs::OpenOptions::new().read(true).write(true).open(&fifo).expect("it opens"));
        let mut child = busy(here.run(&["--log", &fifo]).stderr(Stdio::piped()));
        end(&child);
        let mut told = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut told).expect("it can be read");
        assert_eq!(child.wait().expect("it ran").code(), Some(5), "{told}");
        let lost = format!("events were not logged: nobody read `{fifo}` in time\n");
        assert!(told.contains(&lost), "{told}");
        drop(held);
    }
    // Standard error, which the program shares: it is full for good.
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    for options in [&["--log=-"][..], &["--report"], &["--log=-", "--report"]] {
        let mut child = busy(here.run(options).stderr(writer.try_clone().expect("it can be held twice")));
        end(&child);
        assert_eq!(child.wait().expect("it ran").code(), Some(5), "{options:?}");
    }
    drop(reader);
    // A report into a pipe.
    let report = here.fifo("report.fifo");
    let output = says(here.run(&[&format!("--report={report}")]).args(["sh", "-c", "exit 4"]), 4);
    let told = "error: the report was not written: nobody read";
    assert!(text(&output.stderr).starts_with(told), "{}", said(&output));
    assert!(here.sessions().is_empty(), "its sessions are over");
}

#[test]
fn a_pipe_that_is_read_gets_all() {
    let here = Folder::new();
    let fifo = here.fifo("log.fifo");
    let mut reader = Command::new("cat").arg(&fifo).stdout(Stdio::piped()).spawn().expect("it runs");
    let program = "import socket
for n in range(100): s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); s.close()";
    let output = says(here.run(&["--log", &fifo]).args(["/usr/bin/python3", "-c", program]), 0);
    let mut log = String::new();
    reader.stdout.take().expect("a pipe").read_to_string(&mut log).expect("it can be read");
    reader.wait().expect("it ran");
    assert_eq!(log.lines().filter(|line| line.contains(" bind udp4 ")).count(), 100, "{log}{}", said(&output));
    // A reader that goes away ends nobody.
    let mut command = here.run(&["--log=-"]);
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    drop(reader);
    says(command.args(["/usr/bin/python3", "-c", program]).stderr(writer), 0);
}

/// A program that has been executed, and has none of its session yet: the library has not begun.
#[test]
fn a_session_outlives_an_exec() {
    let here = Folder::new();
    let (late, again) = (here.compile("late", &["-shared", "-fPIC"]), here.compile("again", &[]));
    for options in [&["--report"][..], &[]] {
        let (gate, told) = (here.fifo("gate"), here.path("told"));
        // The last process of the session, which its program leaves behind.
        let leave = "LATE=$0 LD_PRELOAD=$LD_PRELOAD:$1 \"$2\" 0 >\"$3\" 2>&1 & exit 3";
        let mut command = here.run(options);
        command.args(["sh", "-c", leave, &gate, &late, &again, &told]).stdout(Stdio::null()).stderr(Stdio::null());
        assert_eq!(command.status().expect("it runs").code(), Some(3));
        assert_eq!(here.sessions().len(), 1, "{options:?}");
        must(portshim(["ps"]).env("XDG_RUNTIME_DIR", &here.0));
        assert_eq!(here.sessions().len(), 1, "{options:?}");
        fs::OpenOptions::new().write(true).open(&gate).expect("it waits").write_all(b"").expect("it can be opened");
        until("it has told", || fs::read_to_string(&told).is_ok_and(|told| told.ends_with('\n')));
        let said = fs::read_to_string(&told).expect("it was written");
        assert!(said.ends_with("kept\n") && said.starts_with("port 231"), "{said}");
        // Over, it is cleared away.
        until("it is swept", || {
            must(portshim(["ps"]).env("XDG_RUNTIME_DIR", &here.0));
            here.sessions().is_empty()
        });
        fs::remove_file(gate).expect("it is there");
        fs::remove_file(told).expect("it is there");
    }
}

/// Execs by the thousand, while others clear up.
#[test]
fn a_session_outlives_many_execs() {
    let here = Folder::new();
    let again = here.compile("again", &[]);
    let told = here.path("told");
    let leave = "\"$0\" 3000 >\"$1\" 2>&1 & exit 3";
    let mut command = here.run(&["--report"]);
    command.args(["sh", "-c", leave, &again, &told]).stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(command.status().expect("it runs").code(), Some(3));
    until("it has told", || {
        must(portshim(["ps"]).env("XDG_RUNTIME_DIR", &here.0));
        fs::read_to_string(&told).is_ok_and(|told| told.ends_with('\n'))
    });
    let said = fs::read_to_string(&told).expect("it was written");
    assert!(said.ends_with("kept\n"), "{said}");
}

/// Programs that no policy reaches are counted, by whatever way they are executed, and the last is
/// named.
#[test]
fn programs_that_no_policy_reaches_are_told_of() {
    let here = Folder::new();
    let [narrow, fixed, script, report] = ["narrow", "fixed", "script", "report.json"].map(|name| here.path(name));
    fs::write(here.path("main.c"), "int main(void) { return 0; }\n").expect("it can be written");
    // Of 32 bits, as far as it takes no C library for them.
    let code = "void _start(void) { __asm__ volatile(\"int $0x80\" : : \"a\"(1), \"b\"(0)); }\n";
    fs::write(here.path("start.c"), code).expect("it can be written");
    must(Command::new("cc").args(["-m32", "-nostdlib", "-static", "-o", &narrow, &here.path("start.c")]));
    must(Command::new("cc").args(["-static", "-o", &fixed, &here.path("main.c")]));
    fs::write(&script, format!("#! {fixed}\n")).expect("it can be written");
    must(Command::new("chmod").args(["+x", &script]));
    let told = |line: &str| {
        let report_to = format!("--report={report}");
        says(here.run(&[&report_to]).args(["sh", "-c", line, &narrow, &fixed, &script]), 0);
        let said: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&report).expect("it was written")).expect("it is JSON");
        (said["outside"]["programs"].as_u64(), said["outside"]["last"].as_str().map(str::to_owned))
    };
    let after = |count, last: &str| (Some(count), Some(last.to_owned()));
    assert_eq!(told("true; env true; /bin/sh -c /bin/true"), (None, None));
    assert_eq!(told("\"$0\""), after(1, "narrow"));
    assert_eq!(told("\"$0\"; \"$1\"; \"$2\""), after(3, "script"));
    assert_eq!(told("env \"$0\"; PATH=\"${1%/*}:$PATH\" env fixed; no-such-program || true"), after(2, "fixed"));
    assert_eq!(
        told("python3 -c 'import os,sys; os.posix_spawn(sys.argv[1], [sys.argv[1]], {})' \"$1\""),
        after(1, "fixed")
    );
    let shown = text(&says(here.run(&["--report"]).args([&here.compile("again", &[])]), 0).stderr).to_owned();
    assert!(!shown.contains("not covered"), "{shown}");
    let shown = text(&says(here.run(&["--report"]).args(["sh", "-c", "\"$0\"; true", &fixed]), 0).stderr).to_owned();
    let line = "  not covered: 1 program, the last `fixed`; `portshim doctor PROGRAM` says why\n";
    assert!(shown.ends_with(line), "{shown}");
}

/// A program whose loader and C library are older than the library needs: this system's own,
/// without the names of their newer versions.
#[test]
fn a_program_with_an_old_glibc_is_refused() {
    let here = Folder::new();
    let loader = fs::canonicalize("/lib64/ld-linux-x86-64.so.2").expect("glibc is here");
    let library = loader.with_file_name("libc.so.6");
    let mut paths = Vec::new();
    for (from, name) in [(&loader, "ld-linux-x86-64.so.2"), (&library, "libc.so.6")] {
        let mut bytes = fs::read(from).expect("it can be read");
        for at in 0..bytes.len() - 11 {
            let Some(version) = bytes[at..at + 11].strip_prefix(b"GLIBC_2.").filter(|version| version[2] == 0) else {
                continue;
            };
            if version[..2].iter().all(u8::is_ascii_digit) && version >= &b"17"[..] {
                bytes[at + 6] = b'0';
            }
        }
        let path = here.path(name);
        fs::write(&path, bytes).expect("it can be written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("it is ours");
        paths.push(path);
    }
    let (code, old) = (here.path("old.c"), here.path("old"));
    fs::write(&code, "#include <unistd.h>\nvoid _start(void) { _exit(6); }\n").expect("it can be written");
    let loader = format!("-Wl,--dynamic-linker={}", paths[0]);
    let folder = format!("-Wl,-rpath,{}", here.0.display());
    must(Command::new("cc").args(["-nostartfiles", "-o", &old, &code, &loader, &folder]));
    says(here.run(&[]).arg(&old), 6);
    let output = says(here.run(&["--engine=preload"]).arg(&old), 125);
    let told = text(&output.stderr);
    assert!(told.contains("for its C library, and portshim's library needs 2."), "{told}");
    let output = says(here.run(&["--engine=preload", "--allow-uncovered"]).arg(&old), 6);
    assert!(text(&output.stderr).starts_with("warning: "), "{}", said(&output));
    let doctor = says(portshim(["doctor", "--engine=preload", "--json", &old]).env("XDG_RUNTIME_DIR", &here.0), 1);
    assert!(text(&doctor.stdout).contains("\"obstacle\": \"old-libc\""), "{}", said(&doctor));
}

/// A program that cannot be executed after all, of which only the child learns, is told of as ever.
#[test]
fn what_cannot_be_begun_is_told_of() {
    let here = Folder::new();
    let program = here.path("busy");
    copy_program("/bin/true".as_ref(), program.as_ref());
    // While somebody may write to it, the kernel does not execute it (ETXTBSY).
    let writing = fs::OpenOptions::new().append(true).open(&program).expect("it is ours");
    for options in [&["--report"][..], &[]] {
        let output = says(here.run(options).arg(&program), 126);
        let told = format!("error: `{program}` cannot be executed: text file busy\nhelp:");
        assert!(text(&output.stderr).starts_with(&told), "{options:?}: {}", said(&output));
        assert!(here.sessions().is_empty(), "{options:?}");
    }
    drop(writing);
}
