//! Places where a supervisor can do less: what works there is tried, and what does not is told of
//! before anything is launched.

use super::built::{Way, ports};
use portshim_tests::programs::{Scratch, as_root, copy_program, must, private, source, text};
use portshim_tests::{portshim, portshim_path, said};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

/// Sets up what a container runtime sets up by default: an ordinary user, no capabilities, and its
/// filter, with or without what `--cap-add SYS_PTRACE` allows.
pub(super) fn contained(ptrace: &str, folder: &Scratch, words: &[&str]) -> Output {
    let mut command = Command::new("setpriv");
    if portshim_tests::programs::is_root() {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    }
    command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "/usr/bin/python3"]);
    command.arg(source("engine/docker.py")).arg(ptrace).arg(portshim_path()).args(words);
    let home = folder.join("home");
    command.env("XDG_RUNTIME_DIR", &home).env("XDG_CACHE_HOME", &home).env("HOME", &home);
    command.output().expect("setpriv(1) runs")
}

/// A folder whose contents every user may change.
pub(super) fn open_to_all(name: &str) -> Scratch {
    let folder = Scratch::new(name);
    let home = folder.join("home");
    std::fs::create_dir(&home).expect("the folder is ours");
    for path in [&*folder, &home] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("it is ours");
    }
    folder
}

/// Under a container's default filter the library works; the supervisor takes one capability more,
/// if it is to do more than make sockets.
#[test]
fn in_a_container() {
    private(|| {
        let folder = open_to_all("container");
        let program = ports(Way::Musl, &folder);
        let run = ["run", "--range", "20000-20009", "--"];
        let drain = [text(&program), "drain", "bind", "1"];
        let python =
            ["python3", "-c", "import socket; s = socket.socket(); s.bind(('', 0)); print(s.getsockname()[1])"];

        let output = contained("none", &folder, &[&run[..], &python].concat());
        let port = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0);
        assert!((20000..20010).contains(&port), "{}", said(&output));
        let output = contained("ptrace", &folder, &[&run[..], &drain].concat());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "10 98\n", "{}", said(&output));

        let why = "sockets of other processes may not be looked at here (pidfd_getfd);";
        let remedy = "in a container, --cap-add SYS_PTRACE allows it\n";
        for words in [&["run"][..], &["run", "--strict"], &["run", "--engine", "supervise"], &["doctor"]] {
            let output = contained("none", &folder, &[words, &run[1..], &drain].concat());
            assert_eq!(output.status.code(), Some(if words[0] == "run" { 125 } else { 1 }), "{}", said(&output));
            let told = said(&output);
            assert!(told.contains(why) && told.contains(remedy) && !told.contains("10 98"), "{told}");
        }
    });
}

/// Without seccomp, or where its filters are forbidden, there is no supervisor.
#[test]
fn without_seccomp() {
    private(|| {
        let folder = Scratch::new("seccomp");
        let program = ports(Way::Musl, &folder);
        for (error, why) in [("ENOSYS", "this kernel has no seccomp"), ("EPERM", "seccomp is forbidden here")] {
            let refuses = format!(
                "import errno, os, sys, seccomp; f = seccomp.SyscallFilter(seccomp.ALLOW); \
                 f.add_rule(seccomp.ERRNO(errno.{error}), 'seccomp'); f.load(); os.execvp(sys.argv[1], sys.argv[1:])"
            );
            for options in [&["--strict"][..], &[], &["--engine", "supervise"]] {
                let mut command = Command::new("/usr/bin/python3");
                command.args(["-c", &refuses]).arg(portshim_path()).arg("run").args(options).arg("--").arg(&program);
                let output = command.args(["drain", "bind", "1"]).output().expect("it runs");
                assert_eq!(output.status.code(), Some(125), "{}", said(&output));
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(told.contains(why) && told.contains("help:  "), "{told}");
            }
        }
    });
}

/// A set-user-ID program gets no privileges below a supervisor that has none: it is refused.
#[test]
fn what_gains_privileges() {
    as_root(|| {
        let folder = open_to_all("gains");
        let program = folder.join("gains");
        copy_program(&ports(Way::Glibc, &folder), &program);
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o4755)).expect("it is ours");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]);
        command.args(["--bounding-set=-all"]).arg(portshim_path()).args(["run", "--engine", "supervise", "--"]);
        let home = folder.join("home");
        command.env("XDG_RUNTIME_DIR", &home).env("XDG_CACHE_HOME", &home);
        let output = command.arg(&program).args(["drain", "bind", "1"]).output().expect("setpriv(1) runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(125), "{told}");
        assert!(told.contains("no CAP_SYS_ADMIN it would not get its privileges"), "{told}");
        // Root has that capability, and nothing is lost.
        must(portshim(["run", "--engine", "supervise", "--"]).arg(&program).stdin(Stdio::null()));
    });
}
