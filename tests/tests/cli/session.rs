//! What `run` lays down and what it puts into the program's environment: the library, the session,
//! the variables.

use super::sandbox::{Sandbox, mode, succeeded};
use portshim_tests::programs::{copy_program, is_root, until};
use portshim_tests::{portshim_path, said};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

const VARIABLES: &str = "echo \"$LD_PRELOAD\"; echo \"$PORTSHIM_POLICY\"; echo \"$PORTSHIM_SESSION\"";

#[test]
fn the_environment_is_the_callers_and_three_variables() {
    let here = Sandbox::new();
    let names = |mut command: std::process::Command| {
        let said = succeeded(&command.output().expect("it runs"));
        let mut names: Vec<_> =
            said.lines().map(|line| line.split('=').next().unwrap_or_default().to_owned()).collect();
        names.sort();
        names
    };
    let mut expected = names(here.command("env", &[]));
    expected.extend(["LD_PRELOAD", "PORTSHIM_POLICY", "PORTSHIM_SESSION"].map(str::to_owned));
    expected.retain(|name| !name.starts_with("PORTSHIM_BIN"));
    expected.sort();
    assert_eq!(names(here.portshim(&["run", "--", "env"])), expected);
    let session = here.masked(here.sessions()[0].to_string_lossy().as_bytes());
    assert!(session.starts_with("[DIR]/run/portshim/session-"), "{session}");
    let output = here.portshim(&["run", "--preset", "linux", "--", "sh", "-c", VARIABLES]).output().expect("it runs");
    let said = here.masked(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "[DIR]/cache/portshim/libportshim-[HASH].so");
    assert_eq!(lines[1], "1:follow=1:model=linux:order=native:sharing=tuple:dynamic.all=32768-60999");
    assert!(lines[2].starts_with("[DIR]/run/portshim/session-"), "{said}");
}

#[test]
fn nobody_else_may_look_or_write() {
    let here = Sandbox::new();
    here.says(&["run", "--", "true"], 0, "", "");
    let mode_of = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(mode_of(&here.path("run/portshim")), 0o700);
    assert_eq!(mode_of(&here.sessions()[0]), 0o600);
    // What root starts may become another user, who has to load the library again.
    assert_eq!(mode_of(&here.path("cache/portshim")), if is_root() { 0o755 } else { 0o700 });
    for file in here.libraries() {
        assert_eq!(mode_of(&file), 0o644);
    }
}

#[test]
fn the_library_stands_before_what_is_preloaded_besides() {
    let here = Sandbox::new();
    let other = here.cc("other.so", "int other;", &["-shared", "-fPIC"]);
    let mut command = here.portshim(&["run", "--", "sh", "-c", "echo \"$LD_PRELOAD\""]);
    here.expect(command.env("LD_PRELOAD", other), 0, "[DIR]/cache/portshim/libportshim-[HASH].so:[DIR]/other.so\n", "");
}

#[test]
fn a_nested_run_has_its_own_policy_and_one_library() {
    let here = Sandbox::new();
    let portshim = portshim_path();
    let inner = ["--", portshim.to_str().expect("text"), "run", "--preset", "linux", "--range", "30000-30009", "--"];
    let args = [&["run", "--range", "20000-20009"], &inner[..], &["sh", "-c", VARIABLES]].concat();
    let output = here.portshim(&args).output().expect("it runs");
    assert!(output.stderr.is_empty(), "{}", said(&output));
    let said = here.masked(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "[DIR]/cache/portshim/libportshim-[HASH].so");
    assert_eq!(lines[1], "1:follow=1:model=linux:order=native:sharing=tuple:dynamic.all=30000-30009");
    assert_eq!(here.sessions().len(), 2);
}

