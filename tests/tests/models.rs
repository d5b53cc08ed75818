//! The port models of other systems, as real programs meet them: how many ports there are, which,
//! in which order, and for how long they are held.

use portshim_tests::programs::{must, private, scratch, source, text};
use portshim_tests::{portshim, said};
use std::process::Command;

/// Runs a script under a policy.
fn python(policy: &[&str], script: &str, arguments: &[&str]) -> Command {
    let script = source(script);
    let program = ["--", "python3", text(&script)];
    portshim([&["run"], policy, &program, arguments].concat())
}

/// A wildcard bind gets 1025 to MaxUserPort, 5000, and each port is one socket's.
#[test]
fn windows_xp_has_3976_ports_to_bind() {
    private(|| {
        let told = must(&mut python(&["--preset", "windows-xp"], "models/exhaust.py", &["bind", "0"]));
        assert_eq!(
            told,
            "3976 ports, 3976 different, 1025 to 5000, then EADDRINUSE\n\
             given back, and then the same: True\n"
        );
    });
}

/// A connection has its port to itself, whatever it leads to, and the port is held through
/// TIME_WAIT.
#[test]
fn windows_xp_has_3976_connections_for_all_destinations() {
    private(|| {
        let told = must(&mut python(&["--preset", "windows-xp"], "models/exhaust.py", &["connect", "3"]));
        assert_eq!(
            told,
            "3976 ports, 3976 different, 1025 to 5000, then EADDRNOTAVAIL\n\
             given back, and then EADDRNOTAVAIL\n"
        );
        // Nor does the next program get the port: one is missing as long as the kernel keeps it.
        let told = must(&mut python(&["--preset", "windows-xp"], "models/exhaust.py", &["bind", "0"]));
        assert!(told.starts_with("3975 ports, 3975 different, 1026 to 5000, then EADDRINUSE\n"), "{told}");
    });
}

/// The same programs find as many ports again at a second destination where connections share
/// ports.
#[test]
fn linux_has_them_for_each_destination() {
    private(|| {
        let policy = ["--preset", "linux", "--range", "1025-1124"];
        let told = must(&mut python(&policy, "models/exhaust.py", &["connect", "3"]));
        assert!(told.starts_with("300 ports, 100 different, 1025 to 1124, then EADDRNOTAVAIL\n"), "{told}");
    });
}

/// Java takes its ports through sockets of both families.
#[test]
fn windows_xp_for_java() {
    private(|| {
        let classes = scratch("models-java");
        let source = source("models/Exhaust.java");
        must(Command::new("javac").args(["-d", text(&classes), text(&source)]));
        for (arguments, end) in
            [(["bind", "0"], "Address already in use"), (["connect", "3"], "Cannot assign requested address")]
        {
            let java = ["run", "--preset", "windows-xp", "--", "java", "-cp", text(&classes), "Exhaust"];
            let told = must(&mut portshim(java.iter().chain(&arguments)));
            assert_eq!(told, format!("3976 ports, 3976 different, 1025 to 5000, then {end}\n"), "{arguments:?}");
        }
        std::fs::remove_dir_all(classes).expect("the folder is ours");
    });
}

/// Nobody may hold more descriptors than there are ports: several processes of one session share
/// the range.
#[test]
fn max_user_port_of_65534_makes_64510_ports() {
    private(|| {
        let policy = ["--preset", "windows-xp", "--max-user-port", "65534"];
        for (arguments, end, again) in
            [(["bind", "0"], "EADDRINUSE", "the same: True"), (["connect", "20"], "EADDRNOTAVAIL", "EADDRNOTAVAIL")]
        {
            let told = must(&mut python(&policy, "models/exhaust.py", &arguments));
            assert_eq!(
                told,
                format!(
                    "64510 ports, 64510 different, 1025 to 65534, then {end}\n\
                     given back, and then {again}\n"
                )
            );
        }
    });
}

/// KB 196271: a value outside counts as the nearest valid one.
#[test]
fn max_user_port_of_70000_is_clamped_with_a_warning() {
    private(|| {
        let policy = ["--preset", "windows-2003", "--max-user-port", "70000"];
        let output = python(&policy, "models/exhaust.py", &["bind", "0"]).output().expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            told.starts_with("64510 ports, 64510 different, 1025 to 65534, then EADDRINUSE\n"),
            "{}",
            said(&output)
        );
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "warning: --max-user-port 70000: MaxUserPort 70000 is outside 5000-65534, so it counts as 65534, as on \
             Windows (KB 196271)\nhelp:    write 65534\n"
        );
        let low = ["--preset", "windows-2003", "--max-user-port", "4999"];
        let output = python(&low, "models/exhaust.py", &["bind", "0"]).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.starts_with("3976 ports, 3976 different, 1025 to 5000, "), "{}", said(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains("so it counts as 5000, "), "{}", said(&output));
    });
}

