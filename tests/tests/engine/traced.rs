//! Programs that somebody traces, from their beginning or from some moment on, while a supervisor
//! serves them: gdb and strace see what they see elsewhere.

use super::built::{Way, program};
use portshim_tests::programs::{Ports, Scratch, Service, compile, must, private, text, told, until};
use portshim_tests::{portshim_path, said};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Each engine, with a program that loads a library and with one that does not.
const OPTIONS: [&[&str]; 3] =
    [&["--cover", "tree"], &["--engine", "supervise"], &["--cover", "tree", "--engine", "inside"]];

fn each(try_with: impl Fn(&Ports, &[&str], &Path)) {
    let folder = Scratch::new("traced");
    let dynamic = compile("engine/scale.c", &folder, &[]);
    let lone = program(Way::Glibc, "engine/scale.c", &["-pthread", "-g"], &folder.join("static"));
    for options in OPTIONS {
        for (program, ports) in [(&dynamic, Ports::OUTSIDE), (&lone, Ports::INSIDE)] {
            try_with(&ports, options, program);
        }
    }
}

/// Judges the ports that a program has told of, as often as it should.
fn judge(ports: &Ports, said: &str, count: usize) {
    let seen = told(said);
    assert_eq!(seen.len(), count, "{said}");
    ports.judge("what it sees itself", &seen.into_iter().collect());
}

#[test]
fn strace_launches_it() {
    private(|| {
        each(|ports, options, program| {
            let mut command = ports.command_with(options, "strace");
            let output = command.args(["-f", "-e", "trace=bind"]).arg(program).args(["children", "3"]).output();
            let output = output.expect("strace(1) runs");
            judge(ports, &String::from_utf8_lossy(&output.stdout), 3);
            let traced = String::from_utf8_lossy(&output.stderr);
            // A port that two of them begin with is tried twice.
            let binds = |line: &&str| line.contains("bind") && line.ends_with(" = 0");
            assert_eq!(traced.lines().filter(binds).count(), 3, "{traced}");
        });
    });
}

/// portshim is traced, and the supervisor with it.
#[test]
fn strace_launches_portshim() {
    private(|| {
        each(|ports, options, program| {
            let run = ports.command_with(options, program);
            let mut command = Command::new("strace");
            command.args(["-f", "-o", "/dev/null", "-e", "trace=bind", text(&portshim_path())]).args(run.get_args());
            judge(ports, &must(command.args(["children", "3"])), 3);
        });
    });
}

#[test]
fn gdb_launches_it() {
    private(|| {
        each(|ports, options, program| {
            let mut command = ports.command_with(options, "gdb");
            command.args(["-nx", "-batch", "-ex", "break tell", "-ex", "run", "-ex", "backtrace", "-ex", "delete"]);
            command.args(["-ex", "continue", "--args", text(program), "bind"]);
            let output = command.output().expect("gdb(1) runs; `make setup` installs it");
            let said = said(&output);
            assert!(said.contains("#1 ") && said.contains("in main") && said.contains("exited normally"), "{said}");
            judge(ports, &String::from_utf8_lossy(&output.stdout), 1);
        });
    });
}

/// They come and go while it is in the midst of calls.
#[test]
fn gdb_and_strace_attach() {
    private(|| {
        let folder = Scratch::new("traced");
        each(|ports, options, program| {
            let mut command = ports.command_with(options, program);
            command.args(["steady", "0"]).stdin(Stdio::piped());
            let mut service = Service::start(command);
            let process = service.line(|line| line.strip_prefix("process ")?.trim_end().parse::<u32>().ok());
            let looks = ["-nx", "-batch", "-ex", "backtrace", "-ex", "detach", "-p", &process.to_string()];
            // Of a guest it knows nothing, and the program is there at times.
            until("gdb finds its way to where the program began", || {
                must(Command::new("gdb").args(looks)).contains(" main (")
            });
            let trace = folder.join("trace");
            let mut strace = Command::new("strace");
            strace.args(["-o", text(&trace), "-e", "trace=bind", "-p", &process.to_string()]).stderr(Stdio::null());
            let strace = Service::start(strace);
            until("it has been seen", || std::fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("= 0\n")));
            drop(strace);
            std::fs::remove_file(&trace).expect("the folder is ours");
            writeln!(service.input()).expect("it listens");
            let last = service.line(|line| line.starts_with("port ").then(|| line.to_owned()));
            judge(ports, &last, 1);
        });
    });
}
