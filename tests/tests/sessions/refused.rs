//! Sessions that are not there, not one's own, or broken.

use super::server::{Server, json, refused, told};
use portshim_tests::programs::{is_root, must, private, scratch};
use portshim_tests::{portshim, portshim_path, said};
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const BEGIN_ONE: &str = "a session begins with `portshim run`, and lives as long as its processes";
const ANEW: &str =
    "its programs go on under the policy that they began with; start them anew for a session that can be read";

#[test]
fn none_and_several() {
    private(|| {
        refused(&["status"], "no session of yours is live", BEGIN_ONE);
        let (mut one, other) = (Server::run(&[]), Server::run(&[]));
        let output = portshim(["status"]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let (id, other_id) = (one.id(), other.id());
        let lines: Vec<_> = stderr.lines().collect();
        assert_eq!(lines[0], "error: 2 sessions are live, so one must be named", "{}", said(&output));
        // As they are listed, the oldest first.
        assert!(
            lines[1].trim_start().starts_with("id ") && lines[1].ends_with("ports        program"),
            "{}",
            said(&output)
        );
        for (line, id) in [(lines[2], &id), (lines[3], &other_id)] {
            assert!(
                line.trim_start().starts_with(&format!("{id} ")) && line.contains(" 32768-60999  "),
                "{}",
                said(&output)
            );
        }
        assert_eq!(lines[4], format!("help:  name it, such as --session {id}"));
        assert_eq!((lines.len(), output.status.code(), output.stdout.len()), (5, Some(125), 0));
        // By its ID, by its file's name, by any of its processes.
        let file = json(&["ps", "--json"], "it[0]['file']");
        let child = one.told("fork");
        for name in [&id, file.rsplit('/').next().expect("a name"), &child] {
            assert_eq!(json(&["status", "--json", "--session", name], "it['id']"), id);
        }
    });
}

#[test]
fn one_that_is_not_there() {
    private(|| {
        let server = Server::run(&[]);
        let gone = server.id();
        server.end();
        for name in [&gone, "999999999", "session-1-2-3", "nonsense", "", "-1"] {
            let args = format!("--session={name}");
            refused(
                &["status", &args],
                &format!("there is no session `{name}`: it has ended, or never was"),
                "`portshim ps` lists those that live",
            );
        }
        let me = std::process::id().to_string();
        refused(
            &["status", "--session", &me],
            &format!("process {me} is in no session of yours"),
            &format!("{BEGIN_ONE}; `portshim ps` lists them"),
        );
    });
}

/// Not even root may.
#[test]
fn another_users_session() {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", "sleep", "600"];
    let mut theirs = is_root().then(|| Command::new("setpriv").args(nobody).spawn().expect("setpriv(1) runs"));
    // Where we are not root, the first process is somebody else's.
    let pid = theirs.as_ref().map_or(1, std::process::Child::id);
    if theirs.is_some() {
        let sleeps = || fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n");
        portshim_tests::programs::until("the other user has begun", sleeps);
    }
    let owner = if theirs.is_some() { "nobody" } else { "root" };
    refused(
        &["status", "--session", &pid.to_string()],
        &format!("process {pid} belongs to {owner}, and a session is open to its own user alone"),
        &format!("give the command as {owner}"),
    );
    if let Some(child) = &mut theirs {
        child.kill().expect("it runs");
        child.wait().expect("it ran");
    }
}

/// The file of the only session.
fn file() -> PathBuf {
    json(&["ps", "--json"], "it[0]['file']").into()
}

#[test]
fn files_that_are_broken() {
    private(|| {
        type Break = fn(&PathBuf);
        let breaks: [(Break, &str); 7] = [
            (|path| fs::write(path, "").expect("it is ours"), "it is too short"),
            (|path| fs::write(path, [0xff; 10_000]).expect("it is ours"), "it is not a portshim session"),
            (|path| patch(path, 0, 0xff), "it is not a portshim session"),
            (|path| patch(path, 8, 0x7f), "it was made by another version of portshim"),
            (|path| set_len(path, 1 << 16), "it is 65536 bytes long, and a session takes SIZE"),
            (
                |path| {
                    let _ = fs::remove_file(path);
                    symlink("/etc/passwd", path).expect("it is ours");
                },
                "too many levels of symbolic links",
            ),
            (
                |path| {
                    let _ = fs::remove_file(path);
                    let path = CString::new(path.as_os_str().as_bytes()).expect("a path");
                    // SAFETY: mkfifo(3) reads the path.
                    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
                },
                "it is not a regular file",
            ),
        ];
        for (spoil, why) in breaks {
            // No process has the region mapped, so that none of them breaks with it; its maker
            // lives.
            let mut command = portshim(["run", "--report", "--", "sh", "-c", "exec env -i sleep 600"]);
            command.args([] as [&str; 0]).env("PORTSHIM_DISABLE", "1").stderr(Stdio::null());
            let mut maker = command.spawn().expect("it runs");
            let id = maker.id().to_string();
            portshim_tests::programs::until("it has begun", || json(&["ps", "--json"], "len(it)") == "1");
            let path = file();
            let size = fs::metadata(&path).expect("it is there").len().to_string();
            spoil(&path);
            let why = why.replace("SIZE", &size);
            let problem = format!("session {id} cannot be read: {}: {why}", path.display());
            refused(&["status"], &problem, ANEW);
            assert_eq!(json(&["ps", "--json"], "[one['error'] for one in it]"), format!("['{why}']"));
            assert!(told(&["ps"]).contains("cannot be read"), "{why}");
            // SAFETY: kill(2) of our own child, which passes it on.
            assert_eq!(unsafe { libc::kill(maker.id().cast_signed(), libc::SIGTERM) }, 0);
            maker.wait().expect("it ran");
            let _ = fs::remove_file(&path);
        }
    });
}

/// One that cannot be read is in nobody's way: it is listed, and never what is meant without being
/// named.
#[test]
fn one_that_is_broken_beside_others() {
    private(|| {
        let broken = Server::run(&["--range", "20000-20009"]);
        let problem = format!(
            "session {} cannot be read: {}: it was made by another version of portshim",
            broken.id(),
            file().display()
        );
        patch_in_place(&file(), 8, 0x7f);
        let mut whole = Server::run(&["--range", "30000-30009", "--select", "sequential"]);
        let id = whole.id();
        assert_eq!(json(&["status", "--json"], "it['id']"), id);
        told(&["reserve", "30000"]);
        assert_eq!(whole.told("udp 0"), "30001");
        refused(&["status", "--session", &broken.id()], &problem, ANEW);
        let mut other = Server::run(&[]);
        let output = portshim(["status"]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let marked: Vec<_> = stderr.lines().filter(|line| line.contains(" cannot be read ")).collect();
        let [line] = marked[..] else { panic!("one is marked: {stderr}") };
        assert!(line.trim_start().starts_with(&format!("{} ", broken.id())), "{stderr}");
        assert!(stderr.ends_with(&format!("\nhelp:  name it, such as --session {id}\n")), "{stderr}");
        for (name, server) in [("other", &mut other), ("whole", &mut whole)] {
            let path: PathBuf =
                json(&["ps", "--json"], &format!("[s['file'] for s in it if s['id'] == '{}'][0]", server.id())).into();
            assert!(path.exists(), "{name}");
            patch_in_place(&path, 8, 0x7f);
        }
        let output = portshim(["status"]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.starts_with("error: 3 sessions are live, and none of them can be read\n"), "{stderr}");
        assert!(
            stderr.ends_with("\nhelp:  start their programs anew; --session ID tells why it is so of one\n"),
            "{stderr}"
        );
    });
}

/// In a file that processes have mapped.
fn patch_in_place(path: &PathBuf, at: u64, byte: u8) {
    let file = OpenOptions::new().write(true).open(path).expect("it is ours");
    file.write_all_at(&[byte], at).expect("it is ours");
}

fn patch(path: &PathBuf, at: usize, byte: u8) {
    let mut bytes = fs::read(path).expect("it is ours");
    bytes[at] = byte;
    fs::write(path, bytes).expect("it is ours");
}

fn set_len(path: &PathBuf, len: u64) {
    OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(len)).expect("it is ours");
}

/// One that an older portshim left behind is nobody's, though another process has its maker's
/// number by now.
#[test]
fn files_older_than_their_makers_number() {
    private(|| {
        let server = Server::run(&[]);
        let path = file();
        server.end();
        // Longer than clocks may differ.
        std::thread::sleep(std::time::Duration::from_secs(2));
        let mut reborn = Command::new("sleep").arg("600").spawn().expect("it runs");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let rest = name.splitn(3, '-').nth(2).expect("a namespace");
        fs::write(&path, [0xff; 10_000]).expect("it is ours");
        let renamed = |pid: u32| path.with_file_name(format!("session-{pid}-{rest}"));
        fs::rename(&path, renamed(reborn.id())).expect("it is ours");
        assert_eq!(json(&["ps", "--json"], "it"), "[]");
        assert!(!renamed(reborn.id()).exists());
        reborn.kill().expect("it runs");
        reborn.wait().expect("it ran");
    });
}

/// In a folder of our own, where only root can have put it.
#[test]
fn a_file_of_another_user() {
    private(|| {
        let server = Server::run(&[]);
        let path = file();
        // Who is root here alone can make a file nobody else's, but lay a file of root's in its
        // place, who is nobody here.
        let given_away = std::os::unix::fs::chown(&path, Some(65534), None).is_ok();
        if !given_away {
            must(Command::new("mount").args(["--bind", "/etc/passwd"]).arg(&path));
        }
        let problem = |why: &str| format!("session {} cannot be read: {}: {why}", server.id(), path.display());
        refused(&["status"], &problem("it belongs to nobody"), ANEW);
        let why = if given_away { "it belongs to nobody" } else { "permission denied" };
        refused(&["reserve", "20000"], &problem(why), ANEW);
    });
}

#[test]
fn files_that_may_not_be_read() {
    private(|| {
        let server = Server::run(&[]);
        let path = file();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("it is ours");
        // Root is stopped by no mode, unless it has given that up.
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search"]).arg(portshim_path()).arg("status");
        let output = command.output().expect("setpriv(1) runs");
        let problem = format!("session {} cannot be read: {}: permission denied", server.id(), path.display());
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: {problem}\nhelp:  {ANEW}\n"));
        assert_eq!(output.status.code(), Some(125));
    });
}

/// A session that is scribbled over as long as the command looks at it.
#[test]
fn whatever_is_scribbled_nothing_crashes() {
    private(|| {
        let folder = scratch("sessions");
        let (source, scribble) = (folder.join("scribble.c"), folder.join("scribble"));
        fs::write(&source, SCRIBBLE).expect("it is ours");
        must(Command::new("cc").arg("-O2").arg("-o").arg(&scribble).arg(&source));
        let mut command = portshim(["run", "--range", "20000-20009", "--"]);
        let mut scribbler = command.arg(&scribble).spawn().expect("it runs");
        portshim_tests::programs::until("it has begun", || json(&["ps", "--json"], "len(it)") == "1");
        for _ in 0..3 {
            for args in [
                &["ps"][..],
                &["status"],
                &["status", "--json"],
                &["reserve", "20003", "20005-20008/udp"],
                &["unreserve", "20005"],
                &["block", "30000-30009", "30020"],
                &["unblock", "30000"],
            ] {
                let output = portshim(args).output().expect("it runs");
                assert!(matches!(output.status.code(), Some(0 | 125)), "{args:?}: {}", said(&output));
            }
        }
        scribbler.kill().expect("it runs");
        scribbler.wait().expect("it ran");
        fs::remove_dir_all(folder).expect("it is ours");
    });
}

/// Writes random words all over the region but its first 16 bytes, which say what it is.
const SCRIBBLE: &str = r#"
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(void)
{
    int fd = open(getenv("PORTSHIM_SESSION"), O_RDWR);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return 1;
    size_t words = st.st_size / 8;
    volatile uint64_t *at = mmap(0, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return 1;
    for (uint64_t x = 88172645463325252;;) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        at[2 + x % (words - 2)] = x >> (x & 63);
    }
}
"#;
