//! `run --log`: what the log tells as JSON, and that nothing is lost unsaid.

use super::sandbox::Sandbox;
use portshim_tests::programs::{must, until};
use portshim_tests::said;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Says what an expression of Python says of a log, whose lines are called `it`.
fn of(here: &Sandbox, log: &str, expression: &str) -> String {
    let program = "import json, sys; it = [json.loads(line) for line in open(sys.argv[1])]; print(eval(sys.argv[2]))";
    let mut python = Command::new("python3");
    must(python.args(["-c", program]).arg(here.path(log)).arg(expression)).trim_end().to_owned()
}

/// A listener at a port of its own choice, a client of it, both closed; and a datagram.
const STORY: &str = "
import socket
server = socket.create_server(('127.0.0.1', 21960))
client = socket.create_connection(('127.0.0.1', 21960))
client.close()
sender = socket.socket(type=socket.SOCK_DGRAM)
sender.sendto(b'x', ('127.0.0.1', 21961))
sender.close()
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.bind(('::1', 0))
";

#[test]
fn the_story_as_json() {
    let here = Sandbox::new();
    let options = ["--range", "21950-21955", "--select", "sequential", "--log-format", "json", "--log", "story.log"];
    let run = |more: &[&str]| {
        let _ = fs::remove_file(here.path("desk/story.log"));
        let args = [&["run"], &options[..], more, &["--", "python3", "-c", STORY]].concat();
        let output = here.portshim(&args).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
        of(&here, "desk/story.log", "[(e['call'], e['scope'], e['port'], e['verdict'], e['peer']) for e in it]")
    };
    let requests = "('connect', 'tcp4', 21950, 'pinned', '127.0.0.1:21960'), ('close', 'tcp4', 21950, 'released', None), \
                    ('send', 'udp4', 21950, 'pinned', '127.0.0.1:21961'), ('close', 'udp4', 21950, 'released', None), \
                    ('bind', 'udp6', 21950, 'pinned', None), ('close', 'udp6', 21950, 'released', None)";
    assert_eq!(run(&[]), format!("[{requests}]"));
    let times = "[(e['duration'] is not None and 0 < e['duration'] < 60, e['held'] is not None and 0 < e['held'] < 60) \
                 for e in it]";
    let alternating = "[(True, False), (False, True), (True, False), (False, True), (True, False), (False, True)]";
    assert_eq!(of(&here, "desk/story.log", times), alternating);
    // Specific binds by choice.
    let specific = run(&["--log-specific"]);
    assert_eq!(specific, format!("[('bind', 'tcp4', 21960, 'specific', None), {requests}]"));
}

#[test]
fn a_text_log_has_no_releases_whatever_its_name() {
    let here = Sandbox::new();
    let program = "use IO::Socket::INET; IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') for 1..3;";
    let options = ["run", "--range", "21940-21949/udp", "--log-format", "text", "--log", "ports.json", "--"];
    here.says(&[&options[..], &["perl", "-e", program]].concat(), 0, "", "");
    let log = fs::read_to_string(here.path("desk/ports.json")).expect("it was written");
    assert!(log.lines().count() == 3 && log.lines().all(|line| line.contains(" bind udp4 2194")), "{log}");
}

#[test]
fn a_log_that_is_renamed_goes_on_in_a_new_file() {
    let here = Sandbox::new();
    let program = "use IO::Socket::INET; $| = 1; while (<STDIN>) {
        push @held, IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1'); print qq(bound\\n) }";
    let args = ["run", "--range", "21930-21939/udp", "--log", "ports.log", "--", "perl", "-e", program];
    let mut child = here.portshim(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut orders = child.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut bind = |log: &str| {
        writeln!(orders, "bind").expect("it listens");
        answers.read_line(&mut String::new()).expect("it answers");
        let path = here.path(log);
        until("it is logged", || fs::read_to_string(&path).is_ok_and(|log| log.ends_with(" perl\n")));
    };
    bind("desk/ports.log");
    fs::rename(here.path("desk/ports.log"), here.path("desk/ports.log.1")).expect("it is there");
    bind("desk/ports.log");
    fs::remove_file(here.path("desk/ports.log")).expect("it is there");
    bind("desk/ports.log");
    drop(orders);
    assert!(child.wait().expect("it ran").success());
    for name in ["desk/ports.log.1", "desk/ports.log"] {
        assert_eq!(fs::read_to_string(here.path(name)).expect("it is there").lines().count(), 1, "{name}");
    }
}

/// As fast as it goes: whatever is not in the log is told of there.
#[test]
fn nothing_is_lost_unsaid() {
    let here = Sandbox::new();
    let source = "
#include <arpa/inet.h>
#include <unistd.h>
int main(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};
    for (int n = 0; n < 100000; n++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        to.sin_port = 0;
        if (bind(fd, (struct sockaddr *)&to, sizeof to)) return 1;
        close(fd);
    }
}
";
    let fast = here.cc("fast", source, &["-O1"]);
    let program = fast.to_str().expect("text");
    here.says(&["run", "--range", "21920-21929/udp", "--log", "fast.jsonl", "--", program], 0, "", "");
    let sum = "(sum(e.get('lost', 0) for e in it) + sum('port' in e for e in it), len(it) > 5000)";
    assert_eq!(of(&here, "desk/fast.jsonl", sum), "(200000, True)");
}
