//! A real Go program, which makes its system calls itself, as its makers publish it (without cgo)
//! and as Debian builds it (with cgo): served from outside, refused where that is not wanted, and
//! at work as ever below a program that is covered.

use super::super::path;
use portshim_tests::programs::{Ports, Service, fetched, must, private, scratch, source};
use portshim_tests::{portshim, said};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What portshim says of each, and how far it reaches.
fn esbuilds() -> [(PathBuf, &'static str); 2] {
    [(fetched("esbuild"), "none"), (PathBuf::from("/usr/bin/esbuild"), "partial")]
}

/// What doctor says to do about it: a command line.
fn remedy(program: &str, argument: &str) -> String {
    let output = portshim(["doctor", "--engine=preload", "--range", "20000-20009", program, argument])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("unshare "));
    format!("unshare {}", line.unwrap_or_else(|| panic!("no remedy: {text}")))
}

#[test]
fn it_is_refused_for_what_it_is() {
    for (program, coverage) in esbuilds() {
        let (program, remedy) = (path(&program), remedy(path(&program), "--version"));
        let reach = if coverage == "none" { "outside" } else { "partly outside" };
        let refused =
            portshim(["run", "--engine=preload", "--range", "20000-20009", "--", program, "--version"]).output();
        let refused = refused.expect("it runs");
        assert_eq!(refused.status.code(), Some(125), "{}", said(&refused));
        assert_eq!(
            String::from_utf8_lossy(&refused.stderr),
            format!(
                "\
error: `{program}` is a Go program, which makes its system calls itself, past every preloaded library
help:  give it a network of its own, with the kernel's own settings
       (nothing but loopback is reachable there):
       {remedy}
       --allow-uncovered launches it all the same, {reach} the policy
"
            )
        );
        let doctor = portshim(["doctor", "--engine=preload", program]).output().expect("it runs");
        let coverage = format!("\ncoverage    {coverage}: `{program}` is a Go program");
        assert!(String::from_utf8_lossy(&doctor.stdout).contains(&coverage), "{}", said(&doctor));
        let bare = must(Command::new(program).arg("--version"));
        assert_eq!(
            must(&mut portshim(["run", "-q", "--engine=preload", "--allow-uncovered", "--", program, "--version"])),
            bare
        );
    }
}

/// Where it serves, with a port of the system's choice, started by this command.
fn serves(mut command: Command) -> u16 {
    // It goes on for as long as its standard input is open.
    let mut server = Service::start({
        command.stdin(Stdio::piped());
        command
    });
    server.line(|line| line.split_once("http://127.0.0.1:")?.1.trim_end().trim_end_matches('/').parse().ok())
}

#[test]
fn it_is_served_from_outside() {
    private(|| {
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let served = ports.command(fetched("esbuild"));
            let mut command = Command::new("sh");
            command.args(["-c", r#"exec "$@" --serve=127.0.0.1:0 2>&1"#, "sh"]);
            command.arg(served.get_program()).args(served.get_args());
            let port = serves(command);
            assert!(ports.allow(port), "{port}");
        }
    });
}

#[test]
fn the_remedy_holds_it_to_the_range() {
    let program = fetched("esbuild");
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{} 2>&1", remedy(path(&program), "--serve=127.0.0.1:0")));
    let port = serves(command);
    assert!((20000..=20009).contains(&port), "{port}");
}

/// It serves with a port that the policy knows nothing of; the covered program that started it
/// visits it from one of the policy's, and is told of its end.
#[test]
fn below_a_covered_program_it_works_as_ever() {
    private(|| {
        for (program, _) in esbuilds() {
            for ports in [Ports::OUTSIDE, Ports::INSIDE] {
                let folder = scratch("go");
                std::fs::write(folder.join("page.txt"), "the page").expect("the folder is ours");
                let mut command = ports.command("node");
                command.args([path(&source("programs/go.js")), path(&program), path(&folder)]);
                let told = must(&mut command);
                std::fs::remove_dir_all(folder).expect("the folder is ours");
                let (port, rest) = told.split_once('\n').unwrap_or_default();
                assert_eq!(rest, "the page\nended 0\n", "{program:?}");
                ports.judge("node", &port.parse().into_iter().collect());
            }
        }
    });
}

/// As the guide and README say of such a child.
#[test]
fn below_a_covered_shell_it_is_outside_the_policy() {
    private(|| {
        let program = fetched("esbuild");
        let mut command = Ports::OUTSIDE.command("sh");
        command.args(["-c", r#""$0" --serve=127.0.0.1:0 2>&1; exit"#, path(&program)]);
        let port = serves(command);
        assert!((32768..=60999).contains(&port), "{port} is not the kernel's own choice");
    });
}
