//! What a descriptor is, the kernel says: whatever numbers are given to what, every call does what
//! it would do alone, and every port is the policy's. The sources are in `descriptors/`.

use portshim_tests::portshim;
use portshim_tests::programs::{Peer, Ports, compile, must, private, scratch, set_sysctl, told};
use std::path::PathBuf;
use std::process::Command;

portshim_tests::each_keeper!(numbers_given_to_other_things, sockets_of_others, tables_of_their_own);

/// A program of this suite, built in a folder of its test's own.
struct Built {
    folder: PathBuf,
    program: PathBuf,
}

impl Built {
    fn new(name: &str) -> Self {
        let folder = scratch(name);
        let program = compile(&format!("descriptors/{name}.c"), &folder, &[]);
        Self { folder, program }
    }

    /// A file that the program writes to.
    fn file(&self) -> PathBuf {
        self.folder.join("written")
    }

    /// Checks that the file has every byte that the program says it wrote.
    fn judge_file(&self, said: &str) {
        let written: u64 =
            said.lines().find_map(|line| line.strip_prefix("written ")?.parse().ok()).expect("it says how much");
        assert!(written > 0);
        assert_eq!(std::fs::metadata(self.file()).expect("it wrote a file").len(), written);
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.folder).expect("the folder is ours");
        }
    }
}

fn numbers_given_to_other_things(ports: &Ports) {
    let _peers = (Peer::http(7001), Peer::echo(7001));
    let built = Built::new("stale");
    let said = must(ports.command(&built.program).arg(built.file()));
    built.judge_file(&said);
    let seen: Vec<u16> = said.lines().filter_map(|line| line.get(4..)?.parse().ok()).collect();
    assert_eq!(seen.len(), 80, "{said}");
    ports.judge("a socket of another kind", &seen.into_iter().collect());
}

/// TCP and UDP have ports of their own: those of the socket that is there count.
#[test]
fn a_socket_of_another_kind_has_that_kinds_ports() {
    private(|| {
        let _peers = (Peer::http(7001), Peer::echo(7001));
        let built = Built::new("stale");
        for (tcp, udp) in [(20000, 21000), (41000, 42000), (41000, 21000), (20000, 42000)] {
            let range = |first: u16, scope| format!("{first}-{}/{scope}", first + 199);
            let policy = ["run", "--range", &range(tcp, "tcp"), "--range", &range(udp, "udp"), "--"];
            let said = must(portshim(policy).arg(&built.program).arg(built.file()));
            for (scope, first) in [("tcp ", tcp), ("udp ", udp)] {
                let ports: Vec<u16> = said.lines().filter_map(|line| line.strip_prefix(scope)?.parse().ok()).collect();
                assert_eq!(ports.len(), 40, "{said}");
                assert!(ports.iter().all(|port| (first..first + 200).contains(port)), "{scope}{first}: {ports:?}");
            }
        }
    });
}

fn tables_of_their_own(ports: &Ports) {
    let _peer = Peer::echo(7001);
    for way in ["unshare", "unshare by number", "close_range", "close_range by number"] {
        let built = Built::new("tables");
        let said = must(ports.command(&built.program).arg(built.file()).arg(way));
        built.judge_file(&said);
        assert_eq!(told(&said).len(), 200);
        ports.judge(way, &told(&said).into_iter().collect());
    }
}

fn sockets_of_others(ports: &Ports) {
    let _peer = Peer::echo(7001);
    let built = Built::new("given");
    let told = told(&must(&mut ports.command(&built.program)));
    assert_eq!(told.len(), 8 * 6 + 2000);
    ports.judge("a socket that was given", &told.into_iter().collect());
}

