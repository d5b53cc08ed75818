//! Where the library and the session are laid down, and what is left alone for want of a place.

use super::sandbox::{Sandbox, mode};
use portshim_tests::portshim_path;
use portshim_tests::programs::{is_root, until};
use std::fs;
use std::path::Path;
use std::process::Command;

const PRELOAD: [&str; 4] = ["--", "sh", "-c", "echo \"$LD_PRELOAD\""];

/// portshim, started by a shell that does something before.
fn after(here: &Sandbox, script: &str, args: &[&str]) -> Command {
    let portshim = portshim_path();
    let script = format!("{script}\nexec \"$@\"");
    let before = ["-c", &script, "-", portshim.to_str().expect("text"), "run"];
    here.command("sh", &[&before[..], args].concat())
}

/// The same where the last of all places are empty, whatever they hold on this machine, and
/// /dev/shm as containers have it.
fn afresh(here: &Sandbox, script: &str, args: &[&str]) -> Command {
    afresh_by(&portshim_path(), here, script, args)
}

fn afresh_by(portshim: &Path, here: &Sandbox, script: &str, args: &[&str]) -> Command {
    let script = format!(
        "mkdir -p -m 700 {LAST} && mount -t tmpfs -o mode=700 none {LAST} && mount -t tmpfs -o noexec none /dev/shm || exit\n{script}\nexec \"$@\""
    );
    let before = ["--map-root-user", "--mount", "sh", "-c", &script, "-", portshim.to_str().expect("text"), "run"];
    here.command("unshare", &[&before[..], args].concat())
}

const LAST: &str = "/tmp/portshim-0";

#[test]
fn a_small_limit_on_files_is_for_the_program() {
    let here = Sandbox::new();
    let program = ["--", "sh", "-c", "ulimit -f; echo ${PORTSHIM_SESSION+session}"];
    here.expect(&mut after(&here, "ulimit -S -f 0", &program), 0, "0\nsession\n", "");
    // Where the limit cannot be raised there is no session.
    here.expect(&mut after(&here, "ulimit -f 0", &program), 0, "0\n\n", "");
    here.expect(
        &mut after(&here, "ulimit -S -f 0", &["--log=log.txt", "--range=21970/udp", "--", "perl", "-e", BIND]),
        0,
        "21970",
        "error: the log `log.txt` cannot be written: file too large\nhelp:  name a file in a folder that you may write to: --log FILE\n",
    );
    // Nor a library, where it is not there yet.
    fs::remove_dir_all(here.path("cache/portshim")).expect("it is ours");
    let output = afresh(&here, "ulimit -f 0", &program).output().expect("it runs");
    let said = here.masked(&output.stderr);
    assert!(said.starts_with("error: there is no place to lay down the library\n"), "{said}");
    assert!(
        said.contains(&format!("{LAST}/libportshim-[HASH].so: files may not grow beyond 0 bytes here (ulimit -f)\n")),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(125));
}

/// Where nothing may be written, as where a container's root is for reading only.
#[test]
fn where_there_is_no_place_the_library_of_the_installation_serves() {
    let here = Sandbox::new();
    here.says(&["run", "--", "true"], 0, "", "");
    let laid_down = fs::read(&here.libraries()[0]).expect("it may be read");
    fs::remove_dir_all(here.path("cache/portshim")).expect("it is ours");
    let command = here.program("usr/bin/portshim", fs::read(portshim_path()).expect("it may be read"));
    let script = "echo \"$LD_PRELOAD\"; exec perl -e \"$0\"";
    let args = ["--range=21972/udp", "--", "sh", "-c", script, BIND];
    let run = || afresh_by(&command, &here, "ulimit -f 0", &args);
    let library = here.file("usr/lib/portshim/libportshim.so", &laid_down);
    mode(&library, 0o644);
    here.expect(&mut run(), 0, "[DIR]/usr/lib/portshim/libportshim.so\n21972", "");
    // Not where it is another version's, and not where others may write to it.
    let refused = || {
        let output = run().output().expect("it runs");
        let said = here.masked(&output.stderr);
        assert!(said.starts_with("error: there is no place to lay down the library\n"), "{said}");
    };
    mode(&library, 0o666);
    refused();
    here.file("usr/lib/portshim/libportshim.so", [&laid_down[..], b"\n"].concat());
    mode(&library, 0o644);
    refused();
}

/// Prints the port that it was given.
const BIND: &str = "use IO::Socket::INET; print IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0)->sockport";

#[test]
fn a_missing_home_stays_missing() {
    let here = Sandbox::new();
    let run = |home: &str| {
        let mut command = here.portshim(&[&["run"], &PRELOAD[..]].concat());
        command.env_remove("XDG_CACHE_HOME").env("HOME", here.path(home));
        command
    };
    // Root's own place is none as long as others may write to it.
    mode(&here.path("cache"), 0o777);
    here.expect(&mut run("none/home"), 0, "[DIR]/run/portshim/libportshim-[HASH].so\n", "");
    assert!(!here.path("none").exists());
    here.expect(&mut run("home"), 0, "[DIR]/home/.cache/portshim/libportshim-[HASH].so\n", "");
    let mut command = here.portshim(&[&["run"], &PRELOAD[..]].concat());
    command.env("XDG_CACHE_HOME", here.path("none/cache"));
    here.expect(&mut command, 0, "[DIR]/run/portshim/libportshim-[HASH].so\n", "");
    assert!(!here.path("none").exists());
}

