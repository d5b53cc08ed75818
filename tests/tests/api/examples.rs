//! The examples in C, Python and Rust say the same, with portshim and without, and what is
//! installed is enough to build one.

use super::scripted::Fixture;
use portshim_tests::programs::{must, private, scratch};
use portshim_tests::{portshim, portshim_path, project};
use std::path::{Path, PathBuf};
use std::process::Command;

const WITHOUT: &str = "without portshim: nothing keeps others off our ports\nlistening on 8440\n";
const WITH: &str = "reserve 20000-20003: done\nblock 8440-8443: done\nlistening on 8440\n";

/// The flags by which a program may be linked, and whether a library can be preloaded into it then.
const LINKED: [(&str, &[&str], bool); 5] = [
    ("as usual", &[], true),
    ("position-dependent", &["-no-pie", "-fno-pie"], true),
    ("bound at the start", &["-pie", "-fPIE", "-Wl,-z,now"], true),
    ("static", &["-static"], false),
    ("static-pie", &["-static-pie", "-fPIE"], false),
];

fn build(compiler: &str, flags: &[&str], to: &Path) -> PathBuf {
    let mut command = Command::new(compiler);
    command.args(["-pedantic", "-Wall", "-Wextra", "-Werror", "-O2", "-I"]).arg(project().join("shim")).arg("-o");
    must(command.arg(to).args(flags).arg(project().join("examples/api.c")));
    to.to_owned()
}

