//! Sockets that a supervisor makes for programs, each limited to its ports: all else the programs
//! do natively.

use super::built::{Go, Way, ports};
use super::confined::{contained, open_to_all};
use portshim_tests::programs::{
    Keeper, Peer, Ports, Scratch, as_root, compile, local_ports, must, private, set_sysctl, source, text, told,
};
use portshim_tests::{portshim, portshim_path, said};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// One run inside the kernel's range.
const RUN: Ports = Ports { range: (41000, 41999), hole: (1, 1), keeper: Keeper::Portshim };
const OPTIONS: [&str; 5] = ["--range", "41000-41999", "--engine", "sockets", "--"];

/// Where sockets of other processes may not be looked at, there is no other way.
#[test]
fn programs_in_a_container() {
    private(|| {
        let folder = open_to_all("sockets");
        let program = ports(Way::Musl, &folder);
        let (http, udp) = (Peer::http(7001), Peer::echo(7002));
        let peers = [http.port, udp.port].map(|port| port.to_string());
        let [http_port, udp_port] = peers.each_ref().map(String::as_str);
        let url = format!("http://127.0.0.1:{http_port}/");
        let python = source("programs/python.py");
        let go = Go::Newer.ports();
        let programs: [&[&str]; 4] = [
            &[text(&program), http_port, udp_port],
            &[text(&go), &format!("127.0.0.1:{http_port}"), &format!("127.0.0.1:{udp_port}")],
            &["python3", text(&python), http_port, udp_port],
            &["curl", "-s", &url],
        ];
        for command in programs {
            let output = contained("none", &folder, &[&["run"], &OPTIONS[..], command].concat());
            assert!(output.status.success() && !said(&output).contains("warning"), "{}", said(&output));
            let told = told(&String::from_utf8_lossy(&output.stdout));
            assert!(told.iter().all(|port| RUN.allow(*port)), "{}", said(&output));
        }
        RUN.judge("what the HTTP peer saw", &http.visitors());
        RUN.judge("what the UDP peer saw", &udp.awaited(1));
        // A library serves what it reaches, and the rest has its sockets made.
        let script = "import socket, subprocess, sys; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('', 0)); \
                      print('port', s.getsockname()[1], flush=True); subprocess.run(sys.argv[1:], check=True)";
        let tree = ["run", "--cover", "tree", "--log", "-", "--range", "41000-41999", "--", "python3", "-c", script];
        let output = contained("none", &folder, &[&tree[..], &[text(&program), http_port, udp_port]].concat());
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && log.lines().count() == 1 && log.contains(" steered "), "{}", said(&output));
        let told = told(&String::from_utf8_lossy(&output.stdout));
        assert!(told.len() > 5 && told.iter().all(|port| RUN.allow(*port)), "{}", said(&output));
        // What is left of the programs' connections (TIME_WAIT) keeps its ports for a minute.
        let left = local_ports().into_iter().filter(|port| RUN.allow(*port)).count();
        for (how, error, least) in [("bind", "98", 1000 - left), ("send", "11", 1000), ("connect", "99", 900)] {
            let drain = [text(&program), "drain", how, http_port];
            // Without a word about how: there it is the only way that is left, and is told of.
            let output = contained("none", &folder, &[&["run", "--range", "41000-41999", "--"][..], &drain].concat());
            let told = String::from_utf8_lossy(&output.stdout);
            let (count, errno) = told.trim_end().split_once(' ').unwrap_or_default();
            assert!(errno == error && (least..=1000).contains(&count.parse().unwrap_or(0)), "{}", said(&output));
            let warning = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(warning.starts_with("warning: its sockets are made for the program"), "{warning}");
        }
    });
}

/// A process has the rules of the program that it is by now, and TCP other ports than UDP.
#[test]
fn rules_of_programs() {
    const POLICY: &str = "dynamic.all = '41000-41009'\n[[process]]\nmatch = 'Musl'\ndynamic.all = '42000-42019'\n\
                          [[process]]\nmatch = 'python3*'\ndynamic.udp = '43000'\n";
    const SCRIPT: &str = "\"$0\" drain bind 1; exec python3 -c 'import socket\nfor kind in (1, 2):\n    \
                          s = socket.socket(type=kind); s.bind((\"\", 0)); print(s.getsockname()[1])'";
    private(|| {
        let folder = open_to_all("sockets");
        let (program, policy) = (ports(Way::Musl, &folder), folder.join("policy.toml"));
        std::fs::write(&policy, POLICY).expect("the folder is ours");
        let run = ["run", "--engine", "sockets", "--policy", text(&policy), "--", "sh", "-c", SCRIPT, text(&program)];
        let output = contained("none", &folder, &run);
        let told = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<_> = told.lines().collect();
        assert!(lines.len() == 3 && lines[0] == "20 98" && lines[2] == "43000", "{}", said(&output));
        assert!(lines[1].parse().is_ok_and(|port: u16| (41000..=41009).contains(&port)), "{}", said(&output));
    });
}

