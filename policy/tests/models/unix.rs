//! Linux, FreeBSD, and the privileged ports of all.

use crate::{allowed, class, preset, resolved, tried};
use portshim_policy::config::keys;
use portshim_policy::model::rresvport::{PrivilegedOrder, PrivilegedRange};
use portshim_policy::model::{Order, PortRanges, Preset, RangeEnd};
use portshim_policy::ports::Scope;

/// The value of each end of FreeBSD's ranges, and what it counts as (in_pcb.c, RANGECHK).
#[test]
fn freebsds_clamps() {
    for (asked, low, other) in [
        (0u64, 1, 1024),
        (1, 1, 1024),
        (2, 2, 1024),
        (1022, 1022, 1024),
        (1023, 1023, 1024),
        (1024, 1023, 1024),
        (1025, 1023, 1025),
        (65534, 1023, 65534),
        (65535, 1023, 65535),
        (65536, 1023, 65535),
        (u64::MAX, 1023, 65535),
    ] {
        for end in RangeEnd::ALL {
            let expected = if end.to_string().starts_with("low") { low } else { other };
            let mut ranges = PortRanges::FREEBSD;
            ranges.set(end, asked);
            assert_eq!(ranges.end(end), expected, "{end} = {asked}");
        }
    }
    let text = "[freebsd]\nfirst = 80\nlowlast = 2000\nhilast = 50000\n";
    let policy = resolved(&[(&keys::PRESET, "freebsd")], text);
    let said: Vec<_> = policy.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "first 80 is outside 1024-65535, so it counts as 1024, as on FreeBSD (in_pcb.c, RANGECHK)",
            "lowlast 2000 is outside 1-1023, so it counts as 1023, as on FreeBSD (in_pcb.c, RANGECHK)",
        ]
    );
    let names = ["privileged", "default", "high", "low"];
    assert_eq!(names.map(|name| class(&policy, name)), ["0-1023", "1024-65535", "49152-50000", "1023"]);
}

/// The ranges of `[freebsd]`: what wildcard binds get, in which order, and what rresvport and
/// bindresvport do.
#[test]
fn freebsds_ranges() {
    use PrivilegedOrder::{Down, Up};
    for (text, ports, order, (high, low, privileged), source) in [
        ("", "10000-65535", Order::RandomStart, (1023, 600, Down), "ip(4): randomized is 1; low is 1023 down to 600"),
        ("first = 49152", "49152-65535", Order::RandomStart, (1023, 600, Down), "FreeBSD 4.6"),
        ("first = 1024\nlast = 5000\nrandomized = 0", "1024-5000", Order::Sequential, (1023, 600, Down), "FreeBSD 2"),
        ("first = 5000\nlast = 1024\nrandomized = 0", "1024-5000", Order::Descending, (1023, 600, Down), "counts down"),
        ("first = 5000\nlast = 1024", "1024-5000", Order::RandomStart, (1023, 600, Down), "the ends are swapped"),
        ("last = 20000\nrandomized = true", "10000-20000", Order::RandomStart, (1023, 600, Down), "ip(4)"),
        ("first = 2000\nlast = 2000\nrandomized = false", "2000", Order::Sequential, (1023, 600, Down), "ip(4)"),
        ("lowfirst = 700\nlowlast = 900", "10000-65535", Order::RandomStart, (900, 700, Up), "counts up"),
        ("lowfirst = 900\nlowlast = 700", "10000-65535", Order::RandomStart, (900, 700, Down), "counts down"),
    ] {
        let policy = resolved(&[(&keys::PRESET, "freebsd")], &format!("[freebsd]\n{text}\n"));
        assert_eq!(allowed(&policy), ports, "{text}: {source}");
        assert_eq!(class(&policy, "default"), ports, "{text}: {source}");
        assert_eq!(policy.rules[0].order, order, "{text}: {source}");
        assert_eq!(policy.rules[0].privileged, PrivilegedRange { high, low, order: privileged }, "{text}: {source}");
        assert!(policy.warnings.is_empty(), "{text}");
    }
    // A range by name overrides the section of its own layer, and `native` is the section's order.
    let text =
        "preset = \"freebsd\"\nselect = \"native\"\ndynamic.udp = \"3000\"\n[freebsd]\nlast = 10009\nrandomized = 0\n";
    let policy = resolved(&[], text);
    let ports = Scope::ALL.map(|scope| policy.rules[0].scope(scope).allowed().to_string());
    assert_eq!(ports, ["10000-10009", "10000-10009", "3000", "3000"]);
    assert_eq!(policy.rules[0].order, Order::Sequential);
}

