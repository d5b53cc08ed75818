//! Programs that are hard to be a guest in: each goes on as it would alone, and keeps to the ports.
//!
//! The sources are in `coexistence/`, compiled here. What does not speak of portshim itself is also
//! run under the kernel's own settings, which shows that the tests ask for no more than the kernel
//! gives.

use portshim_tests::programs::{
    Peer, Ports, Scratch, Service, Watch, compile, local_ports, must, private, text, told, until,
};
use portshim_tests::{portshim, said};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;

/// Where every program's peer is, and where `close_range` says that it has done its part.
const PEER: u16 = 7001;
const DONE: u16 = 7003;

portshim_tests::each_keeper!(
    an_address_sanitizer_program,
    an_environment_written_over,
    an_own_environment,
    churn,
    every_descriptor_closed,
    fork_in_a_threaded_program,
    jemalloc,
    library_constructors,
    numbers_given_to_other_sockets,
    plugins,
    running_out_in_processes,
    running_out_in_threads,
    signal_handlers_that_send,
    tiny_stacks,
    vfork_and_exec,
);

/// A folder of one test's own with what it has compiled, and the peers of the programs.
struct Fixture {
    folder: Scratch,
    http: Peer,
    udp: Peer,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: Scratch::new("coexistence"), http: Peer::http(PEER), udp: Peer::echo(PEER) }
    }

    /// Compiles `coexistence/NAME.c`, with further arguments for the compiler.
    fn compile(&self, name: &str, more: &[&str]) -> PathBuf {
        compile(&format!("coexistence/{name}.c"), &self.folder, more)
    }

    /// Compiles a program, runs it and checks the ports that it tells and those that its peers saw.
    fn run(&self, ports: &Ports, name: &str, flags: &[&str], args: &[&str]) -> Vec<u16> {
        let built = self.compile(name, flags);
        let told = told(&must(ports.command(built).args(args)));
        ports.judge(name, &told.iter().copied().collect());
        for seen in [self.http.visitors(), self.udp.visitors()] {
            assert!(seen.iter().all(|port| ports.allow(*port)), "{name}: a peer saw {seen:?}, outside {ports:?}");
        }
        told
    }
}

fn fork_in_a_threaded_program(ports: &Ports) {
    assert_eq!(Fixture::new().run(ports, "fork_threads", &[], &[]).len(), 4 * 200);
}

fn vfork_and_exec(ports: &Ports) {
    let fixture = Fixture::new();
    let one = fixture.compile("one", &[]);
    assert_eq!(fixture.run(ports, "vfork_exec", &[], &[text(&one)]).len(), (1 + 4 + 2) * 20);
}

fn signal_handlers_that_send(ports: &Ports) {
    assert_eq!(Fixture::new().run(ports, "signal_send", &[], &[]).len(), 1000);
}

fn every_descriptor_closed(ports: &Ports) {
    let fixture = Fixture::new();
    let built = fixture.compile("close_range", &[]);
    let watch = Watch::begin(&[PEER, DONE]);
    let _service = Service::start(ports.command(built));
    until("it has taken its ports", || local_ports().contains(&DONE));
    let seen = watch.end();
    assert!(seen.len() > 10, "{seen:?}");
    ports.judge("close_range", &seen);
}

fn running_out_in_threads(ports: &Ports) {
    run_out(ports, "64", "threads");
}

fn running_out_in_processes(ports: &Ports) {
    run_out(ports, "16", "processes");
}

/// All at once take what there is, and together get every port exactly once.
fn run_out(ports: &Ports, many: &str, of_what: &str) {
    let fixture = Fixture::new();
    for (call, times) in [("bind", 2), ("connect", 1)] {
        let mut got = BTreeMap::new();
        for port in fixture.run(ports, "crowd", &[], &[many, of_what, call]) {
            *got.entry(port).or_insert(0) += 1;
        }
        let wrong: Vec<_> = got.iter().filter(|(_, n)| **n != times).collect();
        assert!(wrong.is_empty(), "{call} by {many} {of_what}: not {times} times each: {wrong:?}");
        assert_eq!(got.len(), ports.count(), "{call} by {many} {of_what}");
    }
}

fn an_address_sanitizer_program(ports: &Ports) {
    assert_eq!(Fixture::new().run(ports, "allocator", &["-fsanitize=address"], &[]).len(), 8 * 200 * 2 + 1);
}

fn jemalloc(ports: &Ports) {
    let jemalloc = ["-Wl,--no-as-needed", "-ljemalloc"];
    assert_eq!(Fixture::new().run(ports, "allocator", &jemalloc, &[]).len(), 8 * 200 * 2 + 1);
}

fn library_constructors(ports: &Ports) {
    let fixture = Fixture::new();
    let library = fixture.compile("early", &["-shared", "-fPIC"]);
    assert_eq!(fixture.run(ports, "early_main", &[text(&library)], &[]).len(), 1 + 3 + 1);
}

fn plugins(ports: &Ports) {
    let fixture = Fixture::new();
    let plugin = fixture.compile("early", &["-shared", "-fPIC"]);
    assert_eq!(fixture.run(ports, "plugin_main", &[], &[text(&plugin)]).len(), 3 + 1);
}

