//! `portshim metrics`: the numbers, their formats, and those who ask for them.

use super::server::{Server, json, refused, told};
use portshim_tests::programs::{must, private, scratch};
use portshim_tests::{portshim, project, said};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Reads OpenMetrics as Prometheus' own library does, and prints one sample a line.
const PARSED: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
for family in families(sys.stdin.read()):
    for sample in family.samples:
        labels = ','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()) if k not in ('session', 'program'))
        print(family.type, sample.name, labels, f'{sample.value:g}')
";

/// What a program says of a text.
fn of(program: &mut Command, text: &str) -> String {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("make setup installs it");
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("it ran");
    assert!(output.status.success(), "{}\n{text}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn parsed(text: &str) -> String {
    of(Command::new("/usr/bin/python3").args(["-c", PARSED]), text)
}

#[test]
fn the_numbers_are_those_of_status() {
    private(|| {
        assert_eq!(parsed(&told(&["metrics"])), "gauge portshim_sessions  0\n");
        let mut server = Server::run(&["--range", "20000-20003", "--block", "9000", "--select", "sequential"]);
        assert_eq!(server.all_told(&["tcp 0", "wait", "bound 0", "tcp 9000"]), ["20000", "20001", "20002", "EACCES"]);
        assert_eq!(server.all_told(&["bound 0", "bound 0"]), ["20003", "EADDRINUSE"]);
        let metrics = told(&["metrics"]);
        let parsed = parsed(&metrics);
        for line in [
            "gauge portshim_sessions  1",
            "gauge portshim_session_readable  1",
            "gauge portshim_session_processes  1",
            "counter portshim_session_uncovered_programs_total  0",
            "gauge portshim_ports_allowed rules=*,scope=tcp4 4",
            "gauge portshim_ports_free rules=*,scope=tcp4 0",
            "gauge portshim_ports_free rules=*,scope=udp6 4",
            "gauge portshim_ports_in_use holder=session,rules=*,scope=tcp4 3",
            "gauge portshim_ports_in_use holder=time-wait,rules=*,scope=tcp4 1",
            "gauge portshim_ports_in_use holder=others,rules=*,scope=tcp4 0",
            "gauge portshim_sockets_peak rules=*,scope=tcp4 3",
            "counter portshim_requests_total result=served,rules=*,scope=tcp4 4",
            "counter portshim_requests_total result=exhausted,rules=*,scope=tcp4 1",
            "counter portshim_requests_total result=refused,rules=*,scope=tcp4 1",
        ] {
            assert!(parsed.lines().any(|shown| shown == line), "{line}:\n{parsed}");
        }
        let counts = "[it['rules'][0]['scopes'][0][key] for key in ('allowed', 'free', 'peak', 'served', 'exhausted')]";
        assert_eq!(json(&["status", "--json"], counts), "[4, 0, 3, 4, 1]");
        assert!(metrics.contains(&format!("session=\"{}\",program=\"python3\"", server.id())), "{metrics}");
        // The names and the help are as Prometheus likes them.
        let prometheus = told(&["metrics", "--format", "prometheus"]);
        assert_eq!(of(Command::new("promtool").args(["check", "metrics"]), &prometheus), "");
        assert!(prometheus.contains("# TYPE portshim_requests_total counter") && !prometheus.contains("EOF"));
    });
}

#[test]
fn no_series_is_told_twice() {
    private(|| {
        let rule = "[[process]]\nmatch = 'python*'\n";
        let folder = scratch("metrics-rules");
        fs::write(folder.join("policy.toml"), format!("{rule}{rule}[[process]]\nmatch = '*'\n")).expect("it is ours");
        let _server = Server::run(&["-c", folder.join("policy.toml").to_str().expect("text")]);
        let metrics = told(&["metrics"]);
        let series: Vec<_> = metrics.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
        assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len(), "{metrics}");
        for rules in ["python*", "python* (2)", "*", "* (2)"] {
            assert!(metrics.contains(&format!(",rules=\"{rules}\",")), "{rules}: {metrics}");
        }
        parsed(&metrics);
        fs::remove_dir_all(folder).expect("it is ours");
    });
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("portshim_")).collect()
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    private(|| {
        let examples = project().join("examples/prometheus");
        let promtool = |args: &[&str]| must(Command::new("promtool").args(args).current_dir(&examples));
        promtool(&["check", "config", "prometheus.yml"]);
        promtool(&["check", "rules", "alerts.yml"]);
        promtool(&["test", "rules", "alerts-test.yml"]);
        let _server = Server::run(&["--range", "20000-20003"]);
        let metrics = told(&["metrics", "--format", "prometheus"]);
        let there = names(&metrics);
        for file in ["alerts.yml", "dashboard.json"] {
            let text = fs::read_to_string(examples.join(file)).expect("it is there");
            let asked = names(&text);
            assert!(asked.len() > 2 && asked.is_subset(&there), "{file}: {:?}", asked.difference(&there));
        }
        // A dashboard is JSON, and each of its panels asks for something.
        let panels = "import json, sys; print(all(p['targets'] for p in json.load(open(sys.argv[1]))['panels']))";
        let mut python = Command::new("python3");
        assert_eq!(must(python.args(["-c", panels]).arg(examples.join("dashboard.json"))), "True\n");
    });
}

