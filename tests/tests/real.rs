//! Programs that bring their own world: extensions that are loaded apart, other preloads,
//! sandboxes, networks in a process, sockets that a manager opens. Each goes on as it would alone,
//! and keeps to the ports.
//!
//! As in `programs.rs`, each runs outside the host's range, inside it, and under the kernel's own
//! settings.

use portshim_tests::programs::{Keeper, Peer, Ports, Service, Watch, is_root, local_ports, must};
use portshim_tests::programs::{scratch, source, text, told, until};
use portshim_tests::said;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bound by number, by us or by a manager.
const HTTP: u16 = 7001;
const UDP: u16 = 7002;
const SERVICE: u16 = 7003;

/// Debian's own, which knows Debian's modules.
const PYTHON: &str = "/usr/bin/python3";

portshim_tests::each_keeper!(
    a_browser_with_its_sandbox,
    a_filter_of_families_of_its_own,
    a_filter_of_families_of_its_launcher,
    a_filter_of_services_of_its_own,
    a_filter_of_services_of_its_launcher,
    a_network_in_a_process,
    a_network_in_a_process_for_a_static_program,
    a_network_in_a_sandboxed_process,
    a_server_by_socket_activation,
    landlock_that_forbids_to_bind,
    landlock_that_keeps_files,
    launched_by_mptcpize,
    mptcpize_that_launches,
    php,
);

/// Runs `launcher` with a command as its last arguments.
fn launched(launcher: &[&str], command: &Command) -> Command {
    let mut whole = Command::new(launcher[0]);
    whole.args(&launcher[1..]).arg(command.get_program()).args(command.get_args()).stdin(std::process::Stdio::null());
    whole
}

/// Runs programs that print `port N` for each port they got and visit both peers.
fn tell_their_ports(ports: &Ports, commands: &mut [Command]) {
    ports.judge("what the kernel lists", &tell_but_for_the_list(ports, commands));
}

/// The same, but for the ports that the kernel lists meanwhile, which it tells.
fn tell_but_for_the_list(ports: &Ports, commands: &mut [Command]) -> BTreeSet<u16> {
    let (http, udp) = (Peer::http(HTTP), Peer::echo(UDP));
    let watch = Watch::begin(&[HTTP, UDP]);
    for command in commands {
        let said = must(command.args([HTTP.to_string(), UDP.to_string()]));
        ports.judge("what it sees itself", &told(&said).into_iter().collect());
    }
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.visitors());
    watch.end()
}

/// Runs programs under a filter. Without netlink, libc's getaddrinfo compares addresses by
/// connecting a datagram socket of its own to each, which no preload sees, and which has a port of
/// the kernel's choice for a moment: so the list is no judge then.
fn tell_their_ports_filtered(ports: &Ports, which: &str, commands: &mut [Command]) {
    if which.contains("families") {
        assert!(!tell_but_for_the_list(ports, commands).is_empty());
    } else {
        tell_their_ports(ports, commands);
    }
}

/// PHP loads its extensions with RTLD_DEEPBIND, so that they look past any preload.
fn php(ports: &Ports) {
    let mut php = ports.command("php");
    php.arg(source("real/ports.php"));
    tell_their_ports(ports, &mut [php]);
}

/// A preload of its own, which makes TCP sockets MPTCP ones by `syscall`.
fn launched_by_mptcpize(ports: &Ports) {
    let python = ports.command("mptcpize");
    with_mptcp(ports, python, &["run", "python3"]);
}

fn mptcpize_that_launches(ports: &Ports) {
    let python = launched(&["mptcpize", "run"], &ports.command("python3"));
    with_mptcp(ports, python, &[]);
}

fn with_mptcp(ports: &Ports, mut command: Command, more: &[&str]) {
    let enabled = "/proc/sys/net/mptcp/enabled";
    std::fs::write(enabled, "1").unwrap_or_else(|e| panic!("{enabled}: {e}"));
    command.args(more).arg(source("programs/python.py"));
    tell_their_ports(ports, &mut [command]);
    let counters = std::fs::read_to_string("/proc/self/net/netstat").expect("the kernel counts");
    let mut lines = counters.lines().filter_map(|line| line.strip_prefix("MPTcpExt: ")).map(str::split_whitespace);
    let (names, values) = (lines.next().expect("it has MPTCP"), lines.next().expect("each name has a value"));
    let asked = names.zip(values).find(|(name, _)| *name == "MPCapableSYNTX").map(|(_, value)| value);
    assert!(asked.is_some_and(|value| value != "0"), "nothing asked for MPTCP, so nothing was tested: {counters}");
}

