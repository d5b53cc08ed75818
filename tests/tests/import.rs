//! Settings that people already have: imported, shown, explained, and obeyed by a real program.
//!
//! `tests/samples` holds them; `tests/samples/imported`, for each, the policy file that it becomes
//! (`.toml`) and what is said of it (`.said`).

use portshim_tests::programs::{must, private, scratch};
use portshim_tests::{portshim, project, said};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Every sample, those that are settings and not folders.
const SAMPLES: [&str; 11] = [
    "freebsd-sysctl.txt",
    "netsh-dynamicport.txt",
    "netsh-excludedportrange.txt",
    "netsh-german.txt",
    "netsh-languages.txt",
    "netsh-script.cmd",
    "regedit4.reg",
    "rpccfg.txt",
    "sysctl-a.txt",
    "sysctl.conf",
    "windows-2003.reg",
];

fn samples() -> PathBuf {
    project().join("tests/samples")
}

/// portshim, where the samples are.
fn here<const N: usize>(args: [&str; N]) -> Command {
    let mut command = portshim(args);
    command.current_dir(samples());
    command
}

fn read(name: String) -> String {
    let path = samples().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_sample_is_listed() {
    let folder = std::fs::read_dir(samples()).expect("the samples are there");
    let names = folder.map(|entry| entry.expect("it can be listed").file_name().into_string().expect("a name"));
    let names: BTreeSet<_> = names.filter(|name| !name.starts_with('.') && name != "imported").collect();
    assert_eq!(names, SAMPLES.map(str::to_owned).into());
}

#[test]
fn each_becomes_a_policy_file() {
    for name in SAMPLES {
        let output = here(["import", name]).output().expect("it runs");
        let (toml, notes) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let expected = (read(format!("imported/{name}.toml")), read(format!("imported/{name}.said")));
        assert_eq!((toml.as_ref(), notes.as_ref()), (expected.0.as_str(), expected.1.as_str()), "{name}");
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
}

/// What is handed out in each scope: the lines that `show` begins a scope with.
fn scopes(shown: &str) -> Vec<String> {
    shown.lines().filter(|line| line.contains(" to hand out: ")).map(str::to_owned).collect()
}

#[test]
fn settings_mean_the_same_as_they_are_and_imported() {
    for name in SAMPLES {
        let imported = format!("imported/{name}.toml");
        let [as_they_are, imported] = [name, &imported].map(|file| scopes(&must(&mut here(["show", "-c", file]))));
        assert!(!imported.is_empty());
        assert_eq!(as_they_are, imported, "{name}");
        must(&mut here(["check", name]));
    }
}

#[test]
fn standard_input_and_another_preset() {
    let text = std::fs::File::open(samples().join("windows-2003.reg")).expect("it is there");
    let output = here(["import", "--preset", "windows-2003-sp2", "-"]).stdin(Stdio::from(text)).output();
    let output = output.expect("it runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(stdout.contains("preset = \"windows-2003-sp1\" "), "{}", said(&output));
    assert!(stdout.contains("# MaxUserPort (<stdin>, line 9)\n"), "{}", said(&output));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("taken for"), "it was told: {}", said(&output));
}