#[test]
fn every_kind_of_socket() {
    private(|| {
        let mut command = portshim([&["run"], &OPTIONS[..]].concat());
        let said = must(command.arg("python3").arg(source("engine/sockets.py")).args(["41000", "41999"]));
        assert_eq!(said, "as on the bare kernel\n");
    });
}

/// A 32-bit program has the arguments of its calls in memory.
#[cfg(target_arch = "x86_64")]
#[test]
fn of_32_bits() {
    private(|| {
        let folder = Scratch::new("sockets");
        let program = compile(
            "engine/narrow.c",
            &folder,
            &["-m32", "-nostdlib", "-static", "-ffreestanding", "-no-pie", "-fno-pic", "-fno-stack-protector"],
        );
        let said = must(portshim([&["run"], &OPTIONS[..]].concat()).arg(&program));
        let told = told(&said);
        assert!(told.len() == 4 && told.iter().all(|port| RUN.allow(*port)), "{said}");
    });
}

#[test]
fn what_they_would_not_keep_is_refused() {
    private(|| {
        let refused = |options: &[&str], why: &str| {
            let output = portshim(["run", "--engine", "sockets"]).args(options).args(["--", "true"]).output();
            let output = output.expect("it runs");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(125), "{options:?}: {told}");
            assert!(told.contains(why) && told.contains("help:  "), "{options:?}: {told}");
        };
        let range = ["--range", "41000-41999"];
        let besides = |more: &[&'static str]| [&range[..], more].concat();
        refused(&["--range", "20000-20009"], "ports 20000-20009 (tcp4) are outside 32768-60999");
        refused(&besides(&["--reserve", "41500"]), "port 41500 (tcp4) is left out inside the range");
        refused(&besides(&["--reserve", "41500"]), "--allow-uncovered gives each of its sockets one of several runs");
        refused(&besides(&["--block", "9/udp"]), "port 9 (udp4) is blocked, and would not be refused to who names it");
        refused(&besides(&["--reserve", "41999/6"]), "TCP has other ports over IPv6 than over IPv4");
        refused(&besides(&["--select", "sequential"]), "does not choose in the order sequential");
        refused(&besides(&["--seed", "1"]), "by a seed");
        refused(&besides(&["--sharing", "exclusive"]), "lets connections share ports");
        refused(&besides(&["--log", "-"]), "nothing to log (--log)");
        set_sysctl("ip_local_reserved_ports", "41007");
        must(portshim(["run", "--engine", "sockets", "--", "true"]).stdin(Stdio::null()));
        set_sysctl("ip_local_reserved_ports", "");
    });
}