/// Landlock that leaves the network alone: the program may read everything, and change nothing.
fn landlock_that_keeps_files(ports: &Ports) {
    let peer = Peer::http(HTTP);
    assert_eq!(must(&mut confined(ports, "files", &[])), "ok\n".repeat(4));
    ports.judge("what the peer saw", &peer.visitors());
}

/// Landlock under which a program may connect, and bind no port: none can be pinned. It connects
/// all the same, and the session is told.
fn landlock_that_forbids_to_bind(ports: &Ports) {
    let peer = Peer::http(HTTP);
    let folder = scratch("landlock");
    let log = folder.join("log");
    let options = ["--log", text(&log)];
    assert_eq!(must(&mut confined(ports, "net", &options)), "ok\n".repeat(4));
    let pins = matches!(ports.keeper, Keeper::Portshim) && ports.range == Ports::OUTSIDE.range;
    if pins {
        assert!(!peer.visitors().is_empty());
        // portshim has ended, and written all of it.
        let told = std::fs::read_to_string(&log).expect("it is logged");
        let uncovered = told.lines().filter(|line| line.ends_with(" uncovered curl")).count();
        assert_eq!(uncovered, 4, "each connection that was not covered is told: {told}");
    } else {
        ports.judge("what the peer saw", &peer.visitors());
    }
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// curl under a program that confines itself, and what it starts.
fn confined(ports: &Ports, how: &str, options: &[&str]) -> Command {
    let mut command = ports.command_with(options, PYTHON);
    command.arg(source("real/landlock.py")).args([how, &HTTP.to_string(), "curl", "--silent", "--fail"]);
    for host in ["127.0.0.1", "[::1]", "127.0.0.2", "127.0.0.1"] {
        command.arg(format!("http://{host}:{HTTP}/"));
    }
    command
}

/// A filter as systemd makes them, installed before the program starts: by what portshim launches,
/// and by what launches portshim.
fn filtered_by_a_launcher(ports: &Ports, which: &str) {
    let folder = scratch("filter");
    let filter = folder.join("filter");
    must(Command::new(PYTHON).arg(source("real/filter.py")).args([which, "to", text(&filter)]));
    let script = r#"exec "$@" 9<"$FILTER""#;
    let bwrap = ["bwrap", "--dev-bind", "/", "/", "--seccomp", "9"];
    let mut inner = ports.command(bwrap[0]);
    inner.args(&bwrap[1..]).arg("python3");
    let outer = launched(&bwrap, &ports.command("python3"));
    let mut commands = [inner, outer].map(|command| launched(&["sh", "-c", script, "sh"], &command));
    for command in &mut commands {
        command.env("FILTER", folder.join("filter0")).arg(source("programs/python.py"));
    }
    tell_their_ports_filtered(ports, which, &mut commands);
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

fn a_filter_of_services_of_its_launcher(ports: &Ports) {
    filtered_by_a_launcher(ports, "services");
}

fn a_filter_of_families_of_its_launcher(ports: &Ports) {
    filtered_by_a_launcher(ports, "families");
}

/// The same filters, installed by the program itself.
fn filtered_by_itself(ports: &Ports, which: &str) {
    let mut command = ports.command(PYTHON);
    command.arg(source("real/filter.py")).args([which, "then"]).arg(source("programs/python.py"));
    tell_their_ports_filtered(ports, which, &mut [command]);
}

fn a_filter_of_services_of_its_own(ports: &Ports) {
    filtered_by_itself(ports, "services+families");
}

fn a_filter_of_families_of_its_own(ports: &Ports) {
    filtered_by_itself(ports, "families");
}

/// slirp4netns: a program's network is a process, whose own sockets it uses out here.
fn a_network_in_a_process(ports: &Ports) {
    slirp(ports, &[]);
}

fn a_network_in_a_sandboxed_process(ports: &Ports) {
    slirp(ports, &["--enable-sandbox", "--enable-seccomp"]);
}

fn slirp(ports: &Ports, options: &[&str]) {
    let (http, udp) = (Peer::http(HTTP), Peer::echo(UDP));
    let watch = Watch::begin(&[HTTP, UDP]);
    let mut slirp = ports.command("slirp4netns");
    slirp.args(options);
    let script = source("real/slirp.sh");
    let said = must(&mut launched(&["bash", text(&script), &HTTP.to_string(), &UDP.to_string()], &slirp));
    assert_eq!(said, "ok\nhello".repeat(5));
    ports.judge("what the HTTP peer saw", &http.visitors());
    ports.judge("what the UDP peer saw", &udp.visitors());
    ports.judge("what the kernel lists", &watch.end());
}

/// pasta: the same for connections of a program that is in no library's reach.
fn a_network_in_a_process_for_a_static_program(ports: &Ports) {
    let http = Peer::http(HTTP);
    let pasta = ports.command_with(&["-q"], "pasta");
    let script = source("real/pasta.sh");
    let said = must(&mut launched(&["bash", text(&script), &HTTP.to_string()], &pasta));
    assert_eq!(said, "ok\n".repeat(5));
    ports.judge("what the HTTP peer saw", &http.visitors());
}

/// gunicorn takes its socket from who started it, if LISTEN_PID is its own number.
fn a_server_by_socket_activation(ports: &Ports) {
    let peer = Peer::http(HTTP);
    let folder = scratch("activation");
    let log = folder.join("log");
    let mut server = ports.command_with(&["--log", text(&log)], "gunicorn");
    server.args(["--chdir", text(&source("real")), "app:app"]);
    let at = format!("127.0.0.1:{SERVICE}");
    let activate = ["systemd-socket-activate", "--listen", &at, "-E", "PEER", "-E", "XDG_RUNTIME_DIR"];
    let mut activated = launched(&activate, &server);
    activated.env("PEER", format!("http://127.0.0.1:{HTTP}/"));
    let _service = Service::start(activated);
    until("the manager listens", || local_ports().contains(&SERVICE));
    for _ in 0..3 {
        let page =
            must(Command::new("curl").args(["--silent", "--show-error", "--max-time", "60", &format!("http://{at}/")]));
        assert_eq!(page, "ok\n");
    }
    ports.judge("what the peer saw", &peer.visitors());
    if matches!(ports.keeper, Keeper::Portshim) {
        // The log is written by and by.
        let connects = |log: String| log.lines().filter(|line| line.contains(" connect tcp4 ")).count();
        until("three connections are logged", || std::fs::read_to_string(&log).is_ok_and(|log| connects(log) >= 3));
    }
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

/// chromium, whose processes filter themselves and each other's calls, as an ordinary user.
fn a_browser_with_its_sandbox(ports: &Ports) {
    let peer = Peer::http(HTTP);
    let home = home_of_an_ordinary_user();
    let mut command = ports.command("chromium");
    command.args([
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]);
    command.args(["--disable-component-update", "--disable-sync"]);
    command.arg(format!("--user-data-dir={}", home.join("data").display()));
    command.args(["--dump-dom", &format!("http://127.0.0.1:{HTTP}/")]);
    let mut whole = as_an_ordinary_user(&home, &command);
    let output = whole.output().unwrap_or_else(|e| panic!("{whole:?}: {e}"));
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && dom.contains(">ok\n</pre>"), "{}", said(&output));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("CRASHING"), "{}", said(&output));
    // The ports of its resolver it draws by itself, and binds them by number.
    ports.judge("what the peer saw", &peer.visitors());
    std::fs::remove_dir_all(home).expect("the folder is ours");
}

/// A folder that any user may use, with a copy of portshim that any user may run.
fn home_of_an_ordinary_user() -> PathBuf {
    let home = scratch("home");
    std::fs::copy(portshim_tests::portshim_path(), home.join("portshim")).expect("the folder is ours");
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o777)).expect("the folder is ours");
    home
}

/// Runs a command as a user without rights, with nothing in its environment but the way to programs
/// and a home.
fn as_an_ordinary_user(home: &Path, command: &Command) -> Command {
    let users = std::fs::read_to_string("/proc/self/uid_map").expect("/proc is mounted");
    let every_user = is_root() && users.split_whitespace().last() == Some("4294967295");
    let become_one: &[&str] = match every_user {
        true => &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
        false => &["unshare", "--user", "--map-user=1000", "--map-group=1000"],
    };
    let path = format!("PATH={}", std::env::var("PATH").unwrap_or_default());
    let home_is = format!("HOME={}", home.display());
    // What crashes again and again goes on for ever.
    let launcher = [become_one, &["env", "-i", &path, &home_is, "timeout", "--kill-after=1", "100"]].concat();
    let copy = home.join("portshim");
    let mut whole = Command::new(launcher[0]);
    whole.args(&launcher[1..]).current_dir("/").stdin(std::process::Stdio::null());
    match command.get_program() == portshim_tests::portshim_path() {
        true => whole.arg(copy),
        false => whole.arg(command.get_program()),
    };
    whole.args(command.get_args());
    whole
}