#[test]
fn a_session_goes_when_its_last_process_has_gone() {
    let here = Sandbox::new();
    // The program itself.
    let mut program = here.portshim(&["run", "--", "sleep", "600"]).spawn().expect("it runs");
    until("the session is there", || here.sessions().len() == 1);
    here.says(
        &["capture", "-x"],
        125,
        "",
        "error: there is no option `-x`\nhelp:  `portshim --help` and `portshim COMMAND --help` explain by example\n",
    );
    here.told(&["show"]);
    assert_eq!(here.sessions().len(), 1, "its program runs");
    program.kill().expect("it runs");
    program.wait().expect("it ran");
    here.told(&["show"]);
    assert_eq!(here.sessions().len(), 0, "its program is gone");
    // A child that the program left behind.
    let script = "sleep 600 >/dev/null 2>&1 & echo $!";
    let mut program = here.portshim(&["run", "--", "sh", "-c", script]);
    let mut program = program.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut child = String::new();
    BufReader::new(program.stdout.take().expect("it is piped")).read_line(&mut child).expect("a line");
    let child: i32 = child.trim().parse().expect("a process number");
    program.wait().expect("it ran");
    let maps = || fs::read_to_string(format!("/proc/{child}/maps")).unwrap_or_default();
    let is_sleep = || fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|comm| comm == "sleep\n");
    until("the child has the session", || is_sleep() && maps().contains("/session-"));
    here.told(&["show"]);
    assert_eq!(here.sessions().len(), 1, "its child runs");
    // SAFETY: kill(2) of a process that our child started, and that still sleeps.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    until("the child is gone", || maps().is_empty());
    here.told(&["show"]);
    assert_eq!(here.sessions().len(), 0, "its child is gone");
}

#[test]
fn a_crowd_of_sessions_is_cleared_by_a_run() {
    let here = Sandbox::new();
    for _ in 0..17 {
        here.says(&["run", "--", "true"], 0, "", "");
    }
    assert_eq!(here.sessions().len(), 17);
    here.says(&["run", "--", "true"], 0, "", "");
    assert_eq!(here.sessions().len(), 1);
}

#[test]
fn nonsense_among_the_sessions_does_no_harm() {
    let here = Sandbox::new();
    here.says(&["run", "--", "true"], 0, "", "");
    let old = here.sessions().remove(0);
    // A region scribbled over by its targets, one cut short, one of a living process: this test.
    fs::write(&old, vec![0xff; 100_000]).expect("it is ours");
    let namespace = fs::metadata("/proc/self/ns/pid").expect("a namespace").ino();
    here.file(&format!("run/portshim/session-999999999-{namespace}-0"), "");
    here.file("run/portshim/session-x", [0; 4096]);
    let alive = format!("run/portshim/session-{}-{namespace}-0", std::process::id());
    here.file(&alive, vec![0xff; 100_000]);
    here.told(&["show"]);
    assert_eq!(here.sessions(), [here.path(&alive)]);
}

#[test]
fn without_a_place_for_a_session_each_process_is_on_its_own() {
    let here = Sandbox::new();
    fs::create_dir(here.path("elsewhere")).expect("a folder");
    symlink(here.path("elsewhere"), here.path("run/portshim")).expect("a link");
    // In a namespace of its own, whoever maps itself so is root.
    let fallback = "/tmp/portshim-0";
    let portshim = portshim_path();
    // In a mount namespace of its own the fallbacks are somewhere that others may use.
    let script = format!(
        "mkdir -p -m 700 {fallback} && mount -t tmpfs -o mode=755 none {fallback} && mount -t tmpfs none /dev/shm && \
         mkdir -m 755 /dev/shm/portshim-0 && exec \"$@\""
    );
    let under = |options: &[&str]| {
        let args = ["--map-root-user", "--mount", "sh", "-c", &script, "-", portshim.to_str().expect("text"), "run"];
        here.command("unshare", &[&args[..], options].concat())
    };
    let policy = ["--range", "21998-21998/udp"];
    let program = [
        "--",
        "sh",
        "-c",
        "echo \"${PORTSHIM_SESSION-none}\"; perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Proto => \"udp\", LocalAddr => \"127.0.0.1\", LocalPort => 0)->sockport'",
    ];
    here.expect(&mut under(&[&policy[..], &program].concat()), 0, "none\n21998", "");
    let open = "others may use it: its mode is not 700";
    let reasons = format!("[DIR]/run/portshim: it is not a directory; /dev/shm/portshim-0: {open}; {fallback}: {open}");
    here.expect(
        &mut under(&[&["-v"], &policy[..], &["--", "true"]].concat()),
        0,
        "",
        &format!(
            "\
portshim: the program is /usr/bin/true, covered: full
portshim: the library is [DIR]/cache/portshim/libportshim-[HASH].so
portshim: each process is on its own, for there is no place for a session: {reasons}
"
        ),
    );
    for option in ["--report", "--log=x"] {
        here.expect(
            &mut under(&[&[option], &policy[..], &["--", "true"]].concat()),
            125,
            "",
            &format!(
                "\
error: there is no place for a session, so nothing can be logged or reported: {reasons}
help:  set XDG_RUNTIME_DIR to a private directory, or leave --log and --report out
"
            ),
        );
    }
    let ports: Vec<_> = (20000..60000).step_by(2).map(|port| port.to_string()).collect();
    here.file("desk/long.toml", format!("dynamic.all = \"{}\"\n", ports.join(",")));
    here.expect(
        &mut under(&["-c", "long.toml", "--", "true"]),
        125,
        "",
        &format!(
            "\
error: the policy is too long for an environment variable, and there is no place for a session: {reasons}
help:  set XDG_RUNTIME_DIR to a private directory, or use ranges with fewer holes
"
        ),
    );
    assert!(fs::read_dir(here.path("elsewhere")).expect("a folder").next().is_none(), "nobody followed the link");
}

