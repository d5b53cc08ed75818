//! `--cover tree`: what a library does not see of the programs that it reaches.

use super::built::Go;
use portshim_tests::portshim_path;
use portshim_tests::programs::{Peer, Ports, Scratch, Service, compile, must, private, set_sysctl, source, text, told};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::process::{Command, Output};
use std::thread;

/// Answers queries of libc's resolver, and remembers whence they came.
fn name_server() -> thread::JoinHandle<BTreeSet<u16>> {
    let socket = UdpSocket::bind("127.0.0.1:53").expect("a private network has all ports free");
    thread::spawn(move || {
        let (mut ports, mut query) = (BTreeSet::new(), [0; 512]);
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            ports.insert(from.port());
            if len == 1 {
                ports.remove(&from.port());
                break;
            }
            // There is no such name (RFC 1035, 4.1.1): a response, with the code 3.
            let mut answer = query[..len].to_vec();
            answer[2..4].copy_from_slice(&[0x81, 0x83]);
            socket.send_to(&answer, from).expect("it waits");
        }
        ports
    })
}

/// Runs `body` where names are asked of our name server alone.
fn with_name_server(body: impl FnOnce(&dyn Fn(&Ports, Command) -> Output)) {
    let folder = Scratch::new("engine");
    let (settings, switch) = (folder.join("resolv.conf"), folder.join("nsswitch.conf"));
    std::fs::write(&settings, "nameserver 127.0.0.1\n").expect("the folder is ours");
    std::fs::write(&switch, "hosts: dns\n").expect("the folder is ours");
    must(Command::new("mount").args(["--bind", text(&settings), "/etc/resolv.conf"]));
    must(Command::new("mount").args(["--bind", text(&switch), "/etc/nsswitch.conf"]));
    body(&|ports, mut command| {
        let server = name_server();
        let output = command.output().expect("it runs");
        let end = UdpSocket::bind("127.0.0.1:0").expect("there are ports");
        end.send_to(b"!", "127.0.0.1:53").expect("it listens");
        ports.judge("what the name server saw", &server.join().expect("it has come to an end"));
        output
    });
    must(Command::new("umount").args(["/etc/resolv.conf", "/etc/nsswitch.conf"]));
}

#[test]
fn the_resolver_inside_libc() {
    private(|| {
        with_name_server(|ask| {
            for ports in [Ports::OUTSIDE, Ports::INSIDE] {
                let mut command = ports.command_with(&["--cover", "tree"], "getent");
                command.args(["hosts", "no.example"]);
                assert_eq!(ask(&ports, command).status.code(), Some(2));
            }
        });
    });
}

/// A dynamic Go program, which makes its system calls itself, and may ask libc's resolver.
#[test]
fn a_go_program_with_cgo_and_both_resolvers() {
    private(|| {
        let programs = Go::ALL.map(Go::resolve);
        with_name_server(|ask| {
            for (program, ports) in
                programs.iter().flat_map(|program| [(program, Ports::OUTSIDE), (program, Ports::INSIDE)])
            {
                for options in [&[][..], &["--cover", "tree"], &["--engine", "inside"]] {
                    for resolver in ["netdns=go", "netdns=cgo"] {
                        let mut command = ports.command_with(options, program);
                        command.env("GODEBUG", resolver);
                        let said = String::from_utf8(ask(&ports, command).stdout).expect("it is text");
                        assert!(said.starts_with("lookup no.example"), "{said}");
                        ports.judge("what it sees itself", &told(&said).into_iter().collect());
                    }
                }
            }
        });
    });
}

/// proxychains stands between a program and libc: below portshim, or around it.
#[test]
fn proxychains_outside_and_inside() {
    private(|| {
        let folder = Scratch::new("engine");
        let chain = folder.join("chain.conf");
        std::fs::write(&chain, "strict_chain\n[ProxyList]\nsocks5 127.0.0.1 1080\n").expect("the folder is ours");
        let peer = Peer::http(7001);
        let mut proxy = Command::new("python3");
        proxy.arg(source("engine/socks.py"));
        let mut proxy = Service::start(proxy);
        proxy.line(|line| (line == "ready\n").then_some(()));
        let chained = ["proxychains4", "-q", "-f", text(&chain)];
        let url = format!("http://127.0.0.1:{}/", peer.port);
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            for options in [&[][..], &["--cover", "tree"], &["--engine", "supervise"]] {
                let mut inside = ports.command_with(options, chained[0]);
                inside.args(&chained[1..]).args(["curl", "-s", &url]);
                let mut outside = Command::new(chained[0]);
                let run = ports.command_with(options, "curl");
                outside.args(&chained[1..]).arg(portshim_path()).args(run.get_args()).args(["-s", &url]);
                for (mut command, is_inside) in [(inside, true), (outside, false)] {
                    assert_eq!(must(&mut command), "ok\n", "{command:?}");
                    let port = proxy.line(|line| line.strip_prefix("port ")?.trim_end().parse().ok());
                    // Behind the library it makes a socket that the library does not see.
                    if is_inside || !options.is_empty() {
                        ports.judge("what the proxy saw", &[port].into());
                    }
                }
            }
        }
    });
}

