//! Real programs take every port they did not choose themselves from the policy, as seen from
//! outside: by their peers, and in the kernel's own list of sockets.
//!
//! Each runs under ports outside the host's range (pinned), inside it (steered), and once without
//! portshim under the kernel's own settings, which shows that the tests ask for no more than the
//! kernel gives.

use portshim_tests::portshim;
use portshim_tests::programs::{Peer, Ports, Service, Watch, local_ports, must, private, scratch, source, told, until};
use std::collections::BTreeSet;
use std::path::Path;

mod programs {
    mod go;
}

/// Bound by number, by us or by the programs' own settings.
const HTTP: u16 = 7001;
const UDP: u16 = 7002;
const SERVICES: [u16; 2] = [7003, 7004];

portshim_tests::each_keeper!(curl, java, java_ipv4, nc, nginx, node, perl, python, python_http_server, redis);

/// Runs a program that prints `port N` for each port it got and visits both peers.
fn tells_its_ports(ports: &Ports, program: &str, args: &[&str]) {
    let (http, udp) = (Peer::http(HTTP), Peer::echo(UDP));
    let watch = Watch::begin(&[HTTP, UDP]);
    let said = must(ports.command(program).args(args).args([HTTP.to_string(), UDP.to_string()]));
    ports.judge("what it sees itself", &told(&said).into_iter().collect());
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.visitors());
    ports.judge("what the kernel lists", &watch.end());
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the project's path is text")
}

fn python(ports: &Ports) {
    tells_its_ports(ports, "python3", &[path(&source("programs/python.py"))]);
}

fn node(ports: &Ports) {
    tells_its_ports(ports, "node", &[path(&source("programs/node.js"))]);
}

fn perl(ports: &Ports) {
    tells_its_ports(ports, "perl", &[path(&source("programs/perl.pl"))]);
}

fn java(ports: &Ports) {
    java_with(ports, "java", &[]);
}

fn java_ipv4(ports: &Ports) {
    java_with(ports, "java4", &["-Djava.net.preferIPv4Stack=true"]);
}

/// `java -jar` of a jar that serves on port 0 and connects out, built here.
fn java_with(ports: &Ports, name: &str, options: &[&str]) {
    let folder = scratch(name);
    let (classes, jar) = (folder.join("classes"), folder.join("ports.jar"));
    let source = source("programs/java/Ports.java");
    must(std::process::Command::new("javac").args(["-d", path(&classes), path(&source)]));
    must(std::process::Command::new("jar").args(["cfe", path(&jar), "Ports", "-C", path(&classes), "."]));
    tells_its_ports(ports, "java", &[options, &["-jar", path(&jar)]].concat());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

fn python_http_server(ports: &Ports) {
    let watch = Watch::begin(&[]);
    let mut command = ports.command("python3");
    command.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]).stderr(std::process::Stdio::null());
    let mut server = Service::start(command);
    let port: u16 = server.line(|line| line.split(" port ").nth(1)?.split(' ').next()?.parse().ok());
    let page = must(ports.command("curl").args(["--silent", "--fail", &format!("http://127.0.0.1:{port}/")]));
    assert!(page.contains("Directory listing"), "{page}");
    ports.judge("where it serves", &BTreeSet::from([port]));
    ports.judge("what the kernel lists", &watch.end());
}

fn curl(ports: &Ports) {
    let peer = Peer::http(HTTP);
    let watch = Watch::begin(&[HTTP]);
    for host in ["127.0.0.1", "[::1]", "127.0.0.2"] {
        let url = format!("http://{host}:{HTTP}/");
        // curl sets IP_BIND_ADDRESS_NO_PORT and binds to the address where it is given one.
        let from = if host.starts_with('[') { "host!::1" } else { "host!127.0.0.1" };
        for options in [&[][..], &["--interface", from], &["--tcp-fastopen"]] {
            let page = must(ports.command("curl").args(["--silent", "--fail"]).args(options).arg(&url));
            assert_eq!(page, "ok\n");
        }
        let many = vec![url.as_str(); 20];
        let pages = must(ports.command("curl").args(["--silent", "--fail", "--parallel"]).args(many));
        assert_eq!(pages, "ok\n".repeat(20));
    }
    ports.judge("what the peer saw", &peer.visitors());
    ports.judge("what the kernel lists", &watch.end());
}

fn nc(ports: &Ports) {
    let (http, udp) = (Peer::http(HTTP), Peer::echo(UDP));
    let watch = Watch::begin(&[HTTP, UDP]);
    let pipe = |text: &str, command: &str| {
        let pipeline = format!("printf '{text}' | \"$0\" \"$@\" {command}");
        let nc = ports.command("nc");
        let words = std::iter::once(nc.get_program()).chain(nc.get_args());
        must(std::process::Command::new("sh").args(["-c", &pipeline]).args(words))
    };
    for host in ["127.0.0.1", "::1"] {
        let page = pipe(r"GET / HTTP/1.0\r\n\r\n", &format!("-n {host} {HTTP}"));
        assert!(page.ends_with("ok\n"), "{page}");
        assert_eq!(pipe("hello", &format!("-n -u -w 1 {host} {UDP}")), "hello");
    }
    let mut listening = ports.command("nc");
    listening.args(["-n", "-l", "127.0.0.1", "0"]);
    let before = local_ports();
    let server = Service::start(listening);
    let new = || local_ports().difference(&before).copied().collect::<BTreeSet<_>>();
    until("nc listens", || !new().is_empty());
    ports.judge("where it listens", &new());
    drop(server);
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.visitors());
    ports.judge("what the kernel lists", &watch.end());
}

