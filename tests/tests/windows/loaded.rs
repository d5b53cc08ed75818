//! How the library comes into a process: on its first thread, before its first instruction, or it
//! is told.

use super::launched::probe_path;
use portshim_tests::programs::scratch;
use portshim_tests::said;
use portshim_tests::wine::{Said, Talk, built, output, portshim, probe, probed, program, range, spec, theirs, windows};
use std::process::Command;

/// The program whose library comes up before it, under some policy.
fn early(ports: (u16, u16)) -> Command {
    let mut command = portshim(["run", "--range", &spec(ports), "--"]);
    command.arg(theirs(&program("early.exe")));
    command
}

/// Lines that it says where all is well.
const WELL: [&str; 3] = ["thread own", "slot 4711", "window own"];

/// The libraries that a program is linked with come up on its own thread, which what they make
/// belongs to.
pub(crate) fn on_the_first_thread() {
    let ports = range(1);
    let bare = Said::of(&mut windows(program("early.exe")));
    assert_eq!(bare.0[..3], WELL);
    let ours = Said::of(&mut early(ports));
    assert_eq!(ours.0[..3], WELL);
    assert_eq!(ours.ports(), [ports.0]);
}

/// Of a child that its parent wants suspended nothing has run before the parent resumes it, and
/// then it is covered; so is one whose parent debugs it.
pub(crate) fn children() {
    let ports = range(1);
    let child = theirs(&program("early.exe"));
    let said = probed(&["--range", &spec(ports)], &[&format!("spawn-suspended={child}")]);
    assert_eq!(said.0[..2], ["suspended yes", "early not yet"], "{said:?}");
    assert!(said.0.contains(&"suspended times 1".to_owned()), "{said:?}");
    assert_eq!(said.ports(), [ports.0], "{said:?}");
    let said = probed(&["--range", &spec(ports)], &[&format!("spawn-debugged={child}")]);
    assert_eq!((&said.0[..3], said.ports()), (&WELL.map(str::to_owned)[..], vec![ports.0]), "{said:?}");
}

/// A program for .NET Framework has no code of its own, and the system's loader has another library
/// run it.
pub(crate) fn dotnet_framework() {
    let ports = range(1);
    for platform in ["anycpu", "x64"] {
        let path = theirs(&program(&format!("dotnet/{platform}.exe")));
        let mut run = portshim(["run", "--range", &spec(ports), "--", &path]);
        let output = output(run.env("MSCOREE", "n"));
        assert_eq!(output.status.code(), Some(7), "{platform}: {}", said(&output));
        assert_eq!(Said::from(&output.stdout).ports(), [ports.0], "{platform}: {}", said(&output));
        let mut parent = probe(&["--range", &spec(ports)], &[&format!("spawn={path}")]);
        let said = Said::of(parent.env("MSCOREE", "n"));
        assert_eq!(said.0, [format!("bind port {}", ports.0), "spawn exit 7".into()], "{platform}");
    }
}

/// A program that ends before the library is in it was not covered, whatever it ended with.
pub(crate) fn ended_before() {
    let output = output(early(range(1)).env("EARLY", "exit"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    assert!(complaint.contains("early.exe") && complaint.contains("before the library was in it"), "{complaint}");
}

/// Without its most needed hooks a program is not begun; without others it is told of.
pub(crate) fn hooks_missing() {
    for needed in ["bind", "connect", "sendto", "WSASendTo", "WSAIoctl,connect"] {
        let output = output(early(range(1)).env("SPOIL", needed));
        let complaint = String::from_utf8_lossy(&output.stderr);
        let name = needed.rsplit(',').next().expect("a name");
        assert_eq!(output.status.code(), Some(125), "{needed}: {}", said(&output));
        assert!(output.stdout.is_empty(), "it must not run: {}", said(&output));
        assert!(complaint.contains(&format!("cannot be covered: {name} cannot be hooked")), "{}", said(&output));
    }
    let output = output(early(range(1)).env("SPOIL", "WSAIoctl,WSAConnect"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(complaint.starts_with("warning: WSAConnect, WSAIoctl cannot be hooked"), "{}", said(&output));
    let quiet = portshim_tests::wine::output(
        portshim(["run", "-q", "--", &theirs(&program("early.exe"))]).env("SPOIL", "WSAIoctl"),
    );
    assert!(quiet.status.success() && quiet.stderr.is_empty(), "{}", said(&quiet));
}

/// `status` tells of a process whose hooks do not all stand.
pub(crate) fn hooks_missing_are_shown() {
    let child = format!("spawn={}", theirs(&program("early.exe")));
    let verbs = ["env=PORTSHIM_SESSION", "setenv=SPOIL,WSAIoctl", &child];
    let mut running = Talk::with(probe(&["-q", "--range", &spec(range(1))], &verbs));
    let session = running.line().trim_start_matches("env ").to_owned();
    for line in WELL {
        assert_eq!(running.line(), line);
    }
    let status = Said::of(&mut portshim(["status", "--session", &session])).0.join("\n");
    assert!(status.contains("not covered: what it does by WSAIoctl"), "{status}");
    assert_eq!(running.end().0, Some(0));
}

/// A child for another machine runs as it would without portshim, and is told of. Wine here has
/// none of the libraries that a 32-bit program needs, but does make a process of one.
pub(crate) fn for_another_machine() {
    let (child, ports) = (theirs(&program("thirty-two.exe")), range(1));
    for verb in ["spawn", "spawn-suspended"] {
        let spawn = format!("{verb}={child}");
        let bare = output(windows(program("probe.exe")).arg(&spawn));
        let ours = output(&mut probe(&["--range", &spec(ports)], &[&spawn, "udp4", "bind=127.0.0.1,0"]));
        let (said_bare, said_ours) = (Said::from(&bare.stdout), Said::from(&ours.stdout));
        assert!(bare.status.success() && said_bare.0.contains(&"spawn exit 0".to_owned()), "{}", said(&bare));
        assert_eq!(said_ours.0[..said_bare.0.len()], said_bare.0, "{}", said(&ours));
        assert_eq!(said_ours.ports(), [ports.0]);
        let complaint = String::from_utf8_lossy(&ours.stderr);
        let words = "thirty-two.exe: not covered: it is for another machine than the library";
        assert!(ours.status.success() && complaint.contains(words), "{}", said(&ours));
    }
}

/// A child that the library cannot come into runs, and is told of.
pub(crate) fn not_in_a_child() {
    let folder = scratch("wine-gone");
    let copy = folder.join("library.dll");
    std::fs::copy(built("portshim.dll"), &copy).expect("a file can be copied");
    let child = format!("spawn={} wait", probe_path());
    let mut command = probe(&["--range", &spec(range(1))], &["env=PORTSHIM_SESSION", "wait", &child]);
    command.env("PORTSHIM_LIB", theirs(&copy));
    let log = folder.join("log");
    command.stderr(std::fs::File::create(&log).expect("a file can be made"));
    let mut running = Talk::with(command);
    let session = running.line().trim_start_matches("env ").to_owned();
    std::fs::remove_file(copy).expect("the file is ours");
    running.say("");
    running.line();
    let words = "not covered: the library has not said that it is there";
    portshim_tests::programs::until("the child is shown", || {
        let status = Said::of(&mut portshim(["status", "--session", &session])).0.join("\n");
        status.contains(words)
    });
    running.say("");
    assert_eq!(running.end().0, Some(0));
    let log = std::fs::read_to_string(log).expect("it is there");
    assert!(log.contains("not all that the program started was covered") && log.contains(words), "{log}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}
