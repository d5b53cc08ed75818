//! Every policy in `examples/` is valid and does what it says it does, and every command that one
//! of them gives works as it stands there.

use portshim_tests::programs::{Peer, must, private, told};
use portshim_tests::{portshim, portshim_path, project};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `sh` in the project's folder, with portshim where a shell finds it.
fn shell(script: &str) -> Command {
    let mut folders = vec![portshim_path().parent().expect("a program is in a folder").to_path_buf()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).current_dir(project());
    shell.env("PATH", std::env::join_paths(folders).expect("they came from PATH"));
    shell
}

fn policies() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(project().join("examples")).expect("the examples are there");
    let files = folder.map(|entry| entry.expect("it can be listed").path());
    let mut policies: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    policies.sort();
    assert!(!policies.is_empty());
    policies
}

#[test]
fn every_policy_is_valid() {
    for policy in policies() {
        must(portshim(["check"]).arg(&policy));
        must(portshim(["show", "-c"]).arg(&policy));
    }
}

#[test]
fn every_command_in_a_policy_works() {
    private(|| {
        let _peer = Peer::http(8000);
        for policy in policies() {
            let text = std::fs::read_to_string(&policy).expect("it is text");
            let commands: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#     ")).collect();
            assert!(!commands.is_empty(), "{} says how it is used", policy.display());
            for command in commands {
                must(&mut shell(command));
            }
        }
    });
}

/// What a program takes under a policy: until there is nothing left, or `limit` ports.
fn drained(arguments: &str, limit: &str) -> (Vec<u16>, String) {
    let said = must(&mut shell(&format!("portshim run {arguments} -- python3 examples/drain.py {limit}")));
    let (end, ports) = said.trim().rsplit_once("ports: ").expect("drain.py says what it got");
    let ports = ports.split(' ').map(|port| port.parse().expect("a port")).collect();
    (ports, end.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn firewall_has_one_range_for_each_transport() {
    private(|| {
        let (udp, end) = drained("-c examples/firewall.toml", "");
        assert_eq!((udp, end.as_str()), ((20100..=20199).collect(), "the next bind: EADDRINUSE"));
        let peer = Peer::http(8000);
        must(&mut shell("portshim run -c examples/firewall.toml -- curl -sf http://127.0.0.1:8000/"));
        let tcp = peer.visitors();
        assert!(!tcp.is_empty() && tcp.iter().all(|port| (20000..=20099).contains(port)), "{tcp:?}");
    });
}

#[test]
fn service_ports_are_left_alone() {
    private(|| {
        let (got, _) = drained("-c examples/service-ports.toml --range 33430-33540", "");
        assert_eq!(got, [(33430..=33433).collect::<Vec<_>>(), (33535..=33540).collect()].concat());
        let (got, _) = drained("-c examples/service-ports.toml --range 51815-51824", "");
        assert_eq!(got, [(51815..=51819).collect::<Vec<_>>(), (51821..=51824).collect()].concat());
        // What is not reserved is where it always was.
        let (got, _) = drained("-c examples/service-ports.toml", "50");
        assert!(got.iter().all(|port| (32768..=60999).contains(port)), "{got:?}");
    });
}

#[test]
fn exhaustion_comes_after_ten_ports_in_order() {
    private(|| {
        let (got, end) = drained("-c examples/exhaustion.toml", "");
        assert_eq!((got, end.as_str()), ((20000..=20009).collect(), "the next bind: EADDRINUSE"));
        let (got, _) = drained("-c examples/exhaustion.toml", "4");
        assert_eq!(got, [20000, 20001, 20002, 20003]);
    });
}

#[test]
fn windows_xp_counts_up_and_skips_what_is_reserved() {
    private(|| {
        let (got, _) = drained("-c examples/windows-xp.toml", "5");
        assert_eq!(got, [1025, 1026, 1030, 1031, 1032]);
    });
}

#[test]
fn production_is_what_the_sysctls_say() {
    private(|| {
        let (got, end) = drained("-c examples/production.toml", "");
        let expected: Vec<u16> = (15000..=15999).filter(|p| *p != 15003 && !(15100..=15899).contains(p)).collect();
        assert_eq!((got, end.as_str()), (expected, "the next bind: EADDRINUSE"));
    });
}

#[test]
fn each_process_has_the_range_of_the_first_rule_that_matches() {
    private(|| {
        let (python, _) = drained("-c examples/per-process.toml", "20");
        assert!(python.iter().all(|port| (21000..=21999).contains(port)), "{python:?}");
        let program = r#"
            use IO::Socket::INET;
            for (1 .. 20) { print "port ", IO::Socket::INET->new(Listen => 1, LocalPort => 0)->sockport, "\n" }
        "#;
        let perl = portshim(["run", "-c", "examples/per-process.toml", "--", "perl", "-e", program]);
        let perl: BTreeSet<u16> = told(&must({ perl }.current_dir(project()))).into_iter().collect();
        assert!(!perl.is_empty() && perl.iter().all(|port| (20000..=20999).contains(port)), "{perl:?}");
    });
}

/// What `make run` shows.
#[test]
fn the_demonstration_ends_by_itself() {
    private(|| {
        let said = must(shell("examples/demo").env("PORTSHIM", portshim_path()));
        let numbers = |after: &str| -> Vec<u16> {
            let lines = said.lines().filter_map(|line| line.strip_prefix(after));
            lines.map(|rest| rest.trim().parse().expect("a port")).collect()
        };
        let allowed = |port: &u16| (21000..=21009).contains(port) && !(21003..=21005).contains(port);
        let (server, clients) = (numbers("serving on port "), numbers("hello to the client on port "));
        assert_eq!((server.len(), clients.len()), (1, 3), "{said}");
        assert!(server.iter().chain(&clients).all(allowed), "{said}");
        assert!(said.contains("the next bind: EADDRINUSE\n7 ports: 21000 21001 21002 21006 "), "{said}");
    });
}

/// Runs `make` on what is built, which lays it down below a folder or takes it away.
fn make(target: &str, to: &Path, prefix: &str) -> Command {
    let variables = [
        format!("DESTDIR={}", to.display()),
        format!("PREFIX={prefix}"),
        format!("PORTSHIM={}", portshim_path().display()),
    ];
    let mut make = Command::new("make");
    make.arg(target).args(variables).current_dir(project());
    make
}

/// Lists files and folders below a folder, but for itself.
fn tree(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(tree(&path));
        }
        found.insert(path);
    }
    found
}

