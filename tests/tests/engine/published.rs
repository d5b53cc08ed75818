//! Static programs as their makers publish them: each visits a server of ours.

use portshim_tests::programs::{Keeper, Peer, Ports, Scratch, Watch, fetched, text};
use portshim_tests::said;
use std::process::Command;

portshim_tests::each_keeper!(go, rust_with_musl);

/// Has a program visit a server under each engine; that does not serve what the program asks for,
/// which fails with these words.
fn visit(ports: &Ports, program: &str, wanted: &str, arguments: impl Fn(&mut Command, &str)) {
    let folder = Scratch::new("published");
    let engines = [&[][..], &["--cover", "tree"], &["--engine", "supervise"], &["--engine", "inside"]];
    let engines = if let Keeper::Portshim = ports.keeper { &engines[..] } else { &engines[..1] };
    let watch = Watch::begin(&[7001, 7002, 7003, 7004]);
    for (options, at) in engines.iter().zip(7001..) {
        let peer = Peer::http(at);
        let mut command = ports.command_with(options, fetched(program));
        command.env("HOME", text(&folder)).env("XDG_CACHE_HOME", folder.join("cache")).current_dir(&folder);
        arguments(&mut command, &format!("http://127.0.0.1:{at}"));
        let output = command.output().expect("it runs");
        assert!(said(&output).contains(wanted), "{options:?}: {}", said(&output));
        ports.judge("what the server saw", &peer.visitors());
    }
    // Some are over before anybody looks.
    let seen = watch.end();
    assert!(seen.iter().all(|port| ports.allow(*port)), "what the kernel lists: {seen:?}");
}

/// Go's own command, built with the Go that it belongs to, asks a proxy for a module.
fn go(ports: &Ports) {
    visit(ports, "go/bin/go", "invalid response from proxy", |command, server| {
        command.args(["mod", "download", "example.test/module@v1.0.0"]).env("GOROOT", "/").env("GOPROXY", server);
        command.env("GOTOOLCHAIN", "local").env("GONOSUMDB", "*").env("GOFLAGS", "-modcacherw");
    });
}

/// uv asks an index for a package. As it fails it goes through its tables for unwinding, which lie
/// in the same segment as its code.
fn rust_with_musl(ports: &Ports) {
    visit(ports, "uv", "Content-Type", |command, server| {
        command.env("RUST_BACKTRACE", "1").args([
            "pip",
            "install",
            "--no-cache",
            "--no-config",
            "--target",
            "t",
            "nothing",
            "--index-url",
            server,
        ]);
    });
}