/// Checks what the section takes for a value, and that it has no effect elsewhere.
#[test]
fn freebsds_section_is_read() {
    for (text, said) in [
        ("randomized = 2", "`freebsd.randomized` takes true or false, not an integer"),
        ("randomized = \"yes\"", "`freebsd.randomized` takes true or false, not a string"),
        ("first = \"1024\"", "`freebsd.first` takes an integer, not a string"),
        ("first = -1", "`-1`: this is not a port number"),
        ("frist = 1024", "`frist`: there is no such key under [freebsd]"),
        ("reservedhigh = 1023", "`reservedhigh`: there is no such key under [freebsd]"),
    ] {
        let problems = tried(&[(&keys::PRESET, "freebsd")], &format!("[freebsd]\n{text}\n")).unwrap_err();
        assert_eq!(problems[0].message, said);
    }
    for other in Preset::ALL.iter().filter(|preset| preset.portrange.is_none()) {
        let policy = resolved(&[(&keys::PRESET, other.name)], "[freebsd]\nlast = 20000\nrandomized = 0\n");
        let said: Vec<_> = policy.warnings.iter().map(|warning| warning.message.clone()).collect();
        let expected =
            ["last", "randomized"].map(|key| format!("`freebsd.{key}` has no effect under preset {}", other.name));
        assert_eq!(said, expected);
    }
}

/// What rresvport and bindresvport try first, second and last under each preset.
#[test]
fn privileged_ports() {
    const LIBC: &str = "glibc 2.36, as observed";
    for preset in Preset::ALL {
        let (rresvport, bindresvport, source) = match preset.name {
            "bsd" => ([1023, 1022, 513], [600, 601, 599], "Stevens, UNIX Network Programming, 2.9"),
            "freebsd" => ([1023, 1022, 600], [1023, 1022, 600], "FreeBSD ip(4): lowfirst 1023, lowlast 600"),
            _ => ([1023, 1022, 512], [600, 601, 599], LIBC),
        };
        let range = crate::preset(preset.name).rules[0].privileged;
        let ends = |ports: Vec<u16>| [ports[0], ports[1], ports[ports.len() - 1]];
        assert_eq!(ends(range.rresvport(1023).collect()), rresvport, "{}: {source}", preset.name);
        assert_eq!(ends(range.bindresvport(424).collect()), bindresvport, "{}: {source}", preset.name);
    }
}

/// ip_unprivileged_port_start: the kernel takes it as long as the dynamic range does not begin
/// below (EINVAL).
#[test]
fn unprivileged_ports_of_linux() {
    for (start, range, taken) in [
        ("0", "32768 60999", true),
        ("80", "32768 60999", true),
        ("1024", "1024 65535", true),
        ("1025", "1024 65535", false),
        ("32768", "32768 60999", true),
        ("32769", "32768 60999", false),
        ("65535", "65535 65535", true),
        ("65535", "32768 60999", false),
    ] {
        let text = format!("[linux]\nip_unprivileged_port_start = {start}\nip_local_port_range = \"{range}\"\n");
        let outcome = tried(&[(&keys::PRESET, "linux")], &text);
        let row = format!("{start}, {range}: observed on Linux 6.18");
        let Ok(policy) = outcome else {
            let problems = outcome.unwrap_err();
            assert!(!taken && problems[0].message.contains("the kernel refuses this (EINVAL)"), "{row}: {problems:?}");
            continue;
        };
        assert!(taken, "{row}");
        let start: u16 = start.parse().expect("a port");
        assert_eq!(policy.rules[0].unprivileged_start, Some(start), "{row}");
        // The host that the tests speak of has 1024, and a policy grants nothing.
        assert_eq!(policy.model.unprivileged_start, start.max(1024), "{row}");
        assert_eq!(class(&policy, "privileged"), format!("0-{}", start.max(1024) - 1), "{row}");
        assert_eq!(policy.warnings.len(), usize::from(start < 1024), "{row}");
        let below = policy.explain_under(usize::MAX, start.max(1024) - 1, Scope::Tcp4).specific;
        assert_eq!(
            below,
            format!("a specific bind needs privilege, as for every port below {}", start.max(1024)),
            "{row}"
        );
        assert_eq!(
            policy.explain_under(usize::MAX, start.max(1024), Scope::Udp6).specific,
            "a specific bind succeeds",
            "{row}"
        );
    }
    // The preset's own range counts, too; where the setting says nothing, the kernel decides.
    let refused = tried(&[(&keys::PRESET, "linux")], "linux.ip_unprivileged_port_start = 40000\n").unwrap_err();
    assert!(refused[0].message.contains("the range 32768-60999 of preset linux"), "{refused:?}");
    assert_eq!(preset("linux").rules[0].unprivileged_start, None);
    for text in ["-1", "65536"] {
        let problems = tried(&[], &format!("linux.ip_unprivileged_port_start = {text}\n")).unwrap_err();
        assert_eq!(problems[0].message, format!("`{text}`: this is not a port number"));
    }
    let elsewhere = resolved(&[(&keys::PRESET, "bsd")], "linux.ip_unprivileged_port_start = 2000\n");
    assert_eq!(elsewhere.rules[0].unprivileged_start, None);
    assert_eq!(elsewhere.warnings[0].message, "`linux.ip_unprivileged_port_start` has no effect under preset bsd");
}