/// A reverse proxy: what it serves on is its own choice, what it calls its upstream from is not.
fn nginx(ports: &Ports) {
    let upstream = Peer::http(HTTP);
    let watch = Watch::begin(&[HTTP, SERVICES[0]]);
    let folder = scratch("nginx");
    let settings = folder.join("nginx.conf");
    let text = std::fs::read_to_string(source("programs/nginx.conf")).expect("it is a source");
    let text = text
        .replace("FOLDER", path(&folder))
        .replace("SERVED", &SERVICES[0].to_string())
        .replace("UPSTREAM", &HTTP.to_string());
    std::fs::write(&settings, text).expect("the folder is ours");
    let mut command = ports.command("nginx");
    command.args(["-e", "stderr", "-c", path(&settings)]).env("PATH", path_with_servers());
    let server = Service::start(command);
    until("nginx serves", || local_ports().contains(&SERVICES[0]));
    let urls = vec![format!("http://127.0.0.1:{}/", SERVICES[0]); 50];
    let pages = must(ports.command("curl").args(["--silent", "--fail", "--parallel"]).args(urls));
    assert_eq!(pages, "ok\n".repeat(50));
    ports.judge("what the upstream saw", &upstream.visitors());
    drop(server);
    ports.judge("what the kernel lists", &watch.end());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// Debian keeps servers where an ordinary user's `PATH` does not look.
fn path_with_servers() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}

/// A master, a replica that connects out to it, and a client.
fn redis(ports: &Ports) {
    let watch = Watch::begin(&SERVICES);
    let folder = scratch("redis");
    let start = |port: u16, more: &[&str]| {
        let mut command = ports.command("redis-server");
        command.args(["--port", &port.to_string(), "--save", "", "--dir", path(&folder)]).args(more);
        Service::start(command)
    };
    let master_port = SERVICES[0].to_string();
    let _master = start(SERVICES[0], &["--repl-diskless-sync-delay", "0"]);
    until("the master serves", || local_ports().contains(&SERVICES[0]));
    let _replica = start(SERVICES[1], &["--replicaof", "127.0.0.1", &master_port]);
    until("the replica serves", || local_ports().contains(&SERVICES[1]));
    let ask = |port: u16, words: &[&str]| {
        must(ports.command("redis-cli").args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(words))
    };
    assert_eq!(ask(SERVICES[0], &["SET", "port", "shim"]), "OK\n");
    until("the replica has it", || ask(SERVICES[1], &["GET", "port"]) == "shim\n");
    let clients = ask(SERVICES[0], &["CLIENT", "LIST"]);
    let clients: BTreeSet<u16> = clients
        .split_whitespace()
        .filter_map(|field| field.strip_prefix("addr=")?.rsplit(':').next()?.parse().ok())
        .collect();
    assert!(clients.len() >= 2, "the replica and redis-cli: {clients:?}");
    ports.judge("what the master saw", &clients);
    ports.judge("what the kernel lists", &watch.end());
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// A program without a policy is caught, so what the other tests say means something.
#[test]
fn without_a_policy_the_watch_objects() {
    private(|| {
        let peer = Peer::http(HTTP);
        let watch = Watch::begin(&[HTTP]);
        let url = format!("http://127.0.0.1:{HTTP}/");
        must(std::process::Command::new("curl").args(["--silent", "--fail"]).args(vec![&url; 20]));
        let _ours = std::net::UdpSocket::bind("127.0.0.1:0").expect("there are ports");
        let strays = |seen: BTreeSet<u16>| seen.iter().any(|port| !Ports::INSIDE.allow(*port));
        assert!(strays(peer.visitors()), "the peer saw no stray port");
        assert!(strays(watch.end()), "the kernel listed no stray port");
    });
}

/// A hundred outgoing connections to one peer, and as many as there are ports, leave a service's
/// reserved port alone; without the reservation they take it.
#[test]
fn a_services_port_is_safe_from_outgoing_connections() {
    private(|| {
        let mut peer_ports = HTTP..;
        for first in [20000, 41000] {
            for (reserved, expected) in [(true, "99 and the service starts"), (false, "100 and the service fails")] {
                let (range, service) = (format!("{first}-{}", first + 99), (first + 50).to_string());
                let mut policy = vec!["run", "--range", &range];
                if reserved {
                    policy.extend(["--reserve", &service]);
                }
                let peer = Peer::http(peer_ports.next().expect("there are more"));
                let script = source("programs/crowd.py");
                let program = ["--", "python3", path(&script), &peer.port.to_string(), &service];
                let said = must(&mut portshim(policy.iter().copied().chain(program)));
                assert_eq!(said.trim(), expected, "{range} {service}");
                let seen = peer.awaited(if reserved { 99 } else { 100 });
                assert_eq!(seen.contains(&(first + 50)), !reserved);
            }
        }
    });
}
