//! `run --report=FILE.html`: the page, as a browser shows it.

use super::sandbox::Sandbox;
use portshim_tests::programs::{must, source};
use portshim_tests::said;
use std::fs;
use std::process::Command;

/// What chromium makes of a page, scripts and all, provided that they have nothing to complain of.
fn shown(here: &Sandbox, page: &str) -> String {
    let mut command = Command::new("chromium");
    // The page is ours, and root's chromium has no sandbox.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", here.path("home/chromium").display()));
    let output = command.arg(format!("file://{}", here.path(page).display())).output();
    let output = output.expect("chromium is installed: make setup does it");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("CONSOLE"), "{}", said(&output));
    String::from_utf8(output.stdout).expect("a page is text")
}

/// Runs a program twice, for a page and for JSON, and says what the comparison of both says.
fn compared(here: &Sandbox, options: &[&str], program: &[&str]) -> String {
    for report in ["--report=report.json", "--report=page.html"] {
        let output = here.portshim(&[&["run", report], options, &["--"], program].concat()).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    }
    let dom = here.file("desk/dom.html", shown(here, "desk/page.html"));
    must(Command::new("python3").arg(source("cli/page.py")).arg(dom).arg(here.path("desk/report.json")))
}

/// Takes two ports of two, and stays where there is none for a third.
const FULL: &str = "use IO::Socket::INET; my @held;
for (1..3) { push @held, IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0) }
IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 21970);
select undef, undef, undef, 0.5;";

#[test]
fn a_page_says_what_the_json_says_and_why_no_port_was_left() {
    let here = Sandbox::new();
    let options = ["--range", "21970-21972", "--block", "21970", "--select=sequential"];
    let program = ["perl", "-e", FULL, "</script><b>&"];
    assert_eq!(compared(&here, &options, &program), "4 rows of 4 events, 0 lost, 1 moments, some samples\n");
    let page = fs::read_to_string(here.path("desk/page.html")).expect("it was written");
    for part in [
        "&lt;/script&gt;&lt;b&gt;&amp;",
        "<strong>udp4</strong>, at ",
        "<strong>1</strong> request found no port.",
        "<code>bind</code> of process ",
        "Of the 3 ports of the range, ",
        "<strong>2</strong> held by the session",
        "<strong>1</strong> blocked",
        "2 of 3 ports were handed out, most often 21971 (1), 21972 (1).",
        "--block 21970",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>alert") && !page.contains("</script><b>"), "{page}");
}

#[test]
fn ten_thousand_events_make_a_page_that_opens_at_once() {
    let here = Sandbox::new();
    let program = "use Socket; for (1..10_000) { socket(my $s, PF_INET, SOCK_DGRAM, 0);
        bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die; select undef, undef, undef, 0.05 if $_ % 1000 == 0 }";
    let told = compared(&here, &["--range", "21000-21899/udp"], &["perl", "-e", program]);
    let numbers: Vec<u32> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [rows, events, lost, moments] = numbers[..] else { panic!("{told}") };
    assert_eq!((rows, events + lost, moments), (100, 10_000, 0), "{told}");
    let size = fs::metadata(here.path("desk/page.html")).expect("it was written").len();
    assert!(size < 1_000_000, "{size} bytes");
}

#[test]
fn of_many_callers_some_are_told_apart() {
    let here = Sandbox::new();
    let program =
        "use Socket; sub one { socket(my $s, PF_INET, SOCK_DGRAM, 0); bind($s, sockaddr_in(0, INADDR_LOOPBACK)); $s }
        my $held = one(); for (1..25) { fork or do { one(); exit } } 1 while wait > 0";
    let run = ["run", "--quiet", "--report=page.html", "--range", "21980/udp", "--", "perl", "-e", program];
    here.told(&run);
    let page = fs::read_to_string(here.path("desk/page.html")).expect("it was written");
    for part in ["<strong>25</strong> requests found no port.", "<li>and 12 more, and 5 requests of others</li>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}
