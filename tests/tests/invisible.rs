//! `portshim run -- CMD` cannot be told from CMD: same process, exit status, signals, terminal,
//! descriptors and words.

use portshim_tests::programs::must;
use portshim_tests::{portshim, portshim_path, said};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

const POLICY: [&str; 4] = ["run", "--range", "20000-20999", "--"];

/// A program bare and under a policy, with no standard input.
fn both(program: &[&str]) -> [Command; 2] {
    let mut bare = Command::new(program[0]);
    bare.args(&program[1..]).stdin(Stdio::null());
    [bare, portshim(POLICY.iter().chain(program))]
}

/// Runs a program bare and under a policy, and demands the same of both, to the letter.
fn same(program: &[&str]) -> Output {
    let [bare, under] = both(program).map(|mut command| command.output().expect("it runs"));
    assert_eq!(bare.status, under.status, "{program:?}: {}", said(&under));
    assert_eq!(said(&bare), said(&under), "{program:?}");
    under
}

#[test]
fn it_is_the_same_process() {
    let script = format!(
        r#"echo $$; exec "{}" {} sh -c 'echo $$; cat /proc/$$/comm'"#,
        portshim_path().display(),
        POLICY.join(" ")
    );
    let said = must(Command::new("sh").args(["-c", &script]));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert_eq!((lines[0], lines[2]), (lines[1], "sh"), "{said}");
}

#[test]
fn it_ends_as_the_program_ends() {
    for status in [0, 1, 42, 125, 126, 127, 255] {
        assert_eq!(same(&["sh", "-c", &format!("exit {status}")]).status.code(), Some(status));
    }
    // A shell's background jobs are started with SIGINT ignored, and so would be what these tests
    // start. SAFETY: signal(2) takes no memory, and this is how the signal is in any other process.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGINT, libc::SIGPIPE, libc::SIGUSR1] {
        let output = same(&["sh", "-c", &format!("kill -{signal} $$; sleep 60")]);
        assert_eq!(output.status.signal(), Some(signal));
    }
}

#[test]
fn it_is_the_program_that_gets_the_signals() {
    for command in &mut both(&["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"]) {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let mut ready = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().expect("it is piped"), &mut ready).expect("it says so");
        let pid = i32::try_from(child.id()).expect("a process number");
        // SAFETY: kill(2) of a child of ours that has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        assert_eq!(child.wait().expect("it ends").code(), Some(7));
    }
}

/// Signal masks and dispositions, limits, descriptors, arguments, folder, umask: all as the shell
/// left them.
#[test]
fn it_is_left_as_it_was_started() {
    // SigQ counts what waits for all of a user's processes.
    same(&["grep", "-E", "^(Sig[^Q]|Shd|Cap|NoNewPrivs|Seccomp:|Umask|Uid|Gid|Groups)", "/proc/self/status"]);
    same(&["cat", "/proc/self/limits"]);
    same(&["cat", "/proc/self/cmdline"]);
    same(&["cat", "/proc/self/oom_score_adj"]);
    same(&["readlink", "/proc/self/exe"]);
    same(&["sh", "-c", r#"pwd; umask; echo "$0" "$@"; ls /proc/self/fd"#, "name", "a b", "", "*"]);
}

#[test]
fn its_input_and_output_are_the_programs_alone() {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for command in &mut both(&["cat"]) {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let (mut input, bytes) = (child.stdin.take().expect("it is piped"), bytes.clone());
        let writer = std::thread::spawn(move || input.write_all(&bytes));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("it has not panicked").expect("cat reads all of it");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
        assert!(output.stdout == (0..=255).cycle().take(100_000).collect::<Vec<u8>>());
    }
}

/// Only what loads the shim is added to the environment.
#[test]
fn its_environment_is_the_callers() {
    let [bare, under] = both(&["env", "-0"]).map(|mut command| {
        command.env_clear().env("HOME", "/").env("ODD", "a\nb=c").env("PATH", "/usr/bin:/bin").env("EMPTY", "");
        must(&mut command)
    });
    let shims = |entry: &&str| entry.starts_with("PORTSHIM_") || entry.starts_with("LD_PRELOAD=");
    let of_the_caller = |said: &str| {
        let entries: BTreeSet<_> = said.split('\0').filter(|entry| !shims(entry)).map(str::to_owned).collect();
        entries
    };
    assert_eq!(of_the_caller(&bare), of_the_caller(&under));
    assert!(under.split('\0').any(|entry| shims(&entry)), "{under}");
}

/// In a terminal: it has one, is in its foreground, and sees its size.
#[test]
fn its_terminal_is_the_callers() {
    let probe = r#"stty rows 33 cols 77; "$@" sh -c 'tty >/dev/null && test -t 1 && test -t 2 && stty size
        ps -o stat= -p $$ | grep -q + && echo foreground'"#;
    let quoted = |words: &[String]| words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(" ");
    let in_terminal = |prefix: &[String]| {
        let words =
            [vec!["sh".into(), "-c".into(), probe.replace('\'', r"'\''"), "sh".into()], prefix.to_vec()].concat();
        must(Command::new("script").args(["-qec", &quoted(&words), "/dev/null"]).stdin(Stdio::null()))
    };
    let portshim = portshim_path().display().to_string();
    let under: Vec<_> = std::iter::once(portshim).chain(POLICY.map(String::from)).collect();
    let (bare, under) = (in_terminal(&["env".into()]), in_terminal(&under));
    assert!(bare.contains("33 77") && bare.contains("foreground"), "{bare}");
    assert_eq!(bare, under);
}

/// A stream in memory has no descriptor, and closing it is no error.
#[test]
fn closing_a_stream_without_a_descriptor_leaves_errno_alone() {
    let script = "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.fmemopen.restype = ctypes.c_void_p
stream = libc.fmemopen(None, ctypes.c_size_t(8), b'w+')
ctypes.set_errno(0)
print(libc.fclose(ctypes.c_void_p(stream)), ctypes.get_errno())";
    assert_eq!(same(&["python3", "-c", script]).stdout, b"0 0\n");
}
