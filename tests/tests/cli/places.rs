//! Where the library and the session are laid down, and what is left alone for want of a place.

use super::sandbox::Sandbox;
use portshim_tests::portshim_path;
use portshim_tests::programs::until;
use std::fs;
use std::process::Command;

/// portshim, started by a shell that does something before.
fn after(here: &Sandbox, script: &str, args: &[&str]) -> Command {
    let portshim = portshim_path();
    let script = format!("{script}\nexec \"$@\"");
    let before = ["-c", &script, "-", portshim.to_str().expect("text"), "run"];
    here.command("sh", &[&before[..], args].concat())
}

#[test]
fn a_small_limit_on_files_is_for_the_program() {
    let here = Sandbox::new();
    let program = ["--", "sh", "-c", "ulimit -f; echo ${PORTSHIM_SESSION+session}"];
    here.expect(&mut after(&here, "ulimit -S -f 0", &program), 0, "0\nsession\n", "");
    // Where the limit cannot be raised there is no session.
    here.expect(&mut after(&here, "ulimit -f 0", &program), 0, "0\n\n", "");
    here.expect(
        &mut after(&here, "ulimit -S -f 0", &["--log=log.txt", "--range=21970/udp", "--", "perl", "-e", BIND]),
        125,
        "21970",
        "error: the log `log.txt` cannot be written: file too large\n",
    );
    // Nor a library, where it is not there yet.
    fs::remove_dir_all(here.path("cache/portshim")).expect("it is ours");
    let output = after(&here, "ulimit -f 0", &program).output().expect("it runs");
    let said = here.masked(&output.stderr);
    assert!(said.starts_with("error: there is no place to lay down the library\n"), "{said}");
    assert!(
        said.contains("[DIR]/run/portshim/libportshim-[HASH].so: files may not grow beyond 0 bytes here (ulimit -f)\n"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(125));
}

/// Prints the port that it was given.
const BIND: &str = "use IO::Socket::INET; print IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0)->sockport";

#[test]
fn sessions_of_another_pid_namespace_are_left_alone() {
    let here = Sandbox::new();
    let mut program = here.portshim(&["run", "--", "sleep", "600"]).spawn().expect("it runs");
    until("the session is there", || here.sessions().len() == 1);
    let sessions = here.sessions();
    // In there nobody sees the program, whatever number it has.
    let script = "\"$0\" run -- true && \"$0\" show";
    let portshim = portshim_path();
    let args = ["--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", script];
    let mut inside = here.command("unshare", &[&args[..], &[portshim.to_str().expect("text")]].concat());
    let output = inside.output().expect("it runs");
    let left = here.sessions();
    program.kill().expect("it runs");
    program.wait().expect("it ran");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", portshim_tests::said(&output));
    assert_eq!(left, sessions, "the one outside is left, the one inside is over");
    here.told(&["show"]);
    assert_eq!(here.sessions().len(), 0);
}
