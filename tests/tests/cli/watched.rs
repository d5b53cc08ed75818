//! `run --report` and `run --log`, which stay with the program.

use super::sandbox::Sandbox;
use portshim_tests::programs::until;
use portshim_tests::{portshim_path, said};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes three ports of two, then asks for a blocked one.
const PROGRAM: &str = "use IO::Socket::INET; my @held;
for (1..3) { push @held, IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0) }
print scalar(grep { defined } @held), ' of 3; ';
print IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 21990) ? 'bound' : $!{EACCES} ? 'refused' : $!, qq(\\n);";

const POLICY: [&str; 5] = ["--range", "21991-21992", "--block", "21990", "--select=sequential"];

/// Whoever runs the program has its ports to itself meanwhile.
static PORTS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that failed has let go of the ports, too.
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn args<'a>(more: &[&'a str], program: &[&'a str]) -> Vec<&'a str> {
    [&["run"], &POLICY[..], more, &["--"], program].concat()
}

#[test]
fn a_report_as_a_table() {
    let _alone = alone();
    let here = Sandbox::new();
    let table = "\
portshim: /usr/bin/perl: exit status 0
  scope            served  exhausted    refused       peak
  tcp4                  0          0          0          0
  tcp6                  0          0          0          0
  udp4                  2          1          1          2
  udp6                  0          0          0          0
";
    here.says(&args(&["--report"], &["perl", "-e", PROGRAM]), 0, "2 of 3; refused\n", table);
    here.file("desk/report.txt", "what was there before\n".repeat(100));
    here.says(&args(&["--report=report.txt"], &["perl", "-e", PROGRAM]), 0, "2 of 3; refused\n", "");
    assert_eq!(fs::read_to_string(here.path("desk/report.txt")).expect("it was written"), table);
    assert_eq!(here.sessions().len(), 0, "its session is over");
}

#[test]
fn a_report_for_programs_to_read() {
    let _alone = alone();
    let here = Sandbox::new();
    here.says(&args(&["--report=report.json"], &["perl", "-e", PROGRAM]), 0, "2 of 3; refused\n", "");
    let scopes = ["tcp4", "tcp6", "udp4", "udp6"].map(|scope| {
        let [served, exhausted, refused, peak] = if scope == "udp4" { [2, 1, 1, 2] } else { [0; 4] };
        format!(
            "        {{\n          \"scope\": \"{scope}\",\n          \"served\": {served},\n          \
             \"exhausted\": {exhausted},\n          \"refused\": {refused},\n          \"uncovered\": 0,\n          \"peak\": {peak}\n        }}"
        )
    });
    let report = fs::read_to_string(here.path("desk/report.json")).expect("it was written");
    let pid = report.split_once("\"pid\": ").and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
    assert_eq!(
        report,
        format!(
            "\
{{
  \"program\": \"/usr/bin/perl\",
  \"status\": 0,
  \"signal\": null,
  \"engine\": \"library\",
  \"coverage\": \"full\",
  \"not_covered\": null,
  \"rules\": [
    {{
      \"match\": null,
      \"scopes\": [
{}
      ]
    }}
  ],
  \"processes\": [
    {{
      \"pid\": {pid},
      \"name\": \"perl\",
      \"engine\": \"library\",
      \"coverage\": \"full\",
      \"not_covered\": null
    }}
  ],
  \"kept_back\": [],
  \"outside\": null
}}
",
            scopes.join(",\n")
        )
    );
}