fn tiny_stacks(ports: &Ports) {
    assert_eq!(Fixture::new().run(ports, "tiny_stack", &[], &[]).len(), 4);
}

fn numbers_given_to_other_sockets(ports: &Ports) {
    assert_eq!(Fixture::new().run(ports, "renumbered", &[], &[]).len(), 5 + 2 + 1 + 1);
}

fn churn(ports: &Ports) {
    assert!(Fixture::new().run(ports, "churn", &[], &[]).len() > ports.count() / 2);
}

const WAYS: [&str; 16] = [
    "execve",
    "execve-empty",
    "execve-null",
    "execle",
    "execvpe",
    "fexecve",
    "execveat",
    "env",
    "execv",
    "environ-null",
    "execl",
    "execlp",
    "execvp",
    "posix_spawn",
    "posix_spawnp",
    "system",
];

/// A child keeps to the ports in whichever way it was started, and whatever environment it was
/// given.
fn an_own_environment(ports: &Ports) {
    let fixture = Fixture::new();
    let one = fixture.compile("one", &[]);
    for way in WAYS.into_iter().chain(["popen"]) {
        let told = fixture.run(ports, "rebuild", &[], &[way, text(&one)]);
        assert_eq!(told.len(), 4 + 1, "{way}");
    }
}

fn an_environment_written_over(ports: &Ports) {
    let fixture = Fixture::new();
    let one = fixture.compile("one", &[]);
    for what in ["copied", "lost"] {
        assert_eq!(fixture.run(ports, "title", &[], &[what, text(&one)]).len(), 1 + 4, "{what}");
    }
}

/// `--no-follow` leaves a child alone whose environment was rebuilt, and follows all others.
#[test]
fn no_follow_lets_a_rebuilt_environment_be() {
    private(|| {
        let fixture = Fixture::new();
        let (one, rebuild) = (fixture.compile("one", &[]), fixture.compile("rebuild", &[]));
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            for way in WAYS {
                let told = told(&must(ports.command_with(&["--no-follow"], &rebuild).args([way, text(&one)])));
                let (child, parent) = told.split_at(4);
                assert!(child.iter().any(|port| !ports.allow(*port)), "{way}: {child:?} were not left alone");
                assert!(parent.len() == 1 && ports.allow(parent[0]), "{way}: {parent:?}");
            }
            let shell = must(ports.command_with(&["--no-follow"], "sh").args(["-c", text(&one)]));
            ports.judge("a child that inherits", &told(&shell).into_iter().collect());
        }
    });
}

/// Another preloaded library stays, and stays called.
#[test]
fn another_preloaded_library_goes_on_counting() {
    private(|| {
        let fixture = Fixture::new();
        let counter = fixture.compile("counter", &["-shared", "-fPIC"]);
        let (one, rebuild) = (fixture.compile("one", &[]), fixture.compile("rebuild", &[]));
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let output = ports.command(&one).env("LD_PRELOAD", &counter).output().expect("portshim runs");
            assert!(output.status.success(), "{}", said(&output));
            ports.judge("with a counter", &told(&String::from_utf8_lossy(&output.stdout)).into_iter().collect());
            let calls = String::from_utf8_lossy(&output.stderr);
            let calls: Vec<u32> =
                calls.lines().filter_map(|l| l.strip_prefix("calls of bind: ")?.parse().ok()).collect();
            assert!(matches!(calls[..], [n] if n >= 2), "one binds twice: {}", said(&output));

            let output =
                ports.command(&rebuild).args(["execve-empty", text(&one)]).env("LD_PRELOAD", &counter).output();
            let output = output.expect("portshim runs");
            let counted = String::from_utf8_lossy(&output.stderr).matches("calls of bind").count();
            assert_eq!(counted, 1, "an emptied environment is followed by portshim alone: {}", said(&output));
        }
    });
}

/// Whatever one process writes over what the session shares, the others and the command live on.
#[test]
fn scribbling_over_the_session_harms_nobody_else() {
    private(|| {
        let fixture = Fixture::new();
        let (one, scribble) = (fixture.compile("one", &[]), fixture.compile("scribble", &[]));
        for ports in [Ports::OUTSIDE, Ports::INSIDE] {
            let mut command = ports.command(&scribble);
            command.arg(&one).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("portshim runs");
            // The program holds the session until its input ends.
            let input = child.stdin.take().expect("it is piped");
            for _ in 0..20 {
                let show = portshim(["show"]).output().expect("portshim runs");
                assert!(show.status.success(), "{}", said(&show));
                ports.judge("another session", &told(&must(&mut ports.command(&one))).into_iter().collect());
            }
            drop(input);
            let output = child.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{}", said(&output));
            assert!(String::from_utf8_lossy(&output.stdout).contains("scribbled"), "{}", said(&output));
            let after = must(&mut ports.command(&one));
            ports.judge("a session after it", &told(&after).into_iter().collect::<BTreeSet<_>>());
        }
    });
}
