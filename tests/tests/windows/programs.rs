//! Real Windows programs, as their makers publish them, take every port they did not choose from
//! the policy.

use super::ports::tcp_answer;
use portshim_tests::programs::{Peer, must, scratch, source};
use portshim_tests::said;
use portshim_tests::wine::{Said, Talk, built, output, portshim, program, range, spec, theirs, windows};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// `portshim.exe run OPTIONS -- PROGRAM`, where the program is one of those that were fetched.
fn run(range: (u16, u16), name: &str) -> Command {
    let mut command = portshim(["run", "--preset", "windows-2003-sp1", "--range", &spec(range), "--"]);
    command.arg(theirs(&program(name)));
    command
}

#[track_caller]
fn judge(who: &str, seen: &BTreeSet<u16>, range: (u16, u16)) {
    assert!(!seen.is_empty(), "{who}: no port was seen, so nothing was tested");
    assert!(seen.iter().all(|port| (range.0..=range.1).contains(port)), "{who}: {seen:?} should be inside {range:?}");
}

fn page(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// A Go program, which binds and connects by Winsock's extensions, and serves on a port of any
/// number.
pub(crate) fn esbuild() {
    let (range, folder) = (range(5), scratch("wine-esbuild"));
    std::fs::write(folder.join("page.html"), "the page").expect("a file can be written");
    let mut joined = Command::new("sh");
    // It says where it serves on standard error.
    let serving = run(range, "esbuild.exe");
    joined.args(["-c", r#"exec "$@" 2>&1"#, "sh"]).arg(serving.get_program()).args(serving.get_args());
    joined.args(["--serve=127.0.0.1:0", "--servedir=."]).current_dir(&folder);
    let mut server = Talk::with(joined);
    let port = loop {
        if let Some((_, rest)) = server.line().split_once("127.0.0.1:") {
            break rest.trim_end_matches('/').parse().expect("a port");
        }
    };
    judge("esbuild", &BTreeSet::from([port]), range);
    let page = page(port, "/page.html");
    assert!(page.ends_with("the page"), "{page}");
    assert_eq!(server.end().0, Some(0), "it ends with its input");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// The package for tests in Node, which calls the command.
pub(crate) fn node_package() {
    let folder = scratch("wine-node-package");
    let file = folder.join("ports");
    let package = portshim_tests::project().join("bindings/node");
    let range @ (first, last) = range(10);
    let mut node =
        [program("node.exe"), source("windows/exhausted.js"), file.clone(), package].map(|p| theirs(&p)).to_vec();
    node.push(last.to_string());
    let mut covered = portshim(["run", "--range", &spec(range), "--select", "sequential", "--"]);
    let mut bare = windows(&node[0]);
    let expected = format!("true\nENOBUFS\n{first}\nENOBUFS\n{last}\n{first}\n{}\n", first + 1);
    for (command, expected) in [(covered.args(&node), &expected[..]), (bare.args(&node[1..]), "false\n")] {
        let log = std::fs::File::create(folder.join("log")).expect("a file can be made");
        command.env("PORTSHIM_COMMAND", theirs(&built("portshim.exe"))).stdout(Stdio::null()).stderr(log);
        let status = command.status().expect("it starts");
        let text = std::fs::read_to_string(&file).expect("it is there");
        let log = std::fs::read_to_string(folder.join("log")).expect("it is there");
        assert!(status.success() && text == expected, "{status}: {text}{log}");
        std::fs::remove_file(&file).expect("the file is ours");
    }
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Node's servers, clients, datagrams, and a child process.
pub(crate) fn node() {
    for preset in ["windows-xp", "windows-2003-sp1", "windows-vista"] {
        node_under(preset);
    }
}

fn node_under(preset: &str) {
    let (http, udp, range, folder) = (Peer::http(0), Peer::echo(0), range(255), scratch("wine-node"));
    let (file, log) = (folder.join("ports"), folder.join("log"));
    std::fs::write(&file, "").expect("a file can be written");
    let mut command = portshim(["run", "--preset", preset, "--range", &spec(range), "--"]);
    command.arg(theirs(&program("node.exe"))).arg(theirs(&source("windows/node.js"))).arg(theirs(&file));
    command.args([http.port.to_string(), udp.port.to_string()]);
    let log_file = || std::fs::File::create(&log).expect("a file can be made");
    command.stdout(Stdio::from(log_file())).stderr(Stdio::from(log_file()));
    let mut child = command.spawn().expect("it starts");
    let answer = page(told(&mut child, &file, "http"), "/");
    assert!(answer.contains("served"), "{answer}");
    assert_eq!(net_answer(told(&mut child, &file, "net")), "served");
    let status = child.wait().expect("it can be waited for");
    let text = std::fs::read_to_string(&file).expect("it is there");
    let log = std::fs::read_to_string(&log).expect("it is there");
    assert!(status.success() && text.ends_with("done\n"), "{status}: {text}{log}");
    assert!(text.contains("child 0\n"), "{text}");
    let numbers = |what: &str| -> Vec<u16> {
        text.lines().filter_map(|line| line.strip_prefix(what)?.trim().parse().ok()).collect()
    };
    let told: BTreeSet<u16> = numbers("port").into_iter().collect();
    let seen: BTreeSet<u16> = http.visitors().union(&udp.visitors()).copied().collect();
    assert_eq!(told, seen, "{preset}: what it sees itself, and what its peers see");
    assert_eq!(numbers("port").len(), 12, "{preset}: six for it and six for its child: {text}");
    judge(preset, &told, range);
    judge(preset, &numbers("http").into_iter().chain(numbers("net")).collect(), range);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// The port that it has written behind this word, once it has.
fn told(child: &mut Child, file: &Path, what: &str) -> u16 {
    loop {
        // Asked first, for what it wrote before it ended counts.
        let ended = child.try_wait().expect("it can be waited for");
        let text = std::fs::read_to_string(file).expect("it is there");
        // Lines that have their end.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if let Some(port) = whole.lines().find_map(|line| line.strip_prefix(what)?.trim().parse().ok()) {
            return port;
        }
        assert!(ended.is_none(), "it ended and did not tell its port of {what}: {ended:?}: {text}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn net_answer(port: u16) -> String {
    tcp_answer("127.0.0.1", port)
}

/// Runs a program that tells the port of each call that it makes to two peers, and judges them.
#[track_caller]
fn calls(who: &str, range: (u16, u16), command: &mut Command, how_many: usize) {
    let (http, udp) = (Peer::http(0), Peer::echo(0));
    let output = output(command.args([http.port.to_string(), udp.port.to_string()]));
    let told = Said::from(&output.stdout).ports();
    assert!(output.status.success() && told.len() == how_many, "{who}: {}", said(&output));
    let told: BTreeSet<u16> = told.into_iter().collect();
    let seen: BTreeSet<u16> = http.visitors().union(&udp.visitors()).copied().collect();
    judge(who, &told, range);
    judge(who, &seen, range);
}

/// Java's servers, clients and datagrams, of java.net and of java.nio.
pub(crate) fn java() {
    let range = range(20);
    let mut command = run(range, "java/bin/java.exe");
    // Its compilers would take the processor from everybody else.
    command
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
        .arg(theirs(program("Calls.class").parent().expect("it is in a folder")));
    calls("Java", range, command.arg("Calls"), 6);
}

/// The same of .NET Core.
pub(crate) fn dotnet_core() {
    let range = range(20);
    let mut command = run(range, "dotnet-core/dotnet.exe");
    calls(".NET", range, command.arg(theirs(&program("dotnet/calls.dll"))), 5);
}

/// The same of Bun, which makes its calls by libuv and by a library of its own.
pub(crate) fn bun() {
    let range = range(20);
    let mut command = run(range, "bun.exe");
    calls("Bun", range, command.arg(theirs(&source("windows/bun.js"))), 3);
}

/// PostgreSQL's pg_ctl starts a server and ends. The session goes on with the server's processes,
/// which stay listed.
pub(crate) fn postgres() {
    let (folder, ports, own) = (scratch("wine-postgres"), range(20), range(1).0);
    let made = program("postgres/data/PG_VERSION");
    must(Command::new("cp").arg("-r").arg(made.parent().expect("it is in a folder")).arg(folder.join("data")));
    let file = |name: &str| std::fs::File::create(folder.join(name)).expect("a file can be made");
    let (data, log) = (theirs(&folder.join("data")), theirs(&folder.join("log")));
    let mut start = run(ports, "postgres/bin/pg_ctl.exe");
    start.args(["-D", &data, "-W", "-l", &log, "-o", &format!("-p {own} -h 127.0.0.1"), "start"]);
    let started = start.stdout(file("out")).stderr(file("err")).status().expect("it runs");
    let said = || ["out", "err", "log"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap_or_default());
    assert!(started.success(), "{started}: {:?}", said());
    let ready = || TcpStream::connect(("127.0.0.1", own)).is_ok();
    portshim_tests::programs::until(&format!("the server listens: {:?}", said()), ready);
    let processes = || {
        let listed = Said::of(&mut portshim(["ps", "--json"])).0.join("\n");
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap_or_else(|e| panic!("{listed}: {e}"));
        let sessions = listed.as_array().expect("a list of sessions");
        let ours = sessions.iter().find(|session| session["command"].as_str().is_some_and(|line| line.contains(&data)));
        ours.and_then(|session| session["processes"].as_array()).map_or(0, Vec::len)
    };
    portshim_tests::programs::until("the server's processes are listed", || processes() >= 5);
    let mut stop = windows(program("postgres/bin/pg_ctl.exe"));
    stop.args(["-D", &data, "-w", "-m", "immediate", "stop"]).stdout(file("out")).stderr(file("err"));
    assert!(stop.status().expect("it runs").success(), "{:?}", said());
    portshim_tests::wine::all_gone("postgres.exe");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// A Rust program, built with Microsoft's tools, which connects out.
pub(crate) fn uv() {
    let (http, range, folder) = (Peer::http(0), range(20), scratch("wine-uv"));
    let (package, inside) = ("thing-1.0-py3-none-any.whl", folder.join("thing-1.0.dist-info"));
    std::fs::create_dir(&inside).expect("a folder can be made");
    std::fs::write(inside.join("METADATA"), "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        .expect("a file can be written");
    must(Command::new("python3").args(["-m", "zipfile", "-c", package, "thing-1.0.dist-info/"]).current_dir(&folder));
    let mut command = run(range, "uv.exe");
    command.args([
        "publish",
        "--no-config",
        "--no-cache",
        "--trusted-publishing",
        "never",
        "--username",
        "a",
        "--password",
        "b",
    ]);
    command.args(["--publish-url", &format!("http://127.0.0.1:{}/", http.port), package]).current_dir(&folder);
    let output = output(&mut command);
    judge(&format!("uv: {}", said(&output)), &http.visitors(), range);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}
