//! The other commands of portshim.exe, where they meet Windows.

use super::launched::probe_path;
use portshim_tests::programs::scratch;
use portshim_tests::wine::{Said, built, output, portshim, program, theirs, windows};
use portshim_tests::{portshim as on_linux, said};

/// What does not meet the system is the same on both.
pub(crate) fn as_on_linux() {
    let policies: [&[&str]; 4] = [
        &["--version"],
        &["show", "--preset", "windows-xp", "--reserve", "4000-4010"],
        &["show", "--preset", "windows-vista", "--json"],
        &["explain", "--preset", "windows-2003", "--reserve", "4000", "4000/tcp4"],
    ];
    for args in policies {
        let (ours, theirs) = (output(&mut portshim(args)), output(&mut on_linux(args)));
        assert_eq!(ours.status.code(), theirs.status.code(), "{args:?}: {}", said(&ours));
        assert_eq!(Said::from(&ours.stdout), Said::from(&theirs.stdout), "{args:?}: {}", said(&ours));
    }
}

/// What does is told as it is there.
pub(crate) fn as_windows_is() {
    for (args, expected) in [
        (&["explain", "--preset", "windows-2003", "--block", "6000", "6000/tcp4"][..], "is refused (WSAEACCES)\n"),
        (&["run", "--help"], "portshim stays while the program runs"),
        (&["env", "--help"], "There are none on Windows"),
    ] {
        let said = output(&mut portshim(args));
        assert!(String::from_utf8_lossy(&said.stdout).contains(expected), "{args:?}: {}", portshim_tests::said(&said));
    }
}

/// `doctor` recognises what can be covered and what cannot.
pub(crate) fn doctor() {
    let good = output(&mut portshim(["doctor", &probe_path()]));
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let node = output(&mut portshim(["doctor", &theirs(&program("node.exe"))]));
    assert_eq!(node.status.code(), Some(0), "{}", said(&node));
    let missing = output(&mut portshim(["doctor", "Z:\\no\\such.exe"]));
    assert_ne!(missing.status.code(), Some(0), "{}", said(&missing));
}

/// netsh is asked for what a policy needs, once; in whatever language it answers. One of the tests'
/// own stands in.
pub(crate) fn netsh() {
    let folder = scratch("wine-netsh");
    let place = theirs(&folder);
    let ask = |args: &str, more: &str| {
        let _ = std::fs::remove_file(folder.join("asked"));
        let run = format!("spawn={} {args}", theirs(&built("portshim.exe")));
        let verbs = [&format!("setenv=NETSH,{place}"), more, &run].map(str::to_owned);
        let verbs = verbs.into_iter().filter(|verb| !verb.is_empty());
        let output = output(windows(program("probe.exe")).args(verbs));
        let asked = std::fs::read_to_string(folder.join("asked")).unwrap_or_default();
        (String::from_utf8_lossy(&output.stdout).into_owned(), asked.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let bind = format!("-- {} fill=12,tcp4,bind,127.0.0.1,0", probe_path());
    // Ten ports of this host's range are not excluded; a range of one's own is asked for what is
    // excluded of it, alone; a model with settings of its own asks for nothing.
    let (said, asked) = ask(&format!("run {bind}"), "");
    assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
    assert!(said.matches("bind port 2099").count() == 10 && said.contains("bind error 10055"), "{said}");
    let (said, asked) = ask(&format!("run --range 20980-20991 {bind}"), "");
    assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
    assert_eq!(said.matches("bind port 2099").count(), 2, "{said}");
    let (said, asked) = ask(&format!("run --preset windows-xp {bind}"), "");
    assert!(asked.is_empty() && said.contains("bind port"), "{asked:?} {said}");
    let (said, asked) = ask("capture", "");
    assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
    assert!(said.contains("20000-20999") && said.contains("20000-20989"), "{said}");
    // One that hangs is left after its time.
    let (said, asked) = ask(&format!("run {bind}"), "setenv=NETSH_HANGS,1");
    assert!(said.contains("bind port") && asked == ["netsh -f SCRIPT"], "{asked:?} {said}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// `capture` reads what netsh shows. Where that is nothing, as under Wine, it is told, and nothing
/// is made up.
pub(crate) fn capture() {
    let output = output(&mut portshim(["capture"]));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    assert!(output.stdout.is_empty() && complaint.starts_with("error: netsh does not show"), "{}", said(&output));
}
