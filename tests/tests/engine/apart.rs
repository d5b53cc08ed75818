//! Programs that the guest stays out of, and what stands beside it: a supervisor serves them.

use super::built::{Way, ports, program};
use portshim_tests::programs::{Peer, Ports, Scratch, as_root, must, private, source, text, told};
use portshim_tests::{portshim, portshim_path};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever the programs are, they are under a supervisor.
const INSIDE: [&str; 4] = ["--engine", "inside", "--cover", "tree"];

/// Tells whether a guest is in the program that prints a map of its memory in the end.
fn is_inside(words: &[&str]) -> bool {
    let map = must(portshim(["run"]).args(INSIDE).arg("--").args(words));
    assert!(map.contains("[stack]"), "{map}");
    map.contains("7e9a00000000-")
}

/// Prints its own map, or has another program do so.
const MAP: [&str; 3] = ["/bin/busybox", "cat", "/proc/self/maps"];

/// A copy of busybox, with other bytes at some places.
fn changed(folder: &Path, name: &str, change: impl Fn(&mut [u8])) -> PathBuf {
    let mut bytes = std::fs::read("/bin/busybox").expect("`make setup` installs it");
    change(&mut bytes);
    let copy = folder.join(name);
    std::fs::write(&copy, bytes).expect("the folder is ours");
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("it is ours");
    copy
}

#[test]
fn it_stays_out_where_something_forbids_its_calls_or_limits_memory() {
    private(|| {
        assert!(is_inside(&MAP));
        let filtered = "import errno, os, seccomp, sys; f = seccomp.SyscallFilter(seccomp.ALLOW)\n\
                        f.add_rule(seccomp.ERRNO(errno.EPERM), 'swapon'); f.load(); os.execv(sys.argv[1], sys.argv[1:])";
        assert!(!is_inside(&[&["/usr/bin/python3", "-c", filtered][..], &MAP].concat()));
        for limit in ["ulimit -v 4000000; exec \"$@\"", "ulimit -d 4000000; exec \"$@\""] {
            assert!(!is_inside(&[&["sh", "-c", limit, "sh"][..], &MAP].concat()), "{limit}");
        }
    });
}

#[test]
fn signals_that_are_ignored_stay_so() {
    private(|| {
        let ignores = "import os, signal, sys; [signal.signal(number, signal.SIG_IGN) for number in (3, 5, 10)]
os.execv(sys.argv[1], sys.argv[1:])";
        let ignored = |options: &[&str]| {
            let mut command = portshim(["run"]);
            command.args(options).args(["--", "/usr/bin/python3", "-c", ignores]);
            must(command.args(["/bin/busybox", "grep", "SigIgn", "/proc/self/status"]))
        };
        assert_eq!(ignored(&INSIDE), ignored(&["--engine", "supervise"]));
    });
}

/// As packers leave them, and tools that run another program in their own memory.
#[test]
fn it_stays_out_of_programs_that_do_not_say_what_is_code() {
    private(|| {
        let folder = Scratch::new("engine");
        // Place and number of the sections, and where their names are: fields of an ELF header.
        let packed = changed(&folder, "busybox-packed", |bytes| {
            bytes[0x28..0x30].fill(0);
            bytes[0x3c..0x40].fill(0);
        });
        assert!(!is_inside(&[text(&packed), "cat", "/proc/self/maps"]));
    });
}

#[test]
fn data_that_look_like_a_call_stay() {
    private(|| {
        let folder = Scratch::new("engine");
        let plain = ["-Wl,-z,noseparate-code"];
        for (way, options) in [(Way::Glibc, &plain), (Way::Musl, &plain)] {
            let built = program(way, "engine/alike.c", options, &folder.join(format!("alike-{way:?}")));
            let said = must(&mut Ports::OUTSIDE.command_with(&INSIDE, &built));
            assert!(said.contains("7e9a00000000-") && said.ends_with("as it was\n"), "{way:?}: {said}");
        }
        let locks = program(Way::Glibc, "engine/alike.c", &["-DLOCKS"], &folder.join("locks"));
        assert!(!is_inside(&[text(&locks)]));
    });
}

