//! What users slip on: words, names, the order of commands, and remedies that hold.

use super::sandbox::{Sandbox, mode, succeeded};
use portshim_tests::programs::{as_root, copy_program};
use portshim_tests::said;
use std::os::unix::fs::chown;

/// A preload that connects in a program's stead, as libproxychains does, and one that leaves that
/// to others.
const CONNECTS: &str = "int connect(int fd, const void *to, unsigned len) { return -1; }\n";
const LISTENS: &str =
    "int connect(int, const void *, unsigned);\nint listen(int fd, int n) { return connect(fd, 0, n); }\n";
const SHARED: [&str; 3] = ["-shared", "-fPIC", "-fno-builtin"];

fn warning(library: &str, tool: &str) -> String {
    format!(
        "warning: LD_PRELOAD names `{library}`, which connects in the program's stead:\n         \
         connections that it makes by sockets of its own get ports from outside the policy\n\
         help:    start it inside: portshim run [POLICY] -- {tool} CMD [ARG…]; or add --cover tree\n"
    )
}

#[test]
fn a_preload_that_connects_instead() {
    let here = Sandbox::new();
    here.cc("desk/libproxychains.so.4", CONNECTS, &SHARED);
    here.cc("desk/libother.so", CONNECTS, &SHARED);
    here.cc("desk/liblistens.so", LISTENS, &SHARED);
    let proxy = here.path("desk/libproxychains.so.4");
    let other = here.path("desk/libother.so");
    let listens = here.path("desk/liblistens.so");
    for (list, expected) in [
        (proxy.display().to_string(), warning("[DIR]/desk/libproxychains.so.4", "proxychains4")),
        (format!("{} {}", listens.display(), other.display()), warning("[DIR]/desk/libother.so", "TOOL")),
        (listens.display().to_string(), String::new()),
    ] {
        let mut run = here.portshim(&["run", "--", "true"]);
        here.expect(run.env("LD_PRELOAD", &list), 0, "", &expected);
        let mut quiet = here.portshim(&["run", "-q", "--", "true"]);
        here.expect(quiet.env("LD_PRELOAD", &list), 0, "", "");
        let output = here.portshim(&["doctor", "true"]).env("LD_PRELOAD", &list).output().expect("it runs");
        assert_eq!(here.masked(&output.stderr), expected, "{}", said(&output));
        succeeded(&output);
    }
    // A supervisor serves what it makes.
    for words in [&["run", "--cover", "tree", "--", "true"][..], &["doctor", "--cover", "tree", "true"]] {
        let output = here.portshim(words).env("LD_PRELOAD", &other).output().expect("it runs");
        assert!(output.stderr.is_empty(), "{}", said(&output));
        succeeded(&output);
    }
    // A name alone, which the loader looks for; and what is inside a session, where ours is
    // preloaded already.
    let mut run = here.portshim(&["run", "--", "true"]);
    run.env("LD_PRELOAD", "libother.so").env("LD_LIBRARY_PATH", here.path("desk"));
    here.expect(&mut run, 0, "", &warning("[DIR]/desk/libother.so", "TOOL"));
    let command = portshim_tests::portshim_path();
    here.says(&["run", "--", command.to_str().expect("text"), "run", "--", "true"], 0, "", "");
}

#[test]
fn a_misspelt_variable() {
    let here = Sandbox::new();
    let slip = "warning: there is no variable PORTSHIM_RNAGE\nhelp:    did you mean PORTSHIM_RANGE?\n";
    for (args, more) in [(&["run", "--", "true"][..], ""), (&["explain", "80/tcp4"], "80/tcp4"), (&["show"], "preset")]
    {
        let output = here.portshim(args).env("PORTSHIM_RNAGE", "1-2").output().expect("it runs");
        let heard = args[0] != "explain";
        assert_eq!(String::from_utf8_lossy(&output.stderr), if heard { slip } else { "" }, "{}", said(&output));
        assert!(succeeded(&output).contains(more));
    }
    let mut quiet = here.portshim(&["run", "-q", "--", "true"]);
    here.expect(quiet.env("PORTSHIM_RNAGE", "1-2"), 0, "", "");
    let mut known = here.portshim(&["run", "--", "true"]);
    for (name, value) in [("PORTSHIM_RANGE", "20000"), ("PORTSHIM_HINT", "Off"), ("PORTSHIM_SESSION", "/none")] {
        known.env(name, value);
    }
    // A service that Kubernetes knows by our name.
    known.env("PORTSHIM_SERVICE_HOST", "10.0.0.1").env("PORTSHIM_PORT_80_TCP_PROTO", "tcp");
    here.expect(&mut known, 0, "", "");
}

