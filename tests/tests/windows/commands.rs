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
        // Each speaks of its own system where it says what programs are told.
        let lines = |said: &[u8]| {
            let is_own =
                |line: &String| line.contains("programs ") || line.starts_with("  ") && line.contains("resvport ");
            Said::from(said).0.into_iter().filter(|line| !is_own(line)).collect::<Vec<_>>()
        };
        assert_eq!(lines(&ours.stdout), lines(&theirs.stdout), "{args:?}: {}", said(&ours));
    }
}

/// What does is told as it is there.
pub(crate) fn as_windows_is() {
    let shown = Said::of(&mut portshim(["show"])).0.join("\n");
    for words in
        ["preset    host", "select    sequential", "sharing   exclusive", "excluded", "WSAENOBUFS", "dynamicport"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for words in ["CAP_NET_BIND_SERVICE", "kernel", "ip_local_port_range", "Linux"] {
        assert!(!shown.contains(words), "{words}: {shown}");
    }
    let shared = Said::of(&mut portshim(["show", "--preset", "linux"])).0.join("\n");
    assert!(shared.contains("on Windows each port is one socket's all the same"), "{shared}");
    for command in ["run", "show", "explain", "doctor"] {
        let help = Said::of(&mut portshim([command, "--help"])).0.join("\n");
        assert!(!help.contains("kernel") && !help.contains("CAP_NET"), "{command}: {help}");
    }
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
    let hooks = Said::of(&mut portshim(["doctor", "--hooks"])).0;
    let of = |name: &str| hooks.iter().find(|line| line.split_whitespace().next() == Some(name)).map(String::as_str);
    // Wine does not have every function of Windows.
    assert!(of("bind").is_some_and(|line| line.ends_with("ws2_32.dll")), "{hooks:#?}");
    assert!(of("WSAConnectByList").is_some_and(|line| line.ends_with("(this system does not have it)")), "{hooks:#?}");
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
    // Ten ports of this host's range are not excluded, other ones in each scope; a range of one's
    // own is asked for what is excluded of it, alone; a model with settings of its own asks for
    // nothing.
    for (socket, host, ports) in
        [("tcp4", "127.0.0.1", 2099), ("udp4", "127.0.0.1", 2299), ("tcp6", "::1", 2499), ("udp6", "::1", 2699)]
    {
        let (said, asked) = ask(&format!("run -- {} fill=12,{socket},bind,{host},0", probe_path()), "");
        assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
        let own = said.matches(&format!("bind port {ports}")).count();
        assert!(own == 10 && said.contains("bind error 10055"), "{said}");
    }
    let (said, asked) = ask("explain 22000", "");
    assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
    assert!(said.contains("excludedportrange"), "{said}");
    let (said, asked) = ask(&format!("run --range 20980-20991 {bind}"), "");
    assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
    assert_eq!(said.matches("bind port 2099").count(), 2, "{said}");
    let (said, asked) = ask(&format!("run --preset windows-xp {bind}"), "");
    assert!(asked.is_empty() && said.contains("bind port"), "{asked:?} {said}");
    let (said, asked) = ask("capture", "");
    assert_eq!(asked, ["netsh -f SCRIPT"], "{said}");
    assert!(said.contains("20000-20999") && said.contains("26000-26989"), "{said}");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Where netsh hangs, or says nothing, Windows' defaults hold, and are told of.
pub(crate) fn netsh_unheard() {
    for (says, words) in [("never", " within 10 seconds:"), ("nothing", " port settings: Windows' defaults")] {
        let mut run = portshim(["run", "--", &probe_path(), "tcp4", "bind=127.0.0.1,0"]);
        let output = output(run.env("NETSH_SAYS", says));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(Said::from(&output.stdout).ports()[0] >= 49152, "{}", said(&output));
        assert!(
            complaint.starts_with("warning: netsh does not tell this host's") && complaint.contains(words),
            "{complaint}"
        );
        assert!(
            complaint.contains("see whether `netsh interface ipv4 show dynamicport protocol=tcp` answers"),
            "{complaint}"
        );
    }
    let mut quiet = portshim(["run", "-q", "--", &probe_path()]);
    let output = output(quiet.env("NETSH_SAYS", "nothing"));
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
}

/// `capture` reads what netsh shows. Where that is nothing, it is told, and nothing is made up.
pub(crate) fn capture() {
    let output = output(portshim(["capture"]).env("NETSH_SAYS", "nothing"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    assert!(output.stdout.is_empty() && complaint.starts_with("error: netsh does not show"), "{}", said(&output));
}
