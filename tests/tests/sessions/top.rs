//! `portshim top`: what it draws, and what its keys do.

use super::server::{Server, json, refused, told};
use portshim_tests::programs::{must, private, source};
use portshim_tests::{portshim, portshim_path};
use std::process::Command;

/// Runs `top` in a terminal of that many columns and 24 lines, presses keys, and gives all that was
/// drawn.
fn pressed(columns: &str, keys: &[&str]) -> String {
    let mut command = Command::new("python3");
    command.arg(source("sessions/keys.py")).args([columns, "24"]).args(keys).arg("--").arg(portshim_path());
    must(command.arg("top"))
}

/// One picture in a terminal of that size, under the title.
fn picture(columns: &str, lines: &str) -> String {
    let text = must(portshim(["top", "--once"]).env("COLUMNS", columns).env("LINES", lines));
    assert_eq!(text.lines().count(), lines.parse().expect("a number"), "{text}");
    let width: usize = columns.parse().expect("a number");
    assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    text.split_once('\n').expect("lines").1.to_owned()
}

#[test]
fn a_picture_at_two_sizes() {
    private(|| {
        let options = ["--range", "20000-20009", "--select", "sequential", "--reserve", "20008", "--block", "20009"];
        let mut server = Server::run(&options);
        let did = server.all_told(&["tcp 0", "wait", "tcp 0", "udp 0", "tcp 20009"]);
        assert_eq!(did, ["20000", "20001", "20002", "20000", "EACCES"]);
        let id = server.id();
        for (columns, lines) in [("80", "24"), ("140", "40")] {
            let text = picture(columns, lines);
            // The program's name and its line of ports in use are as wide as there is room.
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let has = |line: &str| text.lines().any(|shown| words(shown).join(" ").contains(line));
            for line in [
                &format!("▶ {id} 4 28 0.0 0.0 0.0 "),
                "▶tcp4 3/8",
                " 2 1 5 2 0 1",
                "udp4 1/8",
                &format!("{id} 3 4 0 python3"),
                " tcp4 20000-20009 ─",
                "█▒█·····rb",
                "nobody since the first look",
            ] {
                assert!(has(line), "{line} at {columns}x{lines}:\n{text}");
            }
        }
    });
}

#[test]
fn nothing_lives_and_no_terminal() {
    private(|| {
        assert!(picture("80", "24").contains("no session of yours is live"));
        let once = "`portshim top --once` prints one picture";
        refused(&["top"], "there is no terminal to draw in", once);
        let ended = "there is no session `4711`: it has ended, or never was";
        refused(&["top", "--once", "--session", "4711"], ended, "`portshim ps` lists those that live");
    });
}

#[test]
fn keys_reserve_block_and_quit() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        assert_eq!(server.told("udp 0"), "20000");
        let keys = ["r", "20001/udp 20002/udp\\r", "b", "9000-9001\\r", "b", "8\\x1b", "u", "1\\r", "p", "q"];
        let drawn = pressed("80", &keys);
        assert!(
            drawn.contains("reserved 20001/udp 20002/udp") && drawn.contains("no reservation holds all of"),
            "{drawn}"
        );
        // The screen that was there before is there again.
        assert!(drawn.trim_end().ends_with("\x1b[?1049l\x1b[?25h") || drawn.contains("\x1b[?1049l"), "{drawn}");
        let entries = "[[e['ports'] + '/' + e['scope'] for e in it[act]] for act in ('reserved', 'blocked')]";
        assert_eq!(json(&["status", "--json"], entries), "[['20001/udp', '20002/udp'], ['9000-9001/all']]");
        assert_eq!(server.told("udp 0"), "20003");
        assert!(told(&["status"]).contains("9000-9001"));
    });
}

#[test]
fn keys_exhaust_a_scope_or_all_and_release() {
    private(|| {
        let mut server = Server::run(&["--range", "20000-20009", "--select", "sequential"]);
        assert_eq!(server.all_told(&["udp 0", "udp 0"]), ["20000", "20001"]);
        // The scope that is looked at, the busiest at first, is what is typed already.
        let drawn = pressed("80", &["x", "\\r", "q"]);
        assert!(drawn.contains("q quit") && drawn.contains("exhausted udp4"), "{drawn}");
        let text = picture("80", "24");
        assert!(text.contains(" udp4 20000-20009 ") && text.contains("██xxxxxxxx"), "{text}");
        assert_eq!(server.all_told(&["udp 0", "tcp 0", "udp 20002"]), ["EADDRINUSE", "20000", "20002"]);
        let drawn = pressed("80", &["x", "\x7f\x7f\x7f\x7fsctp\\r", "x", "\x7f\x7f\x7f\x7f\\r", "q"]);
        assert!(drawn.contains("`sctp` is no scope") && drawn.contains("exhausted all scopes"), "{drawn}");
        assert_eq!(server.all_told(&["udp 0", "tcp 0"]), ["EADDRINUSE", "EADDRINUSE"]);
        let drawn = pressed("80", &["l", "q"]);
        assert!(drawn.contains("released what was exhausted in the session"), "{drawn}");
        assert_eq!(server.all_told(&["udp 0", "tcp 0"]), ["20003", "20001"]);
    });
}

#[test]
fn colours_are_as_the_user_says() {
    private(|| {
        let top = |option: &str, variable: &str| {
            must(portshim(["top", "--once", option]).env_remove("NO_COLOR").env(variable, "1"))
        };
        for (option, variable, coloured) in [
            ("--color=auto", "TERM", false),
            ("--color=auto", "CLICOLOR_FORCE", true),
            ("--color=always", "NO_COLOR", true),
            ("--color=never", "CLICOLOR_FORCE", false),
        ] {
            assert_eq!(top(option, variable).contains("\x1b["), coloured, "{option} {variable}");
        }
    });
}