/// A listener, and the line in which it says where it listens.
fn listening(place: &str) -> (Child, String) {
    let mut child = portshim(["metrics", "--listen", place]).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("it is piped")).read_line(&mut line).expect("it speaks");
    (child, line)
}

#[test]
fn whoever_asks_is_answered() {
    private(|| {
        let _server = Server::run(&["--range", "20000-20003"]);
        let curl = |args: &[&str]| must(Command::new("curl").args(["-sS"]).args(args));
        let (mut child, line) = listening("127.0.0.1:0");
        let url = line.trim().strip_prefix("portshim: the metrics are at ").expect("it says where").to_owned();
        let text = curl(&["-i", &url]);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{text}");
        let open = curl(&["-H", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5", &url]);
        assert!(parsed(&open).contains("gauge portshim_sessions  1\n"), "{open}");
        // Whoever says nothing, or nonsense, keeps nobody from the next answer.
        let address = url.trim_start_matches("http://").trim_end_matches("/metrics");
        drop(std::net::TcpStream::connect(address).expect("it listens"));
        assert!(curl(&["-I", &url]).starts_with("HTTP/1.1 200 OK\r\n"));
        let status = |args: &[&str]| curl(&[&["-o", "/dev/null", "-w", "%{http_code}"], args].concat());
        assert_eq!(status(&[url.trim_end_matches("metrics")]), "404");
        assert_eq!(status(&["-X", "POST", &url]), "405");
        // A name that somebody else has made this machine's is not ours.
        let misled = ["-H", "Host: metrics.example", &url];
        assert_eq!(status(&misled), "421");
        assert!(curl(&misled).starts_with("the metrics are this machine's: ask for it by its address"));
        assert_eq!(status(&["-H", "Host: localhost:9105", &url]), "200");
        // Whoever is slow has five seconds in all, not for each byte.
        let begun = Instant::now();
        let mut slow = std::net::TcpStream::connect(address).expect("it listens");
        while slow.write_all(b"G").is_ok() && begun.elapsed().as_secs() < 20 {
            std::thread::sleep(Duration::from_millis(500));
        }
        let took = begun.elapsed().as_secs();
        assert!((4..9).contains(&took), "{took} s");
        let in_use = format!("nothing can listen at {address}: address already in use");
        refused(&["metrics", "--listen", address], &in_use, "name another place");
        child.kill().expect("it runs");
        child.wait().expect("it ran");
        // A Unix socket, twice: one that nobody listens at any more is in nobody's way.
        let folder = scratch("metrics");
        let path = folder.join("portshim.sock");
        let path = path.to_str().expect("text");
        for _ in 0..2 {
            let (mut child, _) = listening(path);
            assert!(curl(&["--unix-socket", path, "http://localhost/metrics"]).contains("\nportshim_sessions 1\n"));
            refused(
                &["metrics", "--listen", path],
                &format!("nothing can listen at {path}: address already in use"),
                "name another place",
            );
            child.kill().expect("it runs");
            child.wait().expect("it ran");
        }
        fs::remove_dir_all(folder).expect("it is ours");
    });
}

#[test]
fn only_this_machine_may_ask() {
    let nobody = "can be reached from other machines, and nobody is asked who he is there";
    for place in ["0.0.0.0:9105", "[::]:9105", "192.0.2.1:80"] {
        refused(
            &["metrics", "--listen", place],
            &format!("{place} {nobody}"),
            "listen at 127.0.0.1 or at a Unix socket, and let a server that asks pass it on",
        );
    }
    refused(
        &["metrics", "--listen", "9105"],
        "`9105`: this is neither an address with a port nor a path",
        "write one such as 127.0.0.1:9105, [::1]:9105 or ./portshim.sock",
    );
}