/// Every example, as a command: the program and its first argument.
fn examples(fixture: &Fixture) -> [(&'static str, Vec<PathBuf>); 3] {
    let test = std::env::current_exe().expect("a test knows its own path");
    let rust = test.ancestors().nth(2).expect("it is in PROFILE/deps").join("examples/api");
    assert!(rust.is_file(), "{} is missing: `cargo build --examples` makes it", rust.display());
    [
        ("C", vec![build("gcc", &["-std=c99"], &fixture.folder.join("api"))]),
        ("Python", vec!["python3".into(), project().join("examples/api.py")]),
        ("Rust", vec![rust]),
    ]
}

/// What an example says that `launcher` starts, with a worker that shows what it may have.
fn said(mut launcher: Command, example: &[PathBuf]) -> String {
    const WORKER: &str = r#"
import errno, socket
for port in (8441, 20001):
    try:
        socket.socket().bind(("127.0.0.1", port))
        print("worker:", port)
    except OSError as error:
        print("worker:", port, errno.errorcode[error.errno])"#;
    must(launcher.args(example).args(["python3", "-c", WORKER]))
}

fn bare() -> Command {
    Command::new("env")
}

fn under(policy: &[&str]) -> Command {
    let mut command = portshim(["run", "--quiet"]);
    command.args(policy).arg("--");
    command
}

#[test]
fn each_says_the_same_with_and_without() {
    private(|| {
        let fixture = Fixture::new();
        let free = "worker: 8441\nworker: 20001\n";
        let kept = "worker: 8441 EACCES\nworker: 20001\n";
        for (name, example) in examples(&fixture) {
            assert_eq!(said(bare(), &example), [WITHOUT, free].concat(), "{name}");
            assert_eq!(said(under(&["--range", "20000-20009"]), &example), [WITH, kept].concat(), "{name}");
            // What portshim refuses, it gives the rule for.
            let rule = "windows-xp reserves only ports of 1025-5000 and 49152-65535, with MaxUserPort 5000 \
                        (The Cable Guy, December 2005)";
            let told = said(under(&["--preset", "windows-xp"]), &example);
            assert_eq!(told, [&WITH.replacen("done", rule, 1), kept].concat(), "{name}");
            // Another process sits on a port of the block.
            let _other =
                std::net::TcpListener::bind(("127.0.0.1", 8443)).expect("a private network has all ports free");
            let told = said(under(&["--range", "20000-20009"]), &example);
            assert!(
                told.contains("reserve 20000-20003: done\nblock 8440-8443: Address already in use"),
                "{name}: {told}"
            );
            assert!(told.ends_with(&format!("listening on 8440\n{free}")), "{name}: {told}");
            // The library is there, and switched off.
            let mut off = under(&[]);
            off.env("PORTSHIM_DISABLE", "1");
            let told = said(off, &example);
            let lines: Vec<_> = told.lines().collect();
            for (line, ports) in lines.iter().zip(["reserve 20000-20003", "block 8440-8443"]) {
                assert!(line.starts_with(&format!("{ports}: Transport endpoint is not connected")), "{name}: {line}");
            }
            assert_eq!(lines[2..].join("\n"), format!("listening on 8440\n{free}").trim_end(), "{name}");
        }
    });
}

/// What nobody took is what the worker may have.
#[test]
fn what_is_reserved_is_not_handed_out() {
    private(|| {
        let fixture = Fixture::new();
        for (name, example) in examples(&fixture) {
            let mut command = under(&["--range", "20000-20005"]);
            let told = must(command.args(&example).arg("python3").arg(project().join("examples/drain.py")));
            assert_eq!(told, format!("{WITH}the next bind: EADDRINUSE\n2 ports: 20004 20005\n"), "{name}");
        }
    });
}

#[test]
fn the_header_works_however_a_program_is_linked() {
    private(|| {
        let fixture = Fixture::new();
        for (compiler, language) in [("gcc", &["-std=c99"][..]), ("g++", &["-x", "c++", "-std=c++98"])] {
            for (name, flags, reached) in LINKED {
                let flags = [language, flags].concat();
                let program = build(compiler, &flags, &fixture.folder.join("linked"));
                let what = format!("{compiler}, {name}");
                assert_eq!(must(&mut Command::new(&program)), WITHOUT, "{what}");
                let mut command = under(&["--allow-uncovered", "--range", "20000-20009"]);
                assert_eq!(must(command.arg(&program)), if reached { WITH } else { WITHOUT }, "{what}");
            }
        }
    });
}

/// `make install`, and a program that is built and run with nothing but what it laid down.
#[test]
fn what_is_installed_is_enough() {
    private(|| {
        let to = scratch("install-library");
        let installed = to.join("opt/portshim");
        let mut variables =
            vec![format!("DESTDIR={}", to.display()), format!("PORTSHIM={}", portshim_path().display())];
        variables.push("PREFIX=/opt/portshim".to_owned());
        must(Command::new("make").arg("install").args(variables).current_dir(project()));
        let package = |question: &[&str]| {
            let mut command = Command::new("pkg-config");
            command.env("PKG_CONFIG_PATH", installed.join("share/pkgconfig")).env("PKG_CONFIG_SYSROOT_DIR", &to);
            must(command.args(question).arg("portshim")).trim().to_owned()
        };
        let flags = package(&["--cflags", "--libs"]);
        assert_eq!(flags, format!("-I{} -ldl", installed.join("include").display()));
        assert_eq!(Path::new(&package(&["--variable=library"])), installed.join("lib/portshim/libportshim.so"));
        let version = must(&mut portshim(["--version"]));
        assert_eq!(format!("portshim {}", package(&["--modversion"])), version.trim());
        let program = to.join("server");
        let mut compiler = Command::new("gcc");
        compiler.arg("-o").arg(&program).arg(project().join("examples/api.c")).args(flags.split(' '));
        must(&mut compiler);
        // The library by itself, as a unit file or an image would load it.
        let library = installed.join("lib/portshim/libportshim.so");
        let mut env = portshim(["env", "--range", "20000-20009", "--format", "json", "--library"]);
        let variables = must(env.arg(&library));
        let policy = variables.split('"').find(|word| word.starts_with("1:")).expect("it tells the policy");
        let mut command = Command::new(&program);
        assert_eq!(must(command.env("LD_PRELOAD", &library).env("PORTSHIM_POLICY", policy)), WITH);
        std::fs::remove_dir_all(to).expect("the folder is ours");
    });
}