#[test]
fn a_log() {
    let _alone = alone();
    let here = Sandbox::new();
    for (name, lines) in [
        (
            "ports.log",
            [
                "TIME PID bind udp4 21991 pinned NAME",
                "TIME PID bind udp4 21992 pinned NAME",
                "TIME PID bind udp4 - exhausted NAME",
                "TIME PID bind udp4 21990 refused NAME",
            ]
            .map(str::to_owned),
        ),
        (
            "ports.jsonl",
            [("21991", "pinned"), ("21992", "pinned"), ("null", "exhausted"), ("21990", "refused")].map(
                |(port, verdict)| {
                    format!(
                        "{{\"time\":\"TIME\",\"process\":PID,\"name\":\"NAME\",\"call\":\"bind\",\"scope\":\"udp4\",\
                     \"port\":{port},\"verdict\":\"{verdict}\",\"peer\":null,\"duration\":DURATION}}"
                    )
                },
            ),
        ),
    ] {
        // The program outlives what it does by as long as it takes us to learn its name.
        let program = format!("{PROGRAM} $| = 1; print qq(done\\n); <STDIN>;");
        let mut command = here.portshim(&args(&["--log", name], &["perl", "-e", &program]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let log = here.path("desk").join(name);
        until("all is logged", || fs::read_to_string(&log).is_ok_and(|log| log.lines().count() == 4));
        let pid = pid_of_child(&child).to_string();
        drop(child.stdin.take());
        assert!(child.wait().expect("it ran").success());
        let text = fs::read_to_string(&log).expect("it was written");
        for (line, expected) in text.lines().zip(&lines) {
            let time =
                line.split(['"', ' ']).find(|word| word.starts_with("20") && word.ends_with('Z')).expect("a time");
            let masked = line.replace(time, "TIME").replacen(&pid, "PID", 1).replace("perl", "NAME");
            let masked = match masked.split_once("\"duration\":") {
                Some((before, _)) => format!("{before}\"duration\":DURATION}}"),
                None => masked,
            };
            assert_eq!(&masked, expected);
            assert_eq!(time.len(), "2026-11-22T05:34:06.782881Z".len(), "{time}");
        }
        assert_eq!(text.lines().filter(|line| !line.contains("released")).count(), 4, "{text}");
    }
    // To standard error, and behind what is there.
    let output = here.portshim(&args(&["--log", "-"], &["perl", "-e", PROGRAM])).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 4, "{}", said(&output));
    here.says(&args(&["--log", "ports.log"], &["perl", "-e", PROGRAM]), 0, "2 of 3; refused\n", "");
    assert_eq!(fs::read_to_string(here.path("desk/ports.log")).expect("it was written").lines().count(), 8);
}

#[test]
fn processes_that_go_on_are_told_of() {
    let _alone = alone();
    let here = Sandbox::new();
    // They end as soon as their standard input does.
    let daemon = "exec 3<&0; for n in $0; do perl -e '<STDIN>' <&3 >/dev/null 2>&1 & done; exit 7";
    let table = "\
portshim: /bin/sh: exit status 7
  scope            served  exhausted    refused       peak
  tcp4                  0          0          0          0
  tcp6                  0          0          0          0
  udp4                  0          0          0          0
  udp6                  0          0          0          0
";
    let help =
        "no port from now on is logged or reported\nhelp:    keep it in the foreground, or see `portshim status`\n";
    for (options, daemons, said) in [
        (&["--report"][..], "1", format!("{table}warning: the program has ended, but a process of it goes on: {help}")),
        (&["--log=log"], "1 2", format!("warning: the program has ended, but 2 processes of it go on: {help}")),
        (&["--log=log"], "", String::new()),
        (&["--log=log", "-q"], "1 2", String::new()),
    ] {
        let mut command = here.portshim(&args(options, &["/bin/sh", "-c", daemon, daemons]));
        let (input, held) = std::io::pipe().expect("there are pipes");
        here.expect(command.stdin(input), 7, "", &said);
        drop(held);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_of_before_launching() {
    let here = Sandbox::new();
    here.says(
        &args(&["--report=no/report"], &["touch", "launched"]),
        125,
        "",
        "error: the report `no/report` cannot be written: no such file or directory\nhelp:  name a file in a folder that you may write to: --report=FILE\n",
    );
    here.says(
        &args(&["--log=no/log"], &["touch", "launched"]),
        125,
        "",
        "error: the log `no/log` cannot be written: no such file or directory\nhelp:  name a file in a folder that you may write to: --log FILE\n",
    );
    assert!(!here.path("desk/launched").exists());
}

#[test]
fn what_cannot_be_written_in_the_end_leaves_the_status_alone() {
    let _alone = alone();
    let here = Sandbox::new();
    let program = ["sh", "-c", "perl -e \"$0\"; exit 7", PROGRAM];
    for (options, said) in [
        (
            &["--log=/dev/full"][..],
            "error: the log `/dev/full` cannot be written: no space left on device\nhelp:  name a file in a folder that you may write to: --log FILE\n",
        ),
        (
            &["--report=/dev/full"],
            "error: the report `/dev/full` cannot be written: no space left on device\nhelp:  name a file in a folder that you may write to: --report=FILE\n",
        ),
        (
            &["--log=/dev/full", "--report=/dev/full"],
            "error: the log `/dev/full` cannot be written: no space left on device\nhelp:  name a file in a folder that you may write to: --log FILE\n\
             error: the report `/dev/full` cannot be written: no space left on device\nhelp:  name a file in a folder that you may write to: --report=FILE\n",
        ),
    ] {
        here.says(&args(options, &program), 7, "2 of 3; refused\n", said);
    }
}

#[test]
fn the_status_is_the_programs() {
    let here = Sandbox::new();
    for (script, end) in [
        ("exit 7", "exit status 7"),
        ("kill -TERM $$", "ended by SIGTERM"),
        ("kill -KILL $$", "ended by SIGKILL"),
        ("ulimit -c 0; kill -SEGV $$", "ended by SIGSEGV"),
    ] {
        let bare = Command::new("sh").args(["-c", script]).status().expect("it runs");
        let output = here.portshim(&["run", "--report", "--", "sh", "-c", script]).output().expect("it runs");
        assert_eq!((output.status.code(), output.status.signal()), (bare.code(), bare.signal()), "{}", said(&output));
        let first = format!("portshim: /usr/bin/sh: {end}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().next(), Some(first.as_str()));
    }
    here.says(
        &["run", "--report", "--", "./none"],
        127,
        "",
        "error: `./none` does not exist\nhelp:  give the path of a program that exists\n",
    );
}

/// The program that portshim watches.
fn pid_of_child(portshim: &Child) -> i32 {
    let pid = portshim.id();
    let read = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    until("portshim has started the program", || !read().trim().is_empty());
    read().trim().parse().expect("one child")
}

fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn send(pid: i32, signal: i32) {
    // SAFETY: kill(2) of a child of ours, or of a child of it, that nobody has waited for.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

#[test]
fn signals_are_passed_on() {
    let here = Sandbox::new();
    let signals = [
        ("TERM", libc::SIGTERM),
        ("INT", libc::SIGINT),
        ("HUP", libc::SIGHUP),
        ("QUIT", libc::SIGQUIT),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
        ("WINCH", libc::SIGWINCH),
        ("ALRM", libc::SIGALRM),
        ("IO", libc::SIGIO),
        ("ABRT", libc::SIGABRT),
        ("SEGV", libc::SIGSEGV),
        ("RTMIN", libc::SIGRTMIN()),
    ];
    for (name, number) in signals {
        // Unbuffered: perl handles SIGSEGV at once, even before it takes note of what it has
        // written.
        let program = format!(
            "$SIG{{{name}}} = sub {{ syswrite STDOUT, qq({name}\\n); exit 9 }}; syswrite STDOUT, qq(ready\\n); sleep 600 while 1;"
        );
        let mut command = here.portshim(&["run", "--report=report.txt", "--", "perl", "-e", &program]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        send(i32::try_from(child.id()).expect("a process number"), number);
        let mut rest = String::new();
        out.read_to_string(&mut rest).expect("its output");
        assert_eq!(rest, format!("{name}\n"));
        assert_eq!(child.wait().expect("it ran").code(), Some(9), "{name}");
        let report = fs::read_to_string(here.path("desk/report.txt")).expect("it was written");
        assert!(report.starts_with("portshim: /usr/bin/perl: exit status 9\n"), "{name}: {report}");
    }
}

#[test]
fn what_cannot_be_passed_on_leaves_the_program_and_its_session_alone() {
    let here = Sandbox::new();
    let mut child = here.portshim(&["run", "--log=log.txt", "--", "sleep", "600"]).spawn().expect("it runs");
    let program = pid_of_child(&child);
    until("its session lives", || here.told(&["ps", "--json"]).contains("\"sleep 600\""));
    child.kill().expect("it runs");
    child.wait().expect("it ran");
    let listed = here.told(&["ps", "--json"]);
    // SAFETY: kill(2) has no conditions, and the program, which has just been listed, ends by
    // nothing else.
    assert_eq!(unsafe { libc::kill(program, libc::SIGKILL) }, 0);
    assert!(listed.contains(&format!("\"pid\": {program}")), "{listed}");
}

/// Some set a timer and become the program that it is to end.
#[test]
fn a_timer_from_before_is_the_programs() {
    let here = Sandbox::new();
    let alarm = ["-e", "alarm 1; exec @ARGV", portshim_path().to_str().expect("text"), "run", "--report=report.txt"]
        .map(str::to_owned);
    let mut command = here.command("timeout", &["--signal=KILL", "60", "perl"]);
    command.args(alarm).args(["--", "sleep", "600"]);
    let output = command.output().expect("it runs");
    // timeout(1) ends as its program has.
    assert_eq!(output.status.signal(), Some(libc::SIGALRM), "{}", said(&output));
    let report = fs::read_to_string(here.path("desk/report.txt")).expect("it was written");
    assert!(report.starts_with("portshim: /usr/bin/sleep: ended by SIGALRM\n"), "{report}");
}

/// The kernel tells the leader of a terminal's session alone that the terminal is gone: under ssh
/// or in a container, that may be portshim.
#[test]
fn a_hangup_is_passed_on() {
    let here = Sandbox::new();
    let script = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"ready" not in said:
    said += os.read(terminal, 100)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let program = r#"$| = 1; $SIG{HUP} = sub { exit 9 }; print "ready\n"; sleep 600 while 1;"#;
    let portshim = portshim_path();
    let args =
        ["-c", script, portshim.to_str().expect("text"), "run", "--report=report.txt", "--", "perl", "-e", program];
    here.expect(here.command("timeout", &["60", "python3"]).args(args), 0, "9\n", "");
    let report = fs::read_to_string(here.path("desk/report.txt")).expect("it was written");
    assert!(report.starts_with("portshim: /usr/bin/perl: exit status 9\n"), "{report}");
}

#[test]
fn a_stop_is_shared() {
    let here = Sandbox::new();
    // A group whose parent is in another one: the kernel lets no terminal stop an orphaned group
    // (setpgid(2)).
    let mut command = here.portshim(&["run", "--report", "--", "sleep", "600"]);
    let mut child = command.stderr(Stdio::null()).process_group(0).spawn().expect("it runs");
    let (portshim, program) = (i32::try_from(child.id()).expect("a process number"), pid_of_child(&child));
    until("the program sleeps", || {
        fs::read_to_string(format!("/proc/{program}/comm")).is_ok_and(|comm| comm == "sleep\n")
    });
    send(portshim, libc::SIGTSTP);
    until("both have stopped", || state(program) == Some('T') && state(portshim) == Some('T'));
    send(portshim, libc::SIGCONT);
    until("both go on", || state(program) == Some('S') && state(portshim) == Some('S'));
    send(portshim, libc::SIGTERM);
    assert_eq!(child.wait().expect("it ran").signal(), Some(libc::SIGTERM));
}