/// A handler that jumps leaves no option changed and no port held.
#[test]
fn jumps_out_of_calls_leave_nothing_behind() {
    private(|| {
        let built = Built::new("jump");
        for range in ["20000-20049", "41000-41049", "60970-61019"] {
            let said = must(portshim(["run", "--range", range, "--"]).arg(&built.program).args(["5000", "50"]));
            let mut ports = told(&said);
            ports.sort_unstable();
            let first: u16 = range[..5].parse().expect("five digits");
            let all: Vec<u16> = (first..first + 50).flat_map(|port| [port; 3]).collect();
            assert_eq!(ports, all, "{range}");
            let after: Vec<u16> = said.lines().filter_map(|line| line.strip_prefix("after ")?.parse().ok()).collect();
            assert!(
                after.len() > 500 && after.iter().all(|port| (first..first + 50).contains(port)),
                "{range}: {after:?}"
            );
        }
        set_sysctl("ip_local_port_range", "41000 41049");
        assert_eq!(told(&must(Command::new(&built.program).args(["5000", "50"]))).len(), 150);
    });
}

#[test]
fn a_socket_keeps_the_network_that_it_was_made_in() {
    private(|| {
        let built = Built::new("networks");
        // The policy lies inside both networks' ranges, inside one of them, in neither; and the
        // kernel's own.
        for (first, second, policy) in [
            ("32768 60999", "32768 60999", "41000-41999"),
            ("32768 60999", "50000 51000", "41000-41999"),
            ("50000 51000", "32768 60999", "41000-41999"),
            ("50000 51000", "52000 53000", "41000-41999"),
            ("32768 60999", "41500 60999", "41000-41999"),
        ] {
            set_sysctl("ip_local_port_range", first);
            let said = must(portshim(["run", "--range", policy, "--"]).arg(&built.program).arg(second));
            let ports = told(&said);
            assert_eq!(ports.len(), 7 * 8, "{said}");
            assert!(ports.iter().all(|port| (41000..42000).contains(port)), "{first}, {second}: {ports:?}");
        }
        assert_eq!(told(&must(Command::new(&built.program).arg("32768 60999"))).len(), 7 * 8);
    });
}

/// What the host keeps from its kernel's choice is bound by number where the policy wants it;
/// whether it was so at the start, or has come to be so.
#[test]
fn ports_that_the_host_reserves_are_handed_out_where_the_policy_wants_them() {
    const DRAIN: &str = "
import errno, socket, sys
server = socket.create_server(('127.0.0.1', 7001), backlog=2000)
if len(sys.argv) > 1:
    open('/proc/sys/net/ipv4/ip_local_reserved_ports', 'w').write(sys.argv[1])
for kind, call in ((2, 'bind'), (1, 'bind'), (1, 'connect'), (2, 'connect')):
    held, got = [], []
    try:
        while True:
            held.append(socket.socket(type=kind))
            if call == 'bind':
                held[-1].bind(('127.0.0.1', 0))
            else:
                held[-1].connect(('127.0.0.1', 7001))
            got.append(held[-1].getsockname()[1])
    except OSError as error:
        print(call, len(set(got)), min(got), max(got), errno.errorcode[error.errno])
    for sock in held:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\0\\0\\0\\0') if kind == 1 else None
        sock.close()
";
    private(|| {
        for reserved in ["41000-41009", "41003,41005-41006,41019", "1-40999,42000-65535", "41000-41019"] {
            for preset in ["linux", "freebsd", "windows-vista"] {
                let last = if preset == "windows-vista" { 41299 } else { 41019 };
                let range = format!("41000-{last}");
                let policy = ["run", "--preset", preset, "--range", &range, "--", "python3", "-c", DRAIN];
                let count = last - 41000 + 1;
                let all = format!("{count} 41000 {last}");
                let expected = format!(
                    "bind {all} EADDRINUSE\nbind {all} EADDRINUSE\nconnect {all} EADDRNOTAVAIL\nconnect {all} EAGAIN\n"
                );
                set_sysctl("ip_local_reserved_ports", reserved);
                assert_eq!(must(&mut portshim(policy)), expected, "{preset}, {reserved}");
                set_sysctl("ip_local_reserved_ports", "");
                assert_eq!(must(portshim(policy).arg(reserved)), expected, "{preset}, {reserved} later");
                set_sysctl("ip_local_reserved_ports", "");
            }
        }
    });
}
