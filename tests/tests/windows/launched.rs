//! What a program is started with reaches it, and what it ends with comes back, as if portshim were
//! not there.

use portshim_tests::programs::scratch;
use portshim_tests::said;
use portshim_tests::wine::{
    Said, Talk, all_gone, built, output, portshim, probe, program, range, spec, theirs, windows,
};
use std::fs::File;
use std::process::Command;

/// The probe, as Windows programs call it.
pub(crate) fn probe_path() -> String {
    theirs(&program("probe.exe"))
}

/// The probe with these verbs, under some policy.
fn launched(verbs: &[&str]) -> Command {
    probe(&["--range", &spec(range(2))], verbs)
}

/// Arguments arrive as they were given: quotes, backslashes, blanks, nothing at all, other scripts.
pub(crate) fn arguments() {
    let words = ["a b", "q\"uote", "back\\", "a\\\\\"b c\\\\", "", "äöü ß €", "日本語"];
    let signs = ["%PATH%", "*.rs", "^&|<>", "--range", "-c", "--", "/?"];
    let all = [&words[..], &signs[..]].concat();
    let expected: Vec<String> = all.iter().map(|arg| format!("say {arg}")).collect();
    assert_eq!(Said::of(windows(program("probe.exe")).arg("args").args(&all)).0, expected, "without portshim");
    assert_eq!(Said::of(launched(&["args"]).args(&all)).0, expected, "with it");
}

/// An exit status comes back whole: this side sees 8 bits of it, a Windows program all 32.
pub(crate) fn exit_codes() {
    for code in [0, 1, 42, 125, 255] {
        let output = output(&mut launched(&[&format!("exit={code}")]));
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(output.stderr.is_empty() && output.stdout.is_empty(), "{}", said(&output));
    }
    let (portshim, range) = (theirs(&built("portshim.exe")), spec(range(1)));
    for code in ["259", "300", "-1073741819"] {
        let inner = format!("spawn={portshim} run --range {range} -- {} exit={code}", probe_path());
        let said = Said::of(windows(program("probe.exe")).arg(inner));
        let code = code.parse::<i32>().expect("a number").cast_unsigned();
        assert_eq!(said.0, [format!("spawn exit {code}")]);
    }
}

/// A program that crashes does so in its own way.
pub(crate) fn crashes() {
    let bare = output(windows(program("probe.exe")).arg("crash"));
    let ours = output(&mut launched(&["crash"]));
    assert_eq!(bare.status.code(), ours.status.code(), "{}", said(&ours));
    assert_eq!(bare.status.code(), Some(5), "0xC0000005, of which this side sees the last byte");
}