#[test]
fn every_place_is_tried_for_the_library() {
    let here = Sandbox::new();
    mode(&here.path("cache"), 0o777);
    // LD_PRELOAD can name neither the cache nor the first runtime directory.
    fs::create_dir(here.path("a b")).expect("a folder");
    mode(&here.path("a b"), 0o700);
    let mut command = afresh(&here, "", &PRELOAD);
    command.env("XDG_CACHE_HOME", here.path("a b")).env("XDG_RUNTIME_DIR", here.path("a b"));
    here.expect(&mut command, 0, &format!("{LAST}/libportshim-[HASH].so\n"), "");
}

#[test]
fn a_program_that_becomes_another_user_stays_under_the_policy() {
    let here = Sandbox::new();
    let range = ["--range", "21971/udp", "--"];
    // Whoever is not root cannot become another user.
    let other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let other = if is_root() { &other[..] } else { &[] };
    let program = ["perl", "-e", BIND];
    // The caller's umask is meant for the program, too.
    here.expect(&mut after(&here, "umask 077", &[&range[..], other, &program].concat()), 0, "21971", "");
}

#[test]
fn sessions_of_another_pid_namespace_are_left_alone() {
    let here = Sandbox::new();
    let mut program = here.portshim(&["run", "--", "sleep", "600"]).spawn().expect("it runs");
    until("the session is there", || here.sessions().len() == 1);
    let sessions = here.sessions();
    // In there nobody sees the program, whatever number it has.
    let script = "\"$0\" run -- true && \"$0\" show && \"$0\" run -- true";
    let portshim = portshim_path();
    let args = ["--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", script];
    let mut inside = here.command("unshare", &[&args[..], &[portshim.to_str().expect("text")]].concat());
    let output = inside.output().expect("it runs");
    let mut left = here.sessions();
    left.sort_by_key(|session| !sessions.contains(session));
    program.kill().expect("it runs");
    program.wait().expect("it ran");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", portshim_tests::said(&output));
    assert_eq!(left[..1], sessions, "the one outside");
    assert_eq!(left.len(), 2, "the second one inside, after the first was swept");
    here.told(&["show"]);
    // The namespace inside is gone. Who was not in the first one cannot know.
    let first = fs::read_link("/proc/self/ns/pid").expect("a namespace") == Path::new("pid:[4026531836]");
    assert_eq!(here.sessions(), if first { &[][..] } else { &left[1..] });
}

/// Asks for ports once no memory is left for the session, which it tells, and for reservations.
const WITHOUT_MEMORY: &str = r#"
import ctypes, errno, os, socket, subprocess
try:
    with open(os.environ["XDG_RUNTIME_DIR"] + "/rest", "wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))
except OSError as error:
    print(errno.errorcode[error.errno])
for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
    with socket.socket(type=kind) as bound:
        bound.bind(("127.0.0.1", 0))
        print(bound.getsockname()[1])
library = ctypes.CDLL(None, use_errno=True)
print(library.portshim_reserve(5000, 5000, 15), errno.errorcode[ctypes.get_errno()])
command = [os.environ["COMMAND"], "reserve", "--session", str(os.getpid()), "5000"]
reserve = subprocess.run(command, capture_output=True, text=True)
print(reserve.returncode, reserve.stderr.splitlines()[0].rpartition(": ")[2])
"#;

#[test]
fn where_no_memory_is_left_programs_go_on_under_the_policy() {
    let here = Sandbox::new();
    let portshim = portshim_path();
    let script = r#"mount -t tmpfs -o size=256k,mode=700 none "$XDG_RUNTIME_DIR" && exec "$@""#;
    let portshim = portshim.to_str().expect("text");
    let before = ["--map-root-user", "--mount", "sh", "-c", script, "-", portshim, "run", "--range=21973", "--"];
    let mut inside = here.command("unshare", &[&before[..], &["python3", "-c", WITHOUT_MEMORY]].concat());
    inside.env("COMMAND", portshim);
    here.expect(&mut inside, 0, "ENOSPC\n21973\n21973\n-1 ENOMEM\n125 no space left on device\n", "");
}

/// A program has taken memory for a part of what is shared, and a command needs another one.
#[test]
fn where_no_memory_is_left_a_command_says_so() {
    let program = r#"
import ctypes, os, subprocess
library = ctypes.CDLL(None, use_errno=True)
print(library.portshim_reserve(50007, 50007, 15))
try:
    with open(os.environ["XDG_RUNTIME_DIR"] + "/rest", "wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))
except OSError:
    pass
change = "int ipv4 set dynamicport tcp start=30000 num=2000 store=active".split()
command = [os.environ["COMMAND"], "netsh", "--session", str(os.getpid()), *change]
netsh = subprocess.run(command, capture_output=True, text=True)
print(netsh.returncode, netsh.stderr.splitlines()[0].rpartition(": ")[2])
"#;
    let here = Sandbox::new();
    let portshim = portshim_path();
    let portshim = portshim.to_str().expect("text");
    let script = r#"mount -t tmpfs -o size=1m,mode=700 none "$XDG_RUNTIME_DIR" && exec "$@""#;
    let before =
        ["--map-root-user", "--mount", "sh", "-c", script, "-", portshim, "run", "--preset=windows-vista", "--"];
    let mut inside = here.command("unshare", &[&before[..], &["python3", "-c", program]].concat());
    inside.env("COMMAND", portshim);
    here.expect(&mut inside, 0, "0\n125 no space left on device\n", "");
}