/// Who is traced as he executes one gets no privileges by it.
#[test]
fn programs_that_give_privileges_are_not_traced() {
    as_root(|| {
        let folder = Scratch::new("engine");
        let gives = changed(&folder, "busybox-gives", |_| ());
        assert!(is_inside(&[text(&gives), "cat", "/proc/self/maps"]));
        // CAP_NET_RAW, permitted and effective (`struct vfs_cap_data`).
        let gain = "import os, struct, sys
os.setxattr(sys.argv[1], 'security.capability', struct.pack('<5I', 0x02000001, 1 << 13, 0, 0, 0))";
        must(Command::new("/usr/bin/python3").args(["-c", gain, text(&gives)]));
        assert!(!is_inside(&[text(&gives), "cat", "/proc/self/maps"]));
        let gives = changed(&folder, "busybox-sets-id", |_| ());
        std::fs::set_permissions(&gives, PermissionsExt::from_mode(0o4755)).expect("it is ours");
        assert!(!is_inside(&[text(&gives), "cat", "/proc/self/maps"]));
    });
}

/// Emulators compare the addresses of their own calls with where a signal came.
#[test]
fn emulators_and_checkers_work_as_ever() {
    private(|| {
        let folder = Scratch::new("engine");
        let (emulated, checked) = (ports(Way::Musl, &folder), ports(Way::Glibc, &folder));
        for (first, ports) in [(7001, Ports::OUTSIDE), (7003, Ports::INSIDE)] {
            let (http, udp) = (Peer::http(first), Peer::echo(first + 1));
            let peers = [http.port, udp.port].map(|port| port.to_string());
            for (tool, program) in [("qemu-x86_64-static", &emulated), ("valgrind", &checked)] {
                let mut command = ports.command_with(&INSIDE, tool);
                let said = must(command.args((tool == "valgrind").then_some("-q")).arg(program).args(&peers));
                assert_eq!(told(&said).len(), 9, "{tool}: {said}");
                ports.judge(tool, &told(&said).into_iter().collect());
            }
        }
    });
}

/// Two hundred programs begin while one does not come to an end of its beginning. Nor is the end of
/// the first one kept from whoever waits for it.
#[test]
fn nobody_waits_for_a_program_that_hangs() {
    /// So long a supervisor waits for it; behind it, all others would.
    const PATIENCE: Duration = Duration::from_secs(5);
    private(|| {
        let folder = Scratch::new("engine");
        let hangs = folder.join("hung");
        must(Command::new("cc").args(["-pthread", "-o", text(&hangs), text(&source("engine/hung.c"))]));
        let script = "\"$0\" /bin/busybox true & read -r none
            for group in $(seq 10); do
                children=
                for child in $(seq 20); do
                    /bin/busybox grep -c 7e9a00000000- /proc/self/maps & children=\"$children $!\"
                done
                wait $children
            done
            exit 3";
        let mut command = Command::new(portshim_path());
        command.arg("run").args(INSIDE).args(["--", "sh", "-c", script]).arg(&hangs);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let told = lines.next().expect("it speaks");
        let ["hung", hung, "keeper", keeper] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
        let begin = Instant::now();
        child.stdin.take().expect("it is piped").write_all(b"\n").expect("it listens");
        let first = lines.next();
        assert!(begin.elapsed() < PATIENCE - Duration::from_secs(1), "{:?}", begin.elapsed());
        let inside = first.into_iter().chain(lines.by_ref().take(199)).filter(|line| line == "1").count();
        let name = std::fs::read_to_string(format!("/proc/{hung}/comm")).expect("it runs");
        must(Command::new("kill").arg(keeper));
        assert_eq!((name.as_str(), child.wait().expect("it ran").code()), ("hung\n", Some(3)));
        // Should all of the supervisor's threads be at it, the guest stays out of others.
        assert!(inside >= 150, "{inside}");
    });
}