#[test]
fn what_cannot_be_made_executable_is_given_to_its_interpreter() {
    let here = Sandbox::new();
    here.file("desk/a.py", "print(1)\n");
    here.file("desk/a.jar", "PK\u{3}\u{4}");
    here.file("desk/b.py", "#!/usr/bin/env python3\nprint(1)\n");
    for (name, help) in [
        ("a.py", "name what runs it: portshim run -- python3 ./a.py"),
        ("a.jar", "name what runs it: portshim run -- java -jar ./a.jar"),
        ("b.py", "chmod +x ./b.py"),
    ] {
        let said = format!("error: `./{name}` cannot be executed: it is not executable\nhelp:  {help}\n");
        here.says(&["run", "--", &format!("./{name}")], 126, "", &said);
    }
    here.says(&["run", "--", "python3", "./a.py"], 0, "1\n", "");
}

#[test]
fn words_in_capitals() {
    let here = Sandbox::new();
    let small = here.told(&["show", "--preset", "linux", "--select", "random", "--sharing", "exclusive"]);
    assert_eq!(
        here.told(&["show", "--preset", "Linux", "--select", "Random", "--sharing", "EXCLUSIVE"])
            .replace("Linux", "linux")
            .replace("Random", "random")
            .replace("EXCLUSIVE", "exclusive"),
        small
    );
    let mut command = here.portshim(&["show"]);
    command.env("PORTSHIM_PRESET", "LINUX").env("PORTSHIM_SELECT", "Random").env("PORTSHIM_SHARING", "Exclusive");
    let shown = succeeded(&command.output().expect("it runs"));
    assert!(shown.contains("\nselect    random ") && shown.contains("\nsharing   exclusive "), "{shown}");
    here.file(
        "desk/portshim.toml",
        "preset = \"LINUX\"\nselect = \"Random\"\nsharing = \"Tuple\"\n[dynamic]\nTCP = \"4000-4009\"\n\
         [[reserve]]\nports = 4000\nscope = \"TCP4\"\n",
    );
    assert!(here.told(&["explain", "4000/TCP4"]).contains("reserved by reserve.ports"));
}

#[test]
fn slips_of_the_hand() {
    let here = Sandbox::new();
    for (args, said) in [
        (
            &["run", "--port", "80", "--", "true"][..],
            "error: there is no option `--port`\nhelp:  did you mean `--range`?\n",
        ),
        (&["show", "--ports=80"], "error: there is no option `--ports`\nhelp:  did you mean `--range`?\n"),
        (
            &["show", "--range", "20000 20009"],
            "error: --range 20000 20009: `20000 20009`: this is not a port number\nhelp:  write 20000-20009, or 20000,20009 for these two ports alone\n",
        ),
        (
            &["show", "--range", "4000-4009;5000"],
            "error: --range 4000-4009;5000: `4000-4009;5000`: this is not a port number\nhelp:  write 4000-4009,5000\n",
        ),
    ] {
        here.says(args, 125, "", said);
    }
    here.file("desk/portshim.toml", "[[process]]\nmatch = \"java*\"\nrange = \"4000-4009\"\n");
    let output = here.portshim(&["show"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.ends_with("help:  write dynamic.all = \"FIRST-LAST\"\n"), "{told}");
    here.file("desk/portshim.toml", "[[process]]\nmatch = \"java*\"\ndynamic.all = \"4000-4009\"\n");
    here.told(&["show"]);
}

#[test]
fn a_program_that_is_linked_with_liburing() {
    let here = Sandbox::new();
    here.cc("desk/liburing.so.2", "int io_uring(void) { return 0; }\n", &["-shared", "-Wl,-soname,liburing.so.2"]);
    let library = here.path("desk/liburing.so.2");
    let flags = [library.to_str().expect("text"), "-Wl,-rpath,$ORIGIN"];
    here.cc("desk/ring", "int io_uring(void);\nint main(void) { return io_uring(); }\n", &flags);
    let why = "`./ring` links liburing: what it asks of the kernel by io_uring goes past every preloaded library";
    here.says(&["run", "--", "./ring"], 0, "", &format!("warning: {why}\n"));
    let output = here.portshim(&["doctor", "./ring"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains(&format!("\ncoverage    partial: {why}\n")), "{told}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn who_becomes_another_user_starts_portshim() {
    as_root(|| {
        let here = Sandbox::new();
        let source = here.cc("source", "int main(void) { return 0; }\n", &[]);
        for (name, line) in [
            ("su", "su [OPTION…] -c 'portshim run [POLICY] -- CMD'"),
            ("sudo", "sudo portshim run [POLICY] -- CMD [ARG…]"),
        ] {
            let path = here.path("desk").join(name);
            copy_program(&source, &path);
            chown(&path, Some(65534), None).expect("root may");
            mode(&path, 0o4755);
            let said = format!(
                "error: `./{name}` runs as another user or group, so the loader ignores a preloaded library\n\
                 help:  let it start portshim: {line}\n       \
                 --allow-uncovered launches it all the same, outside the policy\n"
            );
            here.says(&["run", "--engine=preload", "--", &format!("./{name}"), "x"], 125, "", &said);
        }
    });
}