/// Installing brings the command, a page for each of its commands, and completions; it needs no
/// cargo.
#[test]
fn installing_brings_pages_and_completions() {
    let to = portshim_tests::programs::scratch("install");
    // As sudo leaves PATH, where the user's cargo comes from rustup.
    must(make("install", &to, "/usr/local").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env_remove("CARGO"));
    let installed = to.join("usr/local");
    let help = must(Command::new(installed.join("bin/portshim")).arg("--help"));
    let (_, commands) = help.split_once("Commands:\n").expect("help lists the commands");
    let commands = commands.lines().take_while(|line| line.starts_with("  "));
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"run"), "{help}");
    let pages = commands.iter().map(|name| format!("share/man/man1/portshim-{name}.1"));
    let others = [
        "share/man/man1/portshim.1",
        "share/bash-completion/completions/portshim",
        "share/fish/vendor_completions.d/portshim.fish",
        "share/zsh/site-functions/_portshim",
    ];
    for file in pages.chain(others.map(String::from)) {
        let text = std::fs::read_to_string(installed.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(text.contains("portshim"), "{file}");
    }
    std::fs::remove_dir_all(to).expect("the folder is ours");
}

/// Uninstalling leaves what was there before, and nothing else, however often it was installed.
#[test]
fn uninstalling_removes_what_was_installed() {
    let to = portshim_tests::programs::scratch("uninstall");
    std::fs::create_dir_all(to.join("opt/bin")).expect("the folder is ours");
    std::fs::create_dir_all(to.join("opt/share/man/man1")).expect("the folder is ours");
    // What others laid down stays, whatever its name.
    std::fs::write(to.join("opt/share/man/man1/portshim-else.1"), "theirs").expect("the folder is ours");
    let before = tree(&to);
    for times in [1, 2] {
        for _ in 0..times {
            must(&mut make("install", &to, "/opt"));
        }
        assert!(to.join("opt/bin/portshim").exists() && to.join("opt/lib/portshim/libportshim.so").exists());
        must(&mut make("uninstall", &to, "/opt"));
        assert_eq!(tree(&to), before);
    }
    // A page of an earlier version goes when a newer one is installed.
    must(&mut make("install", &to, "/opt"));
    let (list, gone) = (to.join("opt/share/portshim/installed"), to.join("opt/bin/portshim-of-old"));
    std::fs::write(&gone, "ours").expect("the folder is ours");
    let listed = std::fs::read_to_string(&list).expect("it is laid down");
    std::fs::write(&list, format!("{listed}opt/bin/portshim-of-old\n/etc/passwd\nopt/../../x\n"))
        .expect("the folder is ours");
    must(&mut make("install", &to, "/opt"));
    assert!(!gone.exists() && std::fs::read_to_string(&list).is_ok_and(|text| text == listed));
    must(&mut make("uninstall", &to, "/opt"));
    assert_eq!(tree(&to), before);

    let refused = make("uninstall", &to, "/opt").output().expect("make runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("error: nothing is installed in "), "{said}");
    std::fs::remove_dir_all(to).expect("the folder is ours");
}

#[test]
fn installing_what_is_not_built_says_what_to_run() {
    let to = portshim_tests::programs::scratch("install-unbuilt");
    let refused = make("install", &to, "/usr/local").arg("PORTSHIM=target/no-such").output().expect("make runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("error: nothing is built yet") && said.contains("`make build`"), "{said}");
    assert!(tree(&to).is_empty());
    std::fs::remove_dir_all(to).expect("the folder is ours");
}