#[test]
fn the_library_is_made_whole_again() {
    let here = Sandbox::new();
    here.says(&["run", "--", "true"], 0, "", "");
    let file = || here.libraries().pop().expect("one");
    let whole = fs::read(file()).expect("it can be read");
    fs::write(file(), &whole[..100]).expect("it is ours");
    here.says(&["run", "--", "true"], 0, "", "");
    assert_eq!(fs::read(file()).expect("it can be read"), whole);
    // Others could have written to it.
    fs::write(file(), vec![0; whole.len()]).expect("it is ours");
    mode(&file(), 0o666);
    here.says(&["run", "--", "true"], 0, "", "");
    assert_eq!(fs::read(file()).expect("it can be read"), whole);
    // A directory that others may write to is not used at all.
    mode(&here.path("cache/portshim"), 0o777);
    here.says(&["run", "--", "sh", "-c", "echo $LD_PRELOAD"], 0, "[DIR]/run/portshim/libportshim-[HASH].so\n", "");
}

#[test]
fn a_library_laid_down_by_many_at_once() {
    let here = Sandbox::new();
    let all: Vec<_> = (0..8)
        .map(|_| here.portshim(&["run", "--", "true"]).stderr(Stdio::piped()).spawn().expect("it runs"))
        .collect();
    for one in all {
        let output = one.wait_with_output().expect("it ran");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    }
    assert_eq!(here.libraries().len(), 1);
}

#[test]
fn a_library_of_the_users_own() {
    let here = Sandbox::new();
    here.says(&["run", "--", "true"], 0, "", "");
    let ours = here.libraries().pop().expect("one");
    fs::copy(ours, here.path("desk/mine.so")).expect("a copy");
    let mut command = here.portshim(&["run", "--", "sh", "-c", "echo $LD_PRELOAD"]);
    here.expect(command.env("PORTSHIM_LIB", "mine.so"), 0, "[DIR]/desk/mine.so\n", "");
    here.file("desk/text.so", "PORTSHIM_POLICY");
    here.cc("desk/other.so", "int other;", &["-shared", "-fPIC"]);
    copy_program(&portshim_path(), &here.path("desk/portshim"));
    for (path, why) in [
        ("none.so", "no such file or directory"),
        (".", "it is not a file"),
        ("text.so", "it is not portshim's library"),
        ("other.so", "it is not portshim's library"),
        ("portshim", "it is not portshim's library"),
        ("a:b.so", "LD_PRELOAD cannot hold a path with `:`"),
    ] {
        let mut command = here.portshim(&["run", "--", "true"]);
        let path_shown = if path == "." { "[DIR]/desk".into() } else { format!("[DIR]/desk/{path}") };
        let said = format!(
            "\
error: PORTSHIM_LIB names `{path_shown}`, which cannot be preloaded: {why}
help:  name portshim's library, or leave PORTSHIM_LIB out: portshim carries its own
"
        );
        here.expect(command.env("PORTSHIM_LIB", path), 125, "", &said);
    }
}