/// KB 929851: the dynamic range is set for each protocol and each address family by itself.
#[test]
fn windows_vista_has_a_range_for_each_scope() {
    private(|| {
        let folder = scratch("models-vista");
        let file = folder.join("vista.toml");
        let ranges = "tcp4 = \"10000-10254\"\ntcp6 = \"20000-20299\"\nudp4 = \"1025-1279\"\n";
        std::fs::write(&file, format!("preset = \"windows-vista\"\n[dynamic]\n{ranges}")).expect("the folder is ours");
        let scopes = ["tcp4=70000", "tcp6=70000", "udp4=70000", "udp6=3"];
        let told = must(&mut python(&["-c", text(&file)], "models/order.py", &scopes));
        assert_eq!(
            told,
            "tcp4 255: 10000-10254 EADDRINUSE\n\
             tcp6 300: 20000-20299 EADDRINUSE\n\
             udp4 255: 1025-1279 EADDRINUSE\n\
             udp6 49152 49153 49154\n"
        );
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

/// The rover of the original BSD counts up; FreeBSD's counts the way that `first` and `last` stand.
#[test]
fn bsd_counts_up_and_freebsd_either_way() {
    private(|| {
        let folder = scratch("models-bsd");
        let file = folder.join("portshim.toml");
        for (policy, ports) in [
            ("preset = \"bsd\"\n", ["1024 1025 1026", "1024 1025"]),
            (
                "preset = \"freebsd\"\n[freebsd]\nfirst = 3000\nlast = 3003\nrandomized = 0\n",
                ["3000 3001 3002", "3000 3001"],
            ),
            (
                "preset = \"freebsd\"\n[freebsd]\nfirst = 3003\nlast = 3000\nrandomized = 0\n",
                ["3003 3002 3001", "3003 3002"],
            ),
        ] {
            std::fs::write(&file, policy).expect("the folder is ours");
            let told = must(&mut python(&["-c", text(&file)], "models/order.py", &["tcp4=3", "udp6=2"]));
            assert_eq!(told, format!("tcp4 {}\nudp6 {}\n", ports[0], ports[1]), "{policy}");
        }
        // From a random start, every port comes all the same, and none twice.
        std::fs::write(&file, "preset = \"freebsd\"\n[freebsd]\nfirst = 3099\nlast = 3000\n")
            .expect("the folder is ours");
        let told = must(&mut python(&["-c", text(&file)], "models/order.py", &["tcp6=70000"]));
        assert_eq!(told, "tcp6 100: 3000-3099 EADDRINUSE\n");
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    });
}

/// Stevens counts 1023 down to 513; FreeBSD's low range is 1023 down to 600, for bindresvport as
/// well; elsewhere it is as glibc does, and so do both without portshim.
#[test]
fn privileged_ports() {
    private(|| {
        let script = source("models/privileged.py");
        let bare = must(Command::new("python3").arg(&script));
        let libc = "rresvport 512: 512-1023 down, then EAGAIN\n\
                    bindresvport 512: 512-1023 up from the process number, then EADDRINUSE\n";
        assert_eq!(bare, libc);
        for (preset, expected) in [
            ("windows-xp", libc),
            (
                "bsd",
                "rresvport 511: 513-1023 down, then EAGAIN\n\
                 bindresvport 511: 513-1023 up from the process number, then EADDRINUSE\n",
            ),
            (
                "freebsd",
                "rresvport 424: 600-1023 down, then EAGAIN\n\
                 bindresvport 424: 600-1023 down, then EADDRINUSE\n",
            ),
        ] {
            assert_eq!(must(&mut python(&["--preset", preset], "models/privileged.py", &[])), expected, "{preset}");
        }
    });
}

/// A policy's ip_unprivileged_port_start refuses what the kernel of such a host would; those who
/// may are not refused.
#[test]
fn unprivileged_ports_begin_where_the_policy_says() {
    private(|| {
        let folder = scratch("models-privilege");
        let file = folder.join("portshim.toml");
        std::fs::write(&file, "preset = \"linux\"\nlinux.ip_unprivileged_port_start = 2000\n").expect("it is ours");
        let run = || python(&["-c", text(&file)], "models/named.py", &["1023", "1024", "1999", "2000", "40000"]);
        assert_eq!(must(&mut run()), "ok ok ok ok ok\n");
        let mut without = Command::new("setpriv");
        without.arg("--bounding-set=-net_bind_service").arg(run().get_program()).args(run().get_args());
        assert_eq!(must(&mut without), "EACCES EACCES EACCES ok ok\n");
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    });
}
