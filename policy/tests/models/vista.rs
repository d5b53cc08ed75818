//! Windows since Vista.

use crate::{allowed, class, resolved, tried};
use portshim_policy::config::keys;
use portshim_policy::netsh::{Ask, Change, Command};
use portshim_policy::ports::Scope;

/// Since Vista, neither value of the registry is heard, and that is said, with the reason.
#[test]
fn what_vista_ignores() {
    let text = "[windows]\nmax-user-port = 5000\nreserved-ports = [\"50000-50009\"]\n";
    let policy = resolved(&[(&keys::PRESET, "windows-vista")], text);
    assert_eq!(allowed(&policy), "49152-65535");
    let said: Vec<_> = policy.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`windows.max-user-port` has no effect under preset windows-vista: \
             since Windows Vista and Server 2008 a dynamic range is set in its place (KB 929851)",
            "`windows.reserved-ports` has no effect under preset windows-vista: \
             ReservedPorts is not implemented since Windows Vista and Server 2008 (KB 812873)",
        ]
    );
    let refused = tried(&[(&keys::PRESET, "windows-10"), (&keys::MAX_USER_PORT, "5000")], "").unwrap_err();
    assert!(refused[0].is_error() && refused[0].message.ends_with("(KB 929851)"), "{refused:?}");
}

/// `netsh int ipv4 set dynamicport tcp start=N num=M`: the range is N to N + M - 1, or what is
/// wrong.
#[test]
fn dynamic_ranges_of_vista() {
    const LOW: Result<&str, &str> = Err("a dynamic range begins at port 1025 or above (KB 929851)");
    const SMALL: Result<&str, &str> = Err("a dynamic range has at least 255 ports (KB 929851)");
    const HIGH: Result<&str, &str> = Err("the range would end above port 65535");
    for (start, num, expected, source) in [
        (49152, 16384, Ok("49152-65535"), "KB 929851: the default"),
        (10000, 1000, Ok("10000-10999"), "KB 929851: the last port is start + num - 1"),
        (1025, 3976, Ok("1025-5000"), "KB 929851: as on Windows Server 2003"),
        (1025, 64510, Ok("1025-65534"), "seen on Windows 8.1"),
        (1025, 64511, Ok("1025-65535"), "KB 929851: the last port is at most 65535"),
        (1025, 64512, HIGH, "KB 929851: the last port is at most 65535"),
        (1025, 255, Ok("1025-1279"), "KB 929851: at least 255 ports"),
        (1025, 254, SMALL, "KB 929851: at least 255 ports"),
        (1025, 0, SMALL, "KB 929851: at least 255 ports"),
        (1024, 255, LOW, "KB 929851: start at 1025 or above"),
        (0, 65535, LOW, "KB 929851: start at 1025 or above"),
        (65281, 255, Ok("65281-65535"), "KB 929851"),
        (65282, 255, HIGH, "KB 929851"),
        (65536, 255, Err("a port is at most 65535"), "KB 929851"),
    ] {
        let line = format!("int ipv4 set dynamicport tcp start={start} num={num}");
        match (line.parse::<Command>(), expected) {
            (Ok(Command { scope, ask: Ask::Change(Change::SetDynamicPort, range), .. }), Ok(expected)) => {
                assert_eq!((scope, range.to_string().as_str()), (Scope::Tcp4, expected), "{line}: {source}");
            }
            (Err(error), Err(expected)) => assert_eq!(error.fault().problem, expected, "{line}: {source}"),
            (found, _) => panic!("{line}: {source}: {found:?}"),
        }
    }
}

/// The same limits where a policy names the range: whether it is taken, or what is said.
#[test]
fn dynamic_ranges_of_vista_in_a_policy() {
    const LOW: &str = "begins at 1025 or above (KB 929851)";
    const SMALL: &str = "has at least 255 (KB 929851)";
    for (range, said) in [
        ("1025-1279", ""),
        ("1024-1279", LOW),
        ("1024-2000", LOW),
        ("1025-1278", SMALL),
        ("65281-65535", ""),
        ("65282-65535", SMALL),
        ("50000", SMALL),
    ] {
        for name in ["windows-vista", "windows-2008", "windows-server-2008", "windows-7", "windows-11"] {
            let outcome = tried(&[(&keys::PRESET, name), (&keys::DYNAMIC, range)], "");
            match (&outcome, said) {
                (Ok(policy), "") => assert_eq!(allowed(policy), range, "{name}"),
                (Err(problems), _) if !said.is_empty() => {
                    assert!(problems.iter().any(|p| p.message.ends_with(said)), "{name} {range}: {problems:?}");
                }
                _ => panic!("{name} {range}: {outcome:?}"),
            }
        }
    }
}

/// KB 929851: the dynamic range is set for each protocol and each address family by itself.
#[test]
fn vista_has_four_ranges() {
    let text = "[dynamic]\ntcp4 = \"10000-10999\"\ntcp6 = \"20000-20999\"\nudp4 = \"30000-30254\"\n";
    let policy = resolved(&[(&keys::PRESET, "windows-vista"), (&keys::RESERVE, "10000-10009/tcp4")], text);
    let ports = Scope::ALL.map(|scope| policy.rules[0].scope(scope).allowed().to_string());
    assert_eq!(ports, ["10010-10999", "20000-20999", "30000-30254", "49152-65535"]);
    assert_eq!(class(&policy, "dynamic"), "10000-10999/tcp4 20000-20999/tcp6 30000-30254/udp4 49152-65535/udp6");
    assert_eq!(class(&policy, "excluded"), "10000-10009/tcp4");
    assert_eq!(class(&policy, "settable"), "1025-65535");
}