/// Perl asks for a port, and says whether it is the policy's.
const ASKS: &str = "use IO::Socket::INET; $! = 0;
my $port = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0)->sockport;
print 21980 <= $port && $port <= 21989 ? 'inside' : 'outside';";

#[test]
fn a_policy_that_cannot_be_read_is_told_of() {
    let here = Sandbox::new();
    let variables =
        succeeded(&here.portshim(&["env", "--range", "21980-21989", "--format", "json"]).output().expect("it runs"));
    let value = |name: &str| {
        let line = variables.lines().find(|line| line.contains(name)).expect("it is there");
        line.split('"').nth(3).expect("a value").to_owned()
    };
    let (library, policy) = (value("LD_PRELOAD"), value("PORTSHIM_POLICY"));
    let perl = |policy: &str| {
        let mut command = here.command("perl", &["-e", ASKS]);
        command.env("LD_PRELOAD", &library).env("PORTSHIM_POLICY", policy);
        command
    };
    let told = "portshim: PORTSHIM_POLICY cannot be read, so this program runs outside the policy; \
                `portshim env` writes it anew\n";
    let others = policy.replacen('1', "2", 1);
    let edited = policy.replace("21989", "2198");
    for damaged in ["garbage", "", " ", &others, &edited] {
        here.expect(&mut perl(damaged), 0, "outside", told);
        here.expect(perl(damaged).env("PORTSHIM_DISABLE", "1"), 0, "outside", "");
        // A program whose standard error nobody reads goes on.
        let script = "pipe(my $out, my $in); close $out; open(STDERR, '>&', $in);
            @ENV{'LD_PRELOAD', 'PORTSHIM_POLICY'} = splice(@ARGV, 0, 2); exec 'perl', '-e', @ARGV";
        here.expect(&mut here.command("perl", &["-e", script, &library, damaged, ASKS]), 0, "outside", "");
    }
    here.expect(&mut perl(&policy), 0, "inside", "");
    // A session that can be had needs no variable, and where nobody asks for the library, an empty
    // one means nothing.
    let script = r#"PORTSHIM_POLICY=garbage exec perl -e "$0""#;
    here.says(&["run", "--range", "21980-21989", "--", "sh", "-c", script, ASKS], 0, "inside", "");
    here.expect(here.command("perl", &["-e", ASKS]).env("PORTSHIM_POLICY", ""), 0, "outside", "");
}

#[test]
fn with_v_it_says_what_it_does() {
    let here = Sandbox::new();
    let mut command = here.portshim(&["run", "-v", "--range", "20000-20009", "--", "true"]);
    let output = command.env("PORTSHIM_DISABLE", "1").output().expect("it runs");
    let said = here.masked(&output.stderr);
    let session = here.masked(here.sessions()[0].to_string_lossy().as_bytes());
    assert_eq!(
        said,
        format!(
            "\
warning: PORTSHIM_DISABLE is 1, so the program runs outside the policy
help:    unset PORTSHIM_DISABLE
portshim: the program is /usr/bin/true, covered: full
portshim: the library is [DIR]/cache/portshim/libportshim-[HASH].so
portshim: the session is {session}
"
        )
    );
    let mut command = here.portshim(&["run", "-q", "--", "true"]);
    here.expect(command.env("PORTSHIM_DISABLE", "1"), 0, "", "");
}

#[test]
fn arguments_of_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let here = Sandbox::new();
    let mut command = here.portshim(&["run", "--", "printf", "%s|"]);
    command.args([&b"caf\xe9 \xff"[..], b"", b"--range", b"-v"].map(std::ffi::OsStr::from_bytes));
    let output = command.output().expect("it runs");
    assert_eq!(output.stdout, b"caf\xe9 \xff||--range|-v|", "{}", said(&output));
    // And a program of such a name.
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let link = here.path("desk").join(name);
    symlink("/bin/echo", link).expect("a link");
    let mut command = here.portshim(&["run", "--"]);
    command.arg(std::path::Path::new(".").join(name)).arg("hello");
    here.expect(&mut command, 0, "hello\n", "");
}
