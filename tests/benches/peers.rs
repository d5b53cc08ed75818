//! Other tools that stand between a program and its ports: how each is started, and what its calls
//! cost.

use crate::bench::{Bench, Found};
use crate::process::Process;
use crate::report::Row;
use crate::stats::{Pair, Sense};
use crate::targets;
use portshim_tests::work::task::{Form, Kind, Task};
use std::path::{Path, PathBuf};

/// One tool: what stands before the program's own command line, and in its environment.
#[derive(Default)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) prefix: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// The variable that names an empty folder to work in.
    pub(crate) folder: Option<&'static str>,
}

impl Peer {
    pub(crate) fn new(name: &'static str, prefix: Vec<String>) -> Self {
        Self { name, prefix, ..Self::default() }
    }

    /// The environment, with a new folder where one is needed.
    pub(crate) fn environment(&self, bench: &Bench) -> Result<Vec<(String, String)>, String> {
        let mut variables = self.variables.clone();
        if let Some(name) = self.folder {
            let folder = tempfile::tempdir_in(bench.scratch.path()).map_err(|e| format!("a folder: {e}"))?;
            variables.push((name.to_owned(), folder.keep().display().to_string()));
        }
        Ok(variables)
    }

    /// All of it as a prefix.
    fn wrapper(&self, bench: &Bench) -> Result<Vec<String>, String> {
        let variables = self.environment(bench)?;
        let env = (!variables.is_empty()).then(|| "env".to_owned());
        let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
        Ok(env.into_iter().chain(variables).chain(self.prefix.iter().cloned()).collect())
    }
}

/// A library of Debian's package libsocket-wrapper, in the folder of its machine.
fn socket_wrapper() -> Option<PathBuf> {
    let folders = [Path::new("/usr/lib/x86_64-linux-gnu"), Path::new("/usr/lib64"), Path::new("/usr/lib")];
    folders.iter().map(|folder| folder.join("libsocket_wrapper.so")).find(|library| library.is_file())
}

/// The path of a program.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The tools that are here, and a line on each that is not.
pub(crate) fn peers() -> (Vec<Peer>, Vec<String>) {
    let range = "net.ipv4.ip_local_port_range=32768 60999";
    let tools: [(&str, &[&str]); 7] = [
        ("env", &["env"]),
        ("unshare -rn", &["unshare", "-rn"]),
        ("unshare -rn, sysctl", &["unshare", "-rn", "sh", "-c", "sysctl -qw \"$0\"; exec \"$@\"", range]),
        ("authbind", &["authbind"]),
        ("proxychains4", &["proxychains4", "-q"]),
        ("faketime", &["faketime", "-f", "+0"]),
        ("strace -f", &["strace", "-f", "-o", "/dev/null"]),
    ];
    let (mut here, mut missing) = (Vec::new(), Vec::new());
    for (name, words) in tools {
        match words.iter().find(|word| ["sysctl", words[0]].contains(word) && found(word).is_none()) {
            None => here.push(Peer::new(name, words.iter().map(|word| (*word).to_owned()).collect())),
            Some(word) => missing.push(format!("{name}: `{word}` is not installed; tools/setup benchmark does it")),
        }
    }
    match socket_wrapper() {
        Some(library) => {
            let variables =
                [("LD_PRELOAD", library.display().to_string()), ("SOCKET_WRAPPER_DEFAULT_IFACE", "10".to_owned())];
            let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
            here.push(Peer {
                name: "socket_wrapper",
                variables,
                folder: Some("SOCKET_WRAPPER_DIR"),
                ..Peer::default()
            });
        }
        None => {
            missing.push("socket_wrapper: libsocket_wrapper.so is not installed; tools/setup benchmark does it".into());
        }
    }
    (here, missing)
}

/// The same calls under each tool that stands between them and the kernel, and under portshim.
pub(crate) fn measure(bench: &Bench) -> Result<Found, String> {
    let case = bench.steered();
    let (mut tools, missing) = peers();
    tools.retain(|tool| ["strace -f", "proxychains4", "faketime", "socket_wrapper"].contains(&tool.name));
    tools.insert(0, Peer::new("portshim run", bench.under(case)));
    // A hundred are enough to see it, and socket_wrapper gets slower with each.
    let calls = (bench.effort.calls / 4 + 1).min(100);
    let tasks = [
        ("UDP sendto", Task::Send { form: Form::SendTo, times: calls }),
        ("socket, TCP bind(0), close", Task::Cycle { kind: Kind::TcpBind, times: calls }),
        ("socket, UDP bind(0), close", Task::Cycle { kind: Kind::UdpBind, times: calls }),
        ("socket, TCP connect, close", Task::Cycle { kind: Kind::TcpConnect, times: calls / 2 + 1 }),
    ];
    let mut found = Found { missing, ..Found::default() };
    for (what, task) in &tasks {
        for tool in &tools {
            // Its datagrams go through Unix sockets, where a receiver that does not read stops the
            // sender for good.
            if tool.name == "socket_wrapper" && matches!(task, Task::Send { .. }) {
                found.missing.push(format!("{what} under socket_wrapper: it waits until the receiver reads"));
                continue;
            }
            match side_by_side(bench, tool, task) {
                Ok(pairs) => {
                    let id = format!("peers/{what}/{}", tool.name);
                    let what = format!("{what}, {}", tool.name);
                    found.peers.push(Row::of_pairs(id, what, targets::only(Sense::Cost), &pairs));
                }
                Err(why) => found.missing.push(format!("{what} under {}: {why}", tool.name)),
            }
        }
    }
    Ok(found)
}

/// The same task alone and under a tool, in turns.
pub(crate) fn side_by_side(bench: &Bench, tool: &Peer, task: &Task) -> Result<Vec<Pair>, String> {
    in_turns(bench, &Peer::default(), tool, task)
}

/// The same task under one tool, in the kernel's place, and under another, in turns.
pub(crate) fn in_turns(bench: &Bench, one: &Peer, tool: &Peer, task: &Task) -> Result<Vec<Pair>, String> {
    let case = bench.steered();
    let mut pairs = Vec::new();
    for _ in 0..bench.effort.launches.min(2) {
        let mut bare = Process::start(&case.host, &one.wrapper(bench)?, &case.kernel)?;
        let mut under = Process::start(&case.host, &tool.wrapper(bench)?, &case.kernel)?;
        bare.each(task)?;
        under.each(task)?;
        for _ in 0..bench.effort.rounds.min(8) {
            pairs.push(Pair { kernel: bare.each(task)?, portshim: under.each(task)? });
        }
    }
    Ok(pairs)
}
