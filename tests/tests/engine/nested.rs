//! Chains of programs, and one `portshim run` below another.

use super::built::{Go, Way, ports};
use portshim_tests::programs::{Peer, Ports, Scratch, Watch, must, private, told};
use portshim_tests::{portshim, portshim_path};

/// A static program starts a dynamic one, and so on: each draws from the policy.
#[test]
fn a_chain_of_programs_of_all_kinds() {
    private(|| {
        let folder = Scratch::new("engine");
        let (program, go) = (ports(Way::Musl, &folder), Go::Newer.ports());
        let script = "s=\"import socket; s = socket.socket(); s.bind(('', 0)); print('port', s.getsockname()[1])\"
            python3 -c \"$s\"; \"$1\" \"$3\" \"$4\"; env -i /usr/bin/python3 -c \"$s\"
            busybox sh -c 'python3 -c \"$0\"; \"$1\" \"127.0.0.1:$2\" \"127.0.0.1:$3\"' \"$s\" \"$2\" \"$3\" \"$4\"";
        let mut next = 7001;
        for all in [Ports::OUTSIDE, Ports::INSIDE] {
            for (shell, options) in [("busybox", &[][..]), ("sh", &["--strict"])] {
                let (http, udp) = (Peer::http(next), Peer::echo(next + 1));
                next += 2;
                let mut command = all.command_with(options, shell);
                command.args((shell == "busybox").then_some("sh")).args(["-c", script, "sh"]).arg(&program).arg(&go);
                let said = must(command.args([http.port, udp.port].map(|port| port.to_string())));
                assert_eq!(told(&said).len(), 1 + 9 + 1 + 1 + 23, "{said}");
                all.judge("what they see themselves", &told(&said).into_iter().collect());
                all.judge("what the HTTP peer saw", &http.visitors());
                all.judge("what the UDP peer saw", &udp.awaited(1));
            }
        }
    });
}

/// A dynamic shell, a static one, a dynamic program, one of Go's, a shell again, and another
/// program: each is a child of the one before.
#[test]
fn a_chain_of_children() {
    private(|| {
        let go = Go::Newer.ports();
        let python = "import socket, subprocess, sys; s = socket.socket(); s.bind(('', 0))\n\
                      print('port', s.getsockname()[1], flush=True); subprocess.run(sys.argv[1:], check=True)";
        let shells = ["sh", "-c", "busybox sh -c '\"$@\"; true' sh \"$@\"; true", "sh"];
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            for options in [&["--strict"][..], &["--engine", "supervise"], &["--strict", "--engine", "inside"]] {
                let watch = Watch::begin(&[]);
                let mut command = ports.command_with(options, shells[0]);
                command.args(&shells[1..]).args(["python3", "-c", python]).arg(&go).arg("then");
                let said = must(command.args(shells).args(["python3", "-c", python, "true"]));
                let seen = told(&said);
                assert_eq!(seen.len(), 3, "{said}");
                ports.judge("what they see themselves", &seen.into_iter().collect());
                ports.judge("what the kernel lists", &watch.end());
            }
        }
    });
}

/// The inner policy replaces the outer one, whatever serves each.
#[test]
fn one_policy_inside_another() {
    private(|| {
        let folder = Scratch::new("engine");
        let program = ports(Way::Glibc, &folder);
        let python = "import socket; s = socket.socket(); s.bind(('', 0)); print('port', s.getsockname()[1])";
        let portshim_path = portshim_path();
        for outer in ["supervise", "preload"] {
            for inner in [&["--engine", "preload"][..], &["--engine", "supervise"], &[], &["--report"]] {
                for first in [20000, 40000] {
                    let range = format!("{}-{}", first + 100, first + 109);
                    let mut command = portshim(["run", "--engine", outer, "--range", "50000-50009", "--"]);
                    command.arg(&portshim_path).args(["run", "--range", &range]).args(inner);
                    let said = must(command.args(["--", "python3", "-c", python]));
                    let ports = told(&said);
                    assert_eq!(ports.len(), 1, "{said}");
                    assert!((first + 100..first + 110).contains(&ports[0]), "{outer}, {inner:?}: {ports:?}");
                }
            }
            let peer = Peer::http(0).port.to_string();
            let mut command = portshim(["run", "--engine", outer, "--range", "50000-50009", "--"]);
            command.arg(&portshim_path).args(["run", "--range", "40100-40109", "--"]).arg(&program);
            assert_eq!(must(command.args(["drain", "bind", &peer])), "10 98\n");
        }
    });
}

/// A supervisor lets go of the sessions below it that are over.
#[test]
fn many_sessions_below_one_another_are_not_kept() {
    private(|| {
        // Their files go at some later command.
        let script = "n=0; while [ $n -lt 70 ]; do
                \"$0\" run -q -- busybox nc 127.0.0.1 9 2> /dev/null; n=$((n + 1))
                for file in \"${PORTSHIM_SESSION%/*}\"/session-*; do
                    [ \"$file\" = \"$PORTSHIM_SESSION\" ] || rm -f \"$file\"
                done
            done; grep -c /session- /proc/$PPID/maps";
        let mut command = portshim(["run", "--engine", "supervise", "--", "sh", "-c", script]);
        let kept: usize = must(command.arg(portshim_path())).trim_end().parse().expect("a number");
        assert!((1..70).contains(&kept), "{kept}");
    });
}
