//! The other commands of portshim.exe, where they meet Windows.

use super::launched::probe_path;
use portshim_tests::wine::{Said, output, portshim, program, theirs};
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

/// `capture` reads what netsh shows. Wine's netsh shows nothing: that is told, and nothing is made
/// up.
pub(crate) fn capture() {
    let output = output(&mut portshim(["capture"]));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    assert!(output.stdout.is_empty() && complaint.starts_with("error: netsh does not show"), "{}", said(&output));
}
