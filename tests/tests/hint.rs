//! Beliefs of a session about its ports only orders the tries: every port is found, whatever it
//! believes, whoever has died with ports held, and whether the belief is right.

use portshim_tests::oracle::believing;
use portshim_tests::portshim;
use portshim_tests::programs::{must, private, source};

/// Policies inside the host's range, outside of it, across its end, with holes, and of a Windows of
/// old.
const POLICIES: [(&[&str], usize); 5] = [
    (&["--range", "41000-41199"], 200),
    (&["--range", "20000-20199"], 200),
    (&["--range", "32668-32867"], 200),
    (&["--range", "41000-41099,20000-20099", "--reserve", "41010-41019,20050"], 189),
    (&["--preset", "windows-xp", "--range", "2000-2199"], 200),
];

#[test]
fn every_port_is_found_whatever_is_believed() {
    private(|| {
        for (policy, count) in POLICIES {
            for kind in ["udp", "tcp"] {
                for belief in ["on", "off", "all", "random"] {
                    let mut run = portshim(["run"]);
                    run.args(policy);
                    match belief {
                        "on" | "off" => run.env("PORTSHIM_HINT", belief).arg("--"),
                        wrong => run.arg("--").args(believing(wrong)),
                    };
                    run.args(["sh", "-c"]);
                    // The second one finds what the first one left behind when it was killed.
                    run.arg(r#"python3 "$0" "$1" "$2"; python3 "$0" "$1" "$2"; true"#);
                    run.arg(source("hint/ports.py")).args([kind, &count.to_string()]);
                    let once = format!("{count} EADDRINUSE\nTrue EADDRINUSE\n");
                    assert_eq!(must(&mut run), once.repeat(2), "{policy:?} {kind} {belief}");
                }
            }
        }
    });
}

#[test]
fn there_is_no_such_hint() {
    let output = portshim(["run", "--", "true"]).env("PORTSHIM_HINT", "perhaps").output().expect("it runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: PORTSHIM_HINT=perhaps: there is no such hint\n\
         help:  write off, to have every port tried in turn\n"
    );
    assert_eq!(output.status.code(), Some(125));
}