/// Where ports are cut into several runs, each socket gets one of them, if that is asked for.
#[test]
fn one_of_several_runs() {
    private(|| {
        let folder = open_to_all("sockets");
        let program = ports(Way::Musl, &folder);
        let run = ["run", "--range", "41000-41001", "--reserve", "41001"];
        let cut = ["run", "--range", "41000-41002", "--reserve", "41001"];
        let drain = ["--", text(&program), "drain", "bind", "1"];
        let told = |words: &[&str]| {
            let output = contained("none", &folder, &[words, &drain].concat());
            (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        assert_eq!(told(&run).0, "1 98\n");
        let (port, warnings) = told(&[&cut[..], &["--allow-uncovered"]].concat());
        assert!(["1 98\n", "2 98\n"].contains(&port.as_str()), "{port}");
        assert!(warnings.contains("each socket gets one of several runs of ports"), "{warnings}");
        let (_, error) = told(&cut);
        assert!(error.contains("help: ") && error.contains("--allow-uncovered gives each of its sockets"), "{error}");
    });
}

/// The kernel's own range is looked at again while programs run. Where the policy lies outside of
/// it by then, that is told of.
#[test]
fn the_kernels_own_range_changes() {
    const SCRIPT: &str = "import socket, time\nfor _ in range(2):\n    s = socket.socket(); s.bind(('', 0)); \
                          print('port', s.getsockname()[1], flush=True); input()";
    private(|| {
        let mut command = portshim([&["run"], &OPTIONS[..]].concat());
        command.args(["python3", "-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut orders = child.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut port = || {
            let mut answer = String::new();
            answers.read_line(&mut answer).expect("it speaks");
            told(&answer).first().copied()
        };
        assert!(port().is_some_and(|port| RUN.allow(port)));
        set_sysctl("ip_local_port_range", "50000 50100");
        std::thread::sleep(std::time::Duration::from_millis(1100));
        writeln!(orders).expect("it listens");
        assert!(port().is_some_and(|port| (50000..=50100).contains(&port)));
        let status = must(&mut portshim(["status", "--json"]));
        assert!(status.contains("\"uncovered\": 1"), "{status}");
        writeln!(orders).expect("it listens");
        assert!(child.wait().expect("it ran").success());
    });
}

/// What is reserved or exhausted while a program runs holds for the sockets that it makes then, and
/// commands say so.
#[test]
fn later_sockets_obey_what_changes() {
    private(|| {
        let folder = Scratch::new("sockets");
        let program = ports(Way::Musl, &folder);
        let mut command = portshim(["run", "--range", "41000-41009", "--engine", "sockets", "--"]);
        let mut child = command.arg(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let mut orders = child.stdin.take().expect("it is piped");
        let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut bind = || {
            writeln!(orders, "0").expect("it listens");
            let mut answer = String::new();
            answers.read_line(&mut answer).expect("it speaks");
            answer.trim_end().to_owned()
        };
        assert!(bind().starts_with("port 410"));
        let changes = |words: &[&str], how: &str| {
            let output = portshim(words).output().expect("it runs");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && told.contains("limited as they were made"), "{told}");
            assert_eq!(told.contains("that names a blocked port is not refused"), how == "block", "{told}");
        };
        changes(&["reserve", "41000-41003,41005-41009"], "reserve");
        (0..3).for_each(|_| assert_eq!(bind(), "port 41004"));
        changes(&["block", "41004"], "block");
        assert_eq!(bind(), "bind: 98");
        changes(&["unblock", "41004"], "block");
        assert_eq!(bind(), "port 41004");
        changes(&["exhaust"], "exhaust");
        assert_eq!(bind(), "bind: 98");
        changes(&["release"], "exhaust");
        assert_eq!(bind(), "port 41004");
        for command in [&["ps", "--json"][..], &["status", "--json"]] {
            let told = must(&mut portshim(command));
            assert!(told.contains("\"engine\": \"sockets\"") && told.contains("\"coverage\": \"partial\""), "{told}");
            assert!(told.contains("not covered: what is reserved or blocked while it runs"), "{told}");
        }
        drop(orders);
        assert!(child.wait().expect("it ran").success());
    });
}

/// Where the policy has all of the host's ports, one of them is held in the stead of none: as long
/// as there is none for somebody.
#[test]
fn none_is_left_to_some() {
    private(|| {
        set_sysctl("ip_local_port_range", "41000 41009");
        let mut command = portshim(["run", "--engine", "sockets", "--range", "41000-41009", "--", "/usr/bin/python3"]);
        let said = must(command.arg(source("engine/none_left.py")).arg(portshim_path()));
        let all = ["bound"; 10].join(" ");
        assert_eq!(said, format!("bound EADDRINUSE\nbound EADDRINUSE\n{all} EADDRINUSE\n"));
    });
}

/// What the kernel writes on a socket is the program's own; where it cannot be, nobody makes it in
/// the program's stead, and that is told of.
#[test]
fn sockets_are_the_programs_own() {
    as_root(|| {
        let folder = Scratch::new("sockets");
        let report = folder.join("report.json");
        let mut command = portshim(["run", "--engine", "sockets", "--range", "41000-41999"]);
        command.arg(format!("--report={}", text(&report))).args(["--", "python3"]);
        let said = must(command.arg(source("engine/elsewhere.py")).arg("network"));
        let lines: Vec<Vec<_>> = said.lines().map(|line| line.split(' ').collect()).collect();
        let owners =
            [("first", "0", "0"), ("user", "8", "7"), ("network", "0", "0"), ("network", "0", "0"), ("last", "0", "0")];
        assert_eq!(lines.iter().map(|line| (line[0], line[2], line[3])).collect::<Vec<_>>(), owners, "{said}");
        for line in &lines {
            let port = line[1].parse().expect("it is a port");
            assert_eq!(RUN.allow(port), line[0] != "network", "{said}");
        }
        let report = std::fs::read_to_string(&report).expect("it was written");
        let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
        assert_eq!(report["engine"], "sockets");
        assert_eq!(report["rules"][0]["scopes"][0]["uncovered"], 2, "{report}");
    });
}

/// Root in a container may become another user, into whose processes it may not look.
#[test]
fn of_users_in_a_container() {
    const CAPABILITIES: &str = "-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid,+net_bind_service";
    as_root(|| {
        let folder = open_to_all("sockets");
        let mut command = Command::new("setpriv");
        command.args(["--inh-caps=-all", &format!("--bounding-set={CAPABILITIES}"), "--no-new-privs"]);
        command.arg("/usr/bin/python3").arg(source("engine/docker.py")).arg("none").arg(portshim_path()).arg("run");
        command.args(OPTIONS).arg("python3").arg(source("engine/elsewhere.py"));
        let home = folder.join("home");
        command.env("XDG_RUNTIME_DIR", &home).env("XDG_CACHE_HOME", &home);
        let said = must(&mut command);
        let lines: Vec<Vec<_>> = said.lines().map(|line| line.split(' ').collect()).collect();
        let owners: Vec<_> = lines.iter().map(|line| (line[0], line[2], line[3])).collect();
        assert_eq!(owners, [("first", "0", "0"), ("user", "8", "7"), ("last", "0", "0")], "{said}");
        assert!(lines.iter().all(|line| line[1].parse().is_ok_and(|port| RUN.allow(port))), "{said}");
    });
}

#[test]
fn the_supervisor_keeps_nothing() {
    const SCRIPT: &str = r"
import os, socket
supervisor = os.getppid()
def kept():
    status = open(f'/proc/{supervisor}/status').read().split('VmRSS:')[1].split()[0]
    return int(status), len(os.listdir(f'/proc/{supervisor}/fd'))
def make(count):
    for _ in range(count):
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
make(1000)
before = kept()
make(20000)
after = kept()
print('nothing' if after[0] <= before[0] + 64 and after[1] == before[1] else (before, after))";
    private(|| {
        let said = must(portshim([&["run"], &OPTIONS[..]].concat()).args(["python3", "-c", SCRIPT]));
        assert_eq!(said, "nothing\n");
    });
}

#[test]
fn a_crowd() {
    private(|| {
        let folder = Scratch::new("sockets");
        let program = compile("engine/crowd.c", &folder, &["-static", "-pthread"]);
        let mut command = portshim([&["run"], &OPTIONS[..]].concat());
        assert_eq!(must(command.arg(&program).args(["41000", "41999"])), "0 strays\n");
    });
}

/// A `portshim run` inside another has its own policy, and sockets that are made by the same
/// supervisor.
#[test]
fn sessions_below() {
    private(|| {
        let folder = Scratch::new("sockets");
        let program = ports(Way::Musl, &folder);
        let run = |options: &[&str]| {
            let mut command = portshim([&["run"], &OPTIONS[..]].concat());
            command.arg(portshim(["run"]).get_program()).arg("run").args(options).arg("--").arg(&program);
            command.args(["drain", "bind", "1"]).output().expect("it runs")
        };
        let output = run(&["--range", "42000-42009"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "10 98\n", "{}", said(&output));
        let output = run(&["--range", "20000-20009"]);
        assert_eq!(output.status.code(), Some(125), "{}", said(&output));
        assert!(
            said(&output).contains("only makes sockets, and that does not do: ports 20000-20009 (tcp4) are outside")
        );
    });
}

/// What stands for no port is none of the policy's: a program that names one of those gets it.
#[test]
fn reserved_ports_are_had_by_number_where_none_is_left() {
    const SCRIPT: &str = r"
import errno, socket, subprocess, sys
subprocess.run([sys.argv[1], 'reserve', '41000-41009'], check=True, capture_output=True)
kept = [socket.socket() for _ in range(11)]
try:
    kept[0].bind(('', 0))
except OSError as error:
    print(errno.errorcode[error.errno])
for port, one in zip(range(41000, 41010), kept[1:]):
    one.bind(('', port))
print('bound')
";
    private(|| {
        let mut command = portshim(["run", "--engine", "sockets", "--range", "41000-41009", "--", "/usr/bin/python3"]);
        let said = must(command.args(["-c", SCRIPT]).arg(portshim_path()));
        assert_eq!(said, "EADDRINUSE\nbound\n");
    });
}