/// Standard input, output and error are the caller's own: pipes and files.
pub(crate) fn standard_handles() {
    let mut talk = Talk::with(launched(&["wait", "wait", "wait"]));
    for line in ["one two", "three"] {
        talk.say(line);
        assert_eq!(talk.line(), format!("read {line}"));
    }
    assert_eq!(talk.end(), (Some(0), Said(vec!["read ".to_owned()])), "the end of the input is seen");

    let folder = scratch("wine-handles");
    let (input, out, err) = (folder.join("in"), folder.join("out"), folder.join("err"));
    std::fs::write(&input, "from a file\n").expect("a file can be written");
    let file = |path| File::create(path).expect("a file can be made");
    let mut command = launched(&["wait", "complain"]);
    command.stdin(File::open(&input).expect("it is there")).stdout(file(&out)).stderr(file(&err));
    assert!(command.status().expect("it runs").success());
    assert_eq!(std::fs::read_to_string(out).expect("it is there"), "read from a file\r\n");
    assert_eq!(std::fs::read_to_string(err).expect("it is there"), "complaint\r\n");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Where it is started, it is, and it sees the environment.
pub(crate) fn folder_and_environment() {
    let folder = scratch("wine-folder");
    let said = Said::of(launched(&["folder", "env=SOME_VARIABLE"]).current_dir(&folder).env("SOME_VARIABLE", "a=b; c"));
    assert_eq!(said.0, [format!("folder {}", theirs(&folder)), "env a=b; c".to_owned()]);
    std::fs::remove_dir(folder).expect("the folder is ours");
}

/// A program, its folder and its policy file may be named in any script, with blanks.
pub(crate) fn unusual_paths() {
    let range = range(3);
    let base = scratch("wine-paths");
    for name in ["with blanks", "äöü ß", "日本語", "it's [a] (folder) & more", "a%PATH%b"] {
        let folder = base.join(name);
        std::fs::create_dir(&folder).expect("a folder can be made");
        let (copy, policy) = (folder.join(format!("{name}.exe")), folder.join(format!("{name}.toml")));
        std::fs::copy(program("probe.exe"), &copy).expect("a file can be copied");
        std::fs::write(&policy, format!("dynamic.all = \"{}\"\n", spec(range))).expect("a file can be written");
        let verbs = ["udp4", "bind=127.0.0.1,0"];
        let whole = Said::of(portshim(["run", "-c", &theirs(&policy), "--", &theirs(&copy)]).args(verbs));
        assert!((range.0..=range.1).contains(&whole.ports()[0]), "{name}: {whole:?}");
        // As a name in the folder that one is in, without its ending, and started by another
        // program.
        let named = ["run", "-c", &format!("{name}.toml"), "--", &format!(".\\{name}")].map(str::to_owned);
        let said = Said::of(portshim(named).args(verbs).current_dir(&folder));
        assert!((range.0..=range.1).contains(&said.ports()[0]), "{name}: {said:?}");
        let child = format!("spawn=\"{}\" {}", theirs(&copy), verbs.join(" "));
        let said = Said::of(probe(&["-c", &theirs(&policy)], &[&child]).current_dir(&folder));
        assert!((range.0..=range.1).contains(&said.ports()[0]), "{name}: {said:?}");
    }
    std::fs::remove_dir_all(base).expect("the folder is ours");
}

/// A program is found by its name alone, where Windows finds it.
pub(crate) fn found_by_name() {
    let said = Said::of(&mut portshim(["run", "--range", &spec(range(1)), "--", "cmd", "/c", "echo found"]));
    assert_eq!(said.0, ["found"]);
}

/// portshim.exe itself may lie anywhere.
pub(crate) fn portshim_anywhere() {
    let (folder, range) = (scratch("wine-anywhere").join("ein Ordner für ポート"), range(1));
    std::fs::create_dir(&folder).expect("a folder can be made");
    let copy = folder.join("port shim.exe");
    std::fs::copy(built("portshim.exe"), &copy).expect("a file can be copied");
    let mut command = windows(&copy);
    command.args(["run", "--range", &spec(range), "--", &probe_path(), "tcp4", "bind=127.0.0.1,0"]);
    assert_eq!(Said::of(&mut command).ports(), [range.0]);
    std::fs::remove_dir_all(folder.parent().expect("it is in one")).expect("the folder is ours");
}

/// A batch file is run by the command interpreter; what it starts is covered, and its exit status
/// comes back.
pub(crate) fn batch_files() {
    let (folder, range) = (scratch("wine-batch"), range(1));
    let script = folder.join("a script.cmd");
    let text = format!("@echo off\r\n{} udp4 bind=127.0.0.1,0 args %1 %2\r\nexit /b 43\r\n", probe_path());
    std::fs::write(&script, text).expect("a file can be written");
    let output = output(&mut portshim(["run", "--range", &spec(range), "--", &theirs(&script), "a b", "c&d"]));
    assert_eq!(output.status.code(), Some(43), "{}", said(&output));
    let expected = [format!("bind port {}", range.0), "say a b".into(), "say c&d".into()];
    assert_eq!(Said::from(&output.stdout).0, expected, "{}", said(&output));
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Children are covered, and theirs; one that is wanted suspended is, and is resumed by whoever
/// wanted it.
pub(crate) fn children() {
    let range = range(3);
    let (probe_path, options) = (probe_path(), ["--range", &spec(range)]);
    let bind = "udp4 bind=127.0.0.1,0";
    let grandchild = format!("spawn={probe_path} udp4 bind=127.0.0.1,0 \"spawn={probe_path} {bind} exit=7\" exit=8");
    let said = Said::of(&mut probe(&options, &["udp4", "bind=127.0.0.1,0", &grandchild]));
    assert_eq!(said.ports().len(), 3, "{said:?}");
    assert!(said.ports().iter().all(|port| (range.0..=range.1).contains(port)), "{said:?}");
    assert!(said.0.contains(&"spawn exit 7".to_owned()) && said.0.contains(&"spawn exit 8".to_owned()), "{said:?}");
    let suspended = format!("spawn-suspended={probe_path} {bind} exit=9");
    let said = Said::of(&mut probe(&options, &[&suspended]));
    // What they say may come in any order once it runs.
    assert!(said.0[0] == "suspended yes" && said.0.contains(&"suspended times 1".to_owned()), "{said:?}");
    assert!((range.0..=range.1).contains(&said.ports()[0]), "{said:?}");
}

/// Whatever a program starts its children with.
pub(crate) fn children_of_every_kind() {
    let range = range(2);
    let bind = format!("{} udp4 bind=127.0.0.1,0 env=ONLY exit=9", probe_path());
    let kinds = [
        (format!("spawn-narrow={bind}"), 1),
        (format!("spawn-group={bind}"), 1),
        (format!("spawn-bare={bind}"), 2),
        (format!("system={bind}"), 1),
        (format!("spawn=cmd.exe /c {bind}"), 1),
        (format!("spawn=cmd.exe /c cmd.exe /c {bind}"), 1),
    ];
    for (kind, times) in kinds {
        // That the variables are gone does not let a child out.
        let spoilt = ["setenv=PORTSHIM_SESSION,", "setenv=PORTSHIM_POLICY,", &kind];
        for verbs in [&[&*kind][..], &spoilt] {
            let said = Said::of(&mut probe(&["--range", &spec(range)], verbs));
            assert_eq!(said.ports().len(), times, "{kind}: {said:?}");
            assert!(said.ports().iter().all(|port| (range.0..=range.1).contains(port)), "{kind}: {said:?}");
            assert!(said.0.last().is_some_and(|line| line.ends_with(" exit 9")), "{kind}: {said:?}");
            let own = said.0.iter().filter(|line| *line == "env this").count();
            assert_eq!(own, if times == 2 { 2 } else { 0 }, "{kind}: {said:?}");
        }
    }
}

/// A program that is ended from outside takes its program along, as if there were one process.
pub(crate) fn ended_from_outside() {
    let mark = "say=to be ended";
    let mut running = Talk::with(launched(&[mark, "sleep=600000"]));
    assert_eq!(running.line(), "say to be ended");
    let pid = running.pid_of("portshim.exe");
    // SAFETY: kill(2) has no conditions; the process is one of this test's own.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    all_gone(mark);
}

/// A session inside another is one of its own: its policy replaces the outer one.
pub(crate) fn one_inside_another() {
    let (outer, inner) = (range(2), range(2));
    let portshim = theirs(&built("portshim.exe"));
    let verbs = "udp4 bind=127.0.0.1,0";
    let nested = format!("spawn={portshim} run --range {} -- {} {verbs}", spec(inner), probe_path());
    let said = Said::of(&mut probe(&["--range", &spec(outer)], &[&nested, "udp4", "bind=127.0.0.1,0"]));
    assert!((inner.0..=inner.1).contains(&said.ports()[0]), "{said:?}");
    assert!((outer.0..=outer.1).contains(&said.ports()[1]), "{said:?}");
}

/// What was handed out is logged and summed up.
pub(crate) fn logged_and_reported() {
    let (folder, range) = (scratch("wine-log"), range(2));
    let (log, report) = (folder.join("log"), folder.join("report"));
    let (log_option, report_option) = (theirs(&log), format!("--report={}", theirs(&report)));
    let options = ["--range", &spec(range), "--select", "sequential", "--log", &log_option, &report_option];
    let output = output(&mut probe(&options, &["fill=3,udp4,bind,127.0.0.1,0", "exit=3"]));
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let log = std::fs::read_to_string(log).expect("it was written");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].contains(&format!("bind udp4 {} pinned", range.0)), "{log}");
    assert!(lines[2].contains("bind udp4 - exhausted"), "{log}");
    let report = std::fs::read_to_string(report).expect("it was written");
    let row = report.lines().find(|line| line.contains("udp4")).unwrap_or_default();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["udp4", "2", "1", "0", "2"], "{report}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// NUL is in every folder, and no file.
pub(crate) fn reported_to_nobody() {
    let folder = scratch("wine-nul");
    let options = ["--range", &spec(range(2)), "--report=nul", "--log", "NUL"];
    let output = output(probe(&options, &["tcp4", "bind=127.0.0.1,0", "exit=3"]).current_dir(&folder));
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(output.stderr.is_empty(), "{}", said(&output));
    // What was made there would keep it.
    std::fs::remove_dir(folder).expect("it is empty");
}

/// `PORTSHIM_DISABLE=1` switches it off, for a program or for its children.
pub(crate) fn switched_off() {
    let range = range(2);
    let strays = |port: u16| (30_000..40_000).contains(&port);
    let child = format!("spawn={} tcp4 bind=127.0.0.1,0", probe_path());
    let verbs = ["tcp4", "bind=127.0.0.1,0", "setenv=PORTSHIM_DISABLE,1", &child];
    let said = Said::of(&mut probe(&["--range", &spec(range)], &verbs));
    assert!((range.0..=range.1).contains(&said.ports()[0]) && strays(said.ports()[1]), "{said:?}");
}

/// Ctrl-C reaches the program, whose answer is the last word.
pub(crate) fn interrupted() {
    let range = spec(range(1));
    let mut terminal = terminal(&format!("run --range {range} -- '{}' control say=after exit=42", probe_path()));
    while !without_escapes(&terminal.line()).contains("controlawaited") {}
    terminal.send("\x03");
    let (status, said) = terminal.end();
    let said = said.0.iter().map(|line| without_escapes(line)).collect::<String>();
    assert!(said.contains("control0") && said.contains("sayafter"), "{said}");
    assert_eq!(status, Some(42), "{said}");
}

/// `portshim.exe` with these arguments in a terminal.
pub(super) fn terminal(arguments: &str) -> Talk {
    let (wine, portshim) = (portshim_tests::project().join("tools/wine"), built("portshim.exe"));
    let run = format!("exec {} {} {arguments}", wine.display(), portshim.display());
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "120", "script", "-qec", &run, "/dev/null"]);
    Talk::with(command)
}

/// What a terminal shows of this: its text without the sequences that move about, one of which
/// stands for each blank.
pub(super) fn without_escapes(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    let shown =
        |piece: &str| piece.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().skip(1).collect::<String>();
    pieces.fold(first, |text, piece| text + &shown(piece))
}