/// What libc writes to a socket by itself, no library sees.
#[test]
fn stdio_on_a_socket() {
    private(|| {
        let folder = Scratch::new("engine");
        set_sysctl("tcp_fastopen", "3");
        let program = compile("engine/stdio.c", &folder, &[]);
        let (http, udp) = (Peer::http(7001), Peer::echo(7002));
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            for options in [&["--cover", "tree"][..], &["--engine", "supervise"]] {
                let mut command = ports.command_with(options, &program);
                let said = must(command.args([http.port, udp.port].map(|port| port.to_string())));
                assert_eq!(told(&said).len(), 4, "{said}");
                ports.judge("what it sees itself", &told(&said).into_iter().collect());
            }
        }
        let visitors = &http.visitors() | &udp.visitors();
        assert!(visitors.iter().all(|port| Ports::OUTSIDE.allow(*port) || Ports::INSIDE.allow(*port)), "{visitors:?}");
    });
}

/// A library that finds libc's functions before everybody else's.
#[test]
fn a_library_that_binds_deeply() {
    private(|| {
        let folder = Scratch::new("engine");
        let library = folder.join("deep.so");
        must(Command::new("gcc").args(["-shared", "-fPIC", "-o", text(&library), text(&source("engine/deep.c"))]));
        let program = compile("engine/deeply.c", &folder, &["-ldl"]);
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let said = must(ports.command_with(&["--strict"], &program).arg(&library));
            ports.judge("what it sees itself", &told(&said).into_iter().collect());
        }
    });
}

/// A peer is visited from the policy's ports by a program that is covered as well.
#[test]
fn a_dynamic_program_with_all_its_calls() {
    private(|| {
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let (http, udp) = (Peer::http(0), Peer::echo(0));
            let mut command = ports.command_with(&["--cover", "tree"], "python3");
            command.arg(source("programs/python.py")).args([http.port.to_string(), udp.port.to_string()]);
            let said = must(&mut command);
            ports.judge("what it sees itself", &told(&said).into_iter().collect());
            ports.judge("what the HTTP peer saw", &http.visitors());
            ports.judge("what the UDP peer saw", &udp.awaited(1));
        }
    });
}

/// A program that has confined itself by Landlock, whose grandchild binds: no call is made in its
/// stead, by whatever rights the supervisor has, or the sandbox would be weakened.
#[test]
fn a_grandchild_of_a_confined_program_stays_confined() {
    private(|| {
        let binds = "import errno, socket\ntry:\n    socket.create_server(('127.0.0.1', 0))\n    print('bound')\n\
                     except OSError as e:\n    print(errno.errorcode[e.errno])";
        // Neither shell asks for a port.
        let shells = ["sh", "-c", "sh -c 'python3 -c \"$0\"; true' \"$0\"; true", binds];
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let mut command = ports.command_with(&["--engine", "supervise"], "python3");
            command.arg(source("real/landlock.py")).args(["net", "9"]).args(shells);
            assert_eq!(must(&mut command), "EACCES\n");
        }
    });
}

/// A program that has nothing to do with one that has confined itself.
#[test]
fn a_stranger_of_a_confined_program_is_served() {
    private(|| {
        let binds = "import socket; s = socket.socket(); s.bind(('', 0)); print('port', s.getsockname()[1])";
        let script = "python3 \"$0\" net 9 true; python3 -c \"$1\"";
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let mut command = ports.command_with(&["--engine", "supervise"], "sh");
            let said = must(command.args(["-c", script]).arg(source("real/landlock.py")).arg(binds));
            ports.judge("the stranger", &told(&said).into_iter().collect());
        }
    });
}