#[test]
fn captured_settings_are_imported() {
    private(|| {
        let folder = scratch("captured");
        let (captured, imported) = (folder.join("captured.toml"), folder.join("imported.toml"));
        std::fs::write(&captured, must(&mut portshim(["capture"]))).expect("the folder is ours");
        std::fs::write(&imported, must(portshim(["import"]).arg(&captured))).expect("the folder is ours");
        let [one, other] = [captured, imported].map(|file| scopes(&must(portshim(["show", "-c"]).arg(file))));
        assert_eq!(one, other);
        assert_eq!(one, ["tcp4 tcp6 udp4 udp6: 28232 ports to hand out: 32768-60999"]);
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

#[test]
fn explain_cites_the_setting() {
    for (file, port, expected) in [
        (
            "windows-2003.reg",
            "4000",
            "4000: reserved by ReservedPorts (windows-2003.reg, line 12): a wildcard bind skips it; a specific bind succeeds",
        ),
        (
            "windows-2003.reg",
            "60000",
            "60000: dynamic: in 1025-60000 of MaxUserPort (windows-2003.reg, line 9): a wildcard bind may get it; a specific bind succeeds",
        ),
        (
            "sysctl.conf",
            "18443",
            "18443: reserved by net.ipv4.ip_local_reserved_ports (sysctl.conf, line 13): a wildcard bind skips it; a specific bind succeeds",
        ),
        (
            "netsh-excludedportrange.txt",
            "50000/tcp4",
            "50000/tcp4: reserved by administered exclusion (netsh-excludedportrange.txt, line 8): a wildcard bind skips it; a specific bind succeeds",
        ),
        (
            "netsh-excludedportrange.txt",
            "5357/tcp",
            "5357/tcp: blocked by run-time reservation (netsh-excludedportrange.txt, line 6): a wildcard bind skips it; a specific bind is refused (EACCES)",
        ),
        (
            "netsh-script.cmd",
            "20103/tcp4",
            "20103/tcp4: reserved by netsh add excludedportrange (netsh-script.cmd, line 11): a wildcard bind skips it; a specific bind succeeds",
        ),
    ] {
        assert_eq!(must(&mut here(["explain", "-c", file, port])), format!("{expected}\n"), "{file}");
    }
}

/// Takes as many ports as it is told of one transport, and then tries to bind some by their
/// numbers.
const PROGRAM: &str = r#"
import errno, resource, socket, sys
count, kind, wanted = int(sys.argv[1]), getattr(socket, sys.argv[2]), map(int, sys.argv[3:])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for n in range(count):
    s = socket.socket(socket.AF_INET, kind)
    try:
        s.bind(("127.0.0.1", 0))
    except OSError as e:
        print(errno.errorcode[e.errno])
        break
    held.append(s)
print(*[s.getsockname()[1] for s in held])
for port in wanted:
    s = socket.socket(socket.AF_INET, kind)
    try:
        s.bind(("127.0.0.1", port))
        print(port, "bound")
    except OSError as e:
        print(port, errno.errorcode[e.errno])
"#;

/// What a program says under the settings: the ports that it was handed, and the lines about those
/// it named.
fn run(file: &str, args: &[&str]) -> (Vec<u16>, Vec<String>) {
    let mut command = here(["run", "-q", "-c", file, "--", "python3", "-c", PROGRAM]);
    let said = must(command.args(args));
    let mut lines: Vec<_> = said.lines().map(str::to_owned).collect();
    let ports = lines.iter().position(|line| line.starts_with(|c: char| c.is_ascii_digit())).expect("it got ports");
    let ports = lines.remove(ports).split_whitespace().map(|port| port.parse().expect("a port")).collect();
    (ports, lines)
}

#[test]
fn a_program_obeys_a_registry() {
    private(|| {
        let (ports, said) = run("windows-2003.reg", &["3500", "SOCK_DGRAM", "4000", "1433", "60001"]);
        let expected: Vec<_> = (1025..1433).chain(1435..4000).chain(4001..4500).chain(4511..4539).collect();
        assert_eq!(ports, expected);
        assert_eq!(said, ["4000 bound", "1433 bound", "60001 bound"]);
    });
}

#[test]
fn a_program_obeys_a_registry_of_version_4() {
    private(|| {
        let (ports, said) = run("regedit4.reg", &["6000", "SOCK_STREAM", "3000", "3150"]);
        assert_eq!(ports, (1025..3000).chain(3001..3100).chain(3200..6001).collect::<Vec<_>>());
        assert_eq!(said, ["EADDRINUSE", "3000 bound", "3150 bound"]);
    });
}

#[test]
fn a_program_obeys_sysctl() {
    private(|| {
        for (file, range, reserved) in [
            ("sysctl.conf", 16384..=60999, &[18080..=18080, 18443..=18443, 20000..=20099][..]),
            ("sysctl-a.txt", 20000..=29999, &[20100..=20199, 25000..=25000]),
        ] {
            let first = reserved[0].start().to_string();
            let (ports, said) = run(file, &["900", "SOCK_STREAM", &first]);
            assert_eq!(ports.len(), 900, "{file}");
            for port in ports {
                assert!(range.contains(&port) && !reserved.iter().any(|r| r.contains(&port)), "{file}: {port}");
            }
            assert_eq!(said, [format!("{first} bound")], "{file}");
        }
    });
}

#[test]
fn a_program_obeys_the_sysctls_of_freebsd() {
    private(|| {
        let (ports, _) = run("freebsd-sysctl.txt", &["900", "SOCK_DGRAM"]);
        assert_eq!(ports.len(), 900);
        assert!(ports.iter().all(|port| (20000..=29999).contains(port)), "{ports:?}");
    });
}

#[test]
fn a_program_obeys_what_netsh_lists() {
    private(|| {
        let (ports, said) =
            run("netsh-excludedportrange.txt", &["700", "SOCK_STREAM", "50000", "60000", "5357", "49700"]);
        assert_eq!(ports, (49152..49664).chain(49764..49952).collect::<Vec<_>>());
        assert_eq!(said, ["50000 bound", "60000 bound", "5357 EACCES", "49700 EACCES"]);
        let (ports, _) = run("netsh-dynamicport.txt", &["3", "SOCK_STREAM"]);
        assert_eq!(ports, [10000, 10001, 10002]);
        let (ports, _) = run("netsh-dynamicport.txt", &["3", "SOCK_DGRAM"]);
        assert_eq!(ports, [49152, 49153, 49154]);
        let (ports, _) = run("netsh-german.txt", &["2", "SOCK_STREAM"]);
        assert_eq!(ports, [30000, 30001]);
    });
}

#[test]
fn a_program_obeys_a_script() {
    private(|| {
        let (ports, said) = run("netsh-script.cmd", &["2000", "SOCK_DGRAM", "20100"]);
        assert_eq!(ports, (30000..31000).collect::<Vec<_>>());
        assert_eq!(said, ["EADDRINUSE", "20100 bound"]);
        let (ports, said) = run("netsh-script.cmd", &["100", "SOCK_STREAM", "20000"]);
        assert_eq!(ports, (20005..20100).chain(20200..20205).collect::<Vec<_>>());
        assert_eq!(said, ["20000 bound"]);
    });
}

/// Words said of bytes that are no settings.
fn refused(bytes: &[u8]) -> String {
    let folder = scratch("refused");
    std::fs::write(folder.join("x"), bytes).expect("the folder is ours");
    let output = portshim(["import", "x"]).current_dir(&folder).output().expect("it runs");
    std::fs::remove_dir_all(folder).expect("the folder is ours");
    assert_eq!(output.status.code(), Some(125), "{}", said(&output));
    assert!(output.stdout.is_empty(), "{}", said(&output));
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn what_is_no_settings() {
    assert_eq!(
        refused(b"hello\n"),
        "\
error: x:1:1: this is in no form that portshim reads
  |
1 | hello
  | ^
help:  give it a policy file, sysctl.conf, the output of `sysctl -a`, a registry export (.reg), the output of `netsh int ipv4 show dynamicport` or `show excludedportrange`, or a script that calls netsh
"
    );
    assert!(refused(&vec![b'#'; (1 << 20) + 1]).contains("is larger than 1048576 bytes"));
    assert!(refused(b"\xff\xfeW\0i").contains("the middle of a UTF-16 character"));
    let output = portshim(["import", "/nowhere"]).output().expect("it runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: the file `/nowhere` cannot be read: no such file or directory\n\
         help:  name a file that exists, or - for standard input\n"
    );
}

#[test]
fn of_many_problems_the_first_are_told() {
    let told = |text: String| {
        let said = refused(text.as_bytes());
        (said.matches("error: ").count(), said.lines().last().unwrap_or_default().to_owned(), said.len())
    };
    let more = "note: there are 4900 more of these".to_owned();
    let (count, last, _) = told("net.ipv4.ip_local_port_range = x\n".repeat(5000));
    assert_eq!((count, &last), (100, &more));
    // All on one line, of which only a part is shown each time.
    let (count, last, length) = told(format!("reserve = [{}]\n", "\"x\",".repeat(5000)));
    assert_eq!((count, last), (100, more));
    assert!(length < 100_000, "{length}");
}
