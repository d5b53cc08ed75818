//! Every boundary of every model. Each row says where it is written down.

use portshim_policy::privileged::{PrivilegedOrder, PrivilegedRange};
use portshim_policy::text::{HostSettings, Layer, Problem, Resolved, Setting, reserved_range, resolve};
use portshim_policy::{Act, Class, DynamicError, Order, PortRanges, PortSet, Preset, RangeEnd, Scope};

const CABLE_GUY: &str = "The Cable Guy, December 2005";
const UP_TO_2003: [&str; 3] = ["windows-xp", "windows-2003", "windows-2003-sp1"];

fn tried(options: &[(Setting, &str)], text: &str) -> Result<Resolved, Vec<Problem>> {
    let mut asked = Layer::new();
    for (setting, value) in options {
        asked.option(*setting, value).unwrap_or_else(|problem| panic!("{problem}"));
    }
    let file = Layer::from_toml(text, "policy.toml")?;
    resolve(&[asked, file], &HostSettings::default())
}

fn resolved(options: &[(Setting, &str)], text: &str) -> Resolved {
    tried(options, text).unwrap_or_else(|problems| panic!("{options:?} {text}: {problems:#?}"))
}

fn preset(name: &str) -> Resolved {
    resolved(&[(Setting::Preset, name)], "")
}

fn classes(resolved: &Resolved) -> Vec<Class> {
    resolved.model.classes(resolved.rules.last().expect("there are rules for all programs"))
}

/// The ports of a class, as in a SPEC: one for each set of scopes.
fn class(resolved: &Resolved, name: &str) -> String {
    let parts: Vec<_> = (classes(resolved).into_iter())
        .filter(|class| class.name == name)
        .map(|class| match class.scopes.to_string().as_str() {
            "all" => class.ports.to_string(),
            scopes => format!("{}/{scopes}", class.ports),
        })
        .collect();
    parts.join(" ")
}

fn allowed(resolved: &Resolved) -> String {
    resolved.rules.last().expect("there are rules").scope(Scope::Tcp4).allowed().to_string()
}

/// The classes of Windows up to 2003 for each value of `MaxUserPort`: what it counts as, whether that is worth a
/// warning, then ephemeral, reservable, blockable without and with service pack 1.
#[test]
fn max_user_port() {
    const KB: &str = "KB 196271: 5000 to 65534, the nearest valid value otherwise";
    let both = "1025-65535";
    for (asked, counts, reservable, blockable, with_sp1, source) in [
        (None, 5000, "1025-5000,49152-65535", "5001-49151", "5001-65535", "KB 196271: default 0x1388"),
        (Some(0), 5000, "1025-5000,49152-65535", "5001-49151", "5001-65535", KB),
        (Some(4999), 5000, "1025-5000,49152-65535", "5001-49151", "5001-65535", KB),
        (Some(5000), 5000, "1025-5000,49152-65535", "5001-49151", "5001-65535", KB),
        (Some(5001), 5001, "1025-5001,49152-65535", "5002-49151", "5002-65535", KB),
        (Some(49149), 49149, "1025-49149,49152-65535", "49150-49151", "49150-65535", CABLE_GUY),
        (Some(49150), 49150, "1025-49150,49152-65535", "49151", "49151-65535", CABLE_GUY),
        (Some(49151), 49151, both, "none", "49152-65535", "The Cable Guy: MaxUserPort + 1 to 49151 is empty"),
        (Some(49152), 49152, both, "none", "49153-65535", "The Cable Guy: none where MaxUserPort is 49152 or above"),
        (Some(65533), 65533, both, "none", "65534-65535", CABLE_GUY),
        (Some(65534), 65534, both, "none", "65535", "The Cable Guy: with service pack 1 it is never empty"),
        (Some(65535), 65534, both, "none", "65535", KB),
        (Some(70000), 65534, both, "none", "65535", KB),
        (Some(u64::MAX), 65534, both, "none", "65535", KB),
    ] {
        for name in UP_TO_2003 {
            let text = asked.map(|asked| asked.to_string());
            let mut options = vec![(Setting::Preset, name)];
            options.extend(text.as_ref().map(|text| (Setting::MaxUserPort, text.as_str())));
            let policy = resolved(&options, "");
            let row = format!("{name}, MaxUserPort {asked:?} ({source})");
            assert_eq!(policy.model.max_user_port, Some(counts), "{row}");
            let clamped = asked.is_some_and(|asked| asked != u64::from(counts));
            assert_eq!(policy.warnings.len(), usize::from(clamped), "{row}");
            assert_eq!(allowed(&policy), format!("1025-{counts}"), "{row}");
            assert_eq!(class(&policy, "ephemeral"), format!("1025-{counts}"), "{row}");
            assert_eq!(class(&policy, "reservable"), reservable, "{row}");
            let expected = if name == "windows-2003-sp1" { with_sp1 } else { blockable };
            assert_eq!(class(&policy, "blockable"), expected, "{row}");
            assert_eq!(class(&policy, "well known"), "0-1023", "{row}");
            assert_eq!(class(&policy, "specific"), "0-65535", "{row}");
        }
    }
}

/// KB 196271 says 1024 to 5000; the Cable Guy, KB 929851 and the `bind` reference say 1025.
#[test]
fn port_1024_is_in_neither_class() {
    for name in UP_TO_2003 {
        let of_1024: Vec<_> =
            (classes(&preset(name)).into_iter()).filter(|class| class.ports.contains(1024)).map(|c| c.name).collect();
        assert_eq!(of_1024, ["specific"], "{name}");
    }
}

/// What may be asked for while programs run: the request, MaxUserPort, and whether each model takes it.
#[test]
fn what_may_be_reserved_and_blocked() {
    use Act::{Block, Reserve};
    const NOWHERE: [bool; 3] = [false; 3];
    const EVERYWHERE: [bool; 3] = [true; 3];
    const SP1_ALONE: [bool; 3] = [false, false, true];
    for (act, first, last, end, legal, source) in [
        (Reserve, 1024, 1024, 5000, NOWHERE, "The Cable Guy: reservable from 1025"),
        (Reserve, 1025, 5000, 5000, EVERYWHERE, CABLE_GUY),
        (Reserve, 5000, 5001, 5000, NOWHERE, "The Cable Guy: reservable up to MaxUserPort"),
        (Reserve, 5001, 49151, 5000, NOWHERE, CABLE_GUY),
        (Reserve, 49151, 49152, 5000, NOWHERE, "The Cable Guy: reservable from 49152"),
        (Reserve, 49152, 65535, 5000, EVERYWHERE, CABLE_GUY),
        (Reserve, 4000, 50000, 5000, NOWHERE, "The Cable Guy: one request, one interval"),
        (Reserve, 49150, 49152, 49150, NOWHERE, "The Cable Guy: 49151 is in neither interval"),
        (Reserve, 49150, 49152, 49151, EVERYWHERE, "two intervals that touch, taken together"),
        (Reserve, 1025, 65535, 65534, EVERYWHERE, "two intervals that overlap, taken together"),
        (Block, 5000, 5001, 5000, NOWHERE, "The Cable Guy: blockable from MaxUserPort + 1"),
        (Block, 5001, 49151, 5000, EVERYWHERE, CABLE_GUY),
        (Block, 49151, 49152, 5000, SP1_ALONE, "The Cable Guy: 49151, and 65535 with service pack 1"),
        (Block, 49152, 65535, 49151, SP1_ALONE, "The Cable Guy: none up to 49151 are left"),
        (Block, 65535, 65535, 65534, SP1_ALONE, CABLE_GUY),
        (Block, 65534, 65535, 65534, NOWHERE, CABLE_GUY),
        (Block, 80, 80, 5000, NOWHERE, CABLE_GUY),
    ] {
        let range = portshim_policy::PortRange::new(first, last).expect("first and last");
        let end = end.to_string();
        for (name, expected) in UP_TO_2003.into_iter().zip(legal) {
            let policy = resolved(&[(Setting::Preset, name), (Setting::MaxUserPort, &end)], "");
            assert_eq!(policy.legal.allows(act, range), expected, "{name} {act:?} {range}, {end}: {source}");
        }
    }
}

/// With service pack 1 a port may be both, without it none is (The Cable Guy).
#[test]
fn reservable_and_blockable_overlap_with_service_pack_1() {
    for end in ["5000", "20000", "49150", "49151", "65534"] {
        for name in UP_TO_2003 {
            let policy = resolved(&[(Setting::Preset, name), (Setting::MaxUserPort, end)], "");
            let ports = |act| policy.legal.intervals(act).collect::<PortSet>();
            let (reservable, mut both) = (ports(Act::Reserve), ports(Act::Block));
            let blockable = both.len();
            both.subtract(&reservable);
            assert_eq!(both.len() < blockable, name == "windows-2003-sp1", "{name} {end}");
        }
    }
}

/// `ReservedPorts`: each line, what it means or that it is refused (KB 812873: x-y, one port as 4000-4000).
#[test]
fn reserved_ports_in_the_registry() {
    for (line, expected) in [
        ("4000-4010", Some("4000-4010")),
        ("4000-4000", Some("4000")),
        ("1-65535", Some("1-65535")),
        ("4000", None),
        ("4010-4000", None),
        ("0-4000", None),
        ("4000-65536", None),
        ("", None),
        ("4000-", None),
        ("a-b", None),
    ] {
        assert_eq!(
            reserved_range(line).ok().map(|range| range.to_string()).as_deref(),
            expected,
            "{line:?}: KB 812873"
        );
    }
}

/// KB 812873: lines that name neighbouring ports may not all be heard; here they are one entry.
#[test]
fn adjacent_entries_are_merged() {
    let lines = "windows.reserved-ports = [\"4000-4000\", \"4001-4001\", \"4002-4009\", \"4005-4012\", \"4500-4500\"]";
    for name in UP_TO_2003 {
        let policy = resolved(&[(Setting::Preset, name)], lines);
        let reserved = &policy.rules[0].scope(Scope::Udp6).reserved;
        assert_eq!(reserved.to_string(), "4000-4012,4500", "{name}");
        assert_eq!(allowed(&policy), "1025-3999,4013-4499,4501-5000", "{name}");
    }
}

/// Since Vista, neither value of the registry is heard, and that is said, with the reason.
#[test]
fn what_vista_ignores() {
    let text = "[windows]\nmax-user-port = 5000\nreserved-ports = [\"50000-50009\"]\n";
    let policy = resolved(&[(Setting::Preset, "windows-vista")], text);
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
    let refused = tried(&[(Setting::Preset, "windows-10"), (Setting::MaxUserPort, "5000")], "").unwrap_err();
    assert!(refused[0].is_error() && refused[0].message.ends_with("(KB 929851)"), "{refused:?}");
}

/// `netsh int ipv4 set dynamicport tcp start=N num=M`: the range is N to N + M - 1 (KB 929851).
#[test]
fn dynamic_ranges_of_vista() {
    let limits = Preset::named("windows-vista").and_then(|preset| preset.dynamic.as_ref()).expect("Vista has limits");
    for (start, num, expected, source) in [
        (49152, 16384, Ok("49152-65535"), "KB 929851: the default"),
        (10000, 1000, Ok("10000-10999"), "KB 929851: the last port is start + num - 1"),
        (1025, 3976, Ok("1025-5000"), "KB 929851: as on Windows Server 2003"),
        (1025, 64510, Ok("1025-65534"), "seen on Windows 8.1"),
        (1025, 64511, Ok("1025-65535"), "KB 929851: the last port is at most 65535"),
        (1025, 64512, Err(DynamicError::EndsHigh), "KB 929851: the last port is at most 65535"),
        (1025, 255, Ok("1025-1279"), "KB 929851: at least 255 ports"),
        (1025, 254, Err(DynamicError::TooSmall), "KB 929851: at least 255 ports"),
        (1025, 0, Err(DynamicError::TooSmall), "KB 929851: at least 255 ports"),
        (1024, 255, Err(DynamicError::StartsLow), "KB 929851: start at 1025 or above"),
        (0, 65535, Err(DynamicError::StartsLow), "KB 929851: start at 1025 or above"),
        (65281, 255, Ok("65281-65535"), "KB 929851"),
        (65282, 255, Err(DynamicError::EndsHigh), "KB 929851"),
        (65536, 255, Err(DynamicError::EndsHigh), "KB 929851"),
        (u32::MAX, u32::MAX, Err(DynamicError::EndsHigh), "KB 929851"),
    ] {
        let range = limits.range(start, num).map(|range| range.to_string());
        assert_eq!(range.as_deref().map_err(|e| *e), expected, "start={start} num={num}: {source}");
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
            let outcome = tried(&[(Setting::Preset, name), (Setting::Range, range)], "");
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
    let policy = resolved(&[(Setting::Preset, "windows-vista"), (Setting::Reserve, "10000-10009/tcp4")], text);
    let ports = Scope::ALL.map(|scope| policy.rules[0].scope(scope).allowed().to_string());
    assert_eq!(ports, ["10010-10999", "20000-20999", "30000-30254", "49152-65535"]);
    assert_eq!(class(&policy, "dynamic"), "10000-10999/tcp4 20000-20999/tcp6 30000-30254/udp4 49152-65535/udp6");
    assert_eq!(class(&policy, "excluded"), "10000-10009/tcp4 none/tcp6+udp4+udp6");
    assert_eq!(class(&policy, "settable"), "1025-65535");
}

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
            let expected = if end.name().starts_with("low") { low } else { other };
            let mut ranges = PortRanges::FREEBSD;
            ranges.set(end, asked);
            assert_eq!(ranges.end(end), expected, "{} = {asked}", end.name());
        }
    }
    let text = "[freebsd]\nfirst = 80\nlowlast = 2000\nhilast = 50000\n";
    let policy = resolved(&[(Setting::Preset, "freebsd")], text);
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

/// The ranges of `[freebsd]`: what wildcard binds get, in which order, and what rresvport and bindresvport do.
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
        let policy = resolved(&[(Setting::Preset, "freebsd")], &format!("[freebsd]\n{text}\n"));
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

/// What the section takes for a value, and that it has no effect elsewhere.
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
        let problems = tried(&[(Setting::Preset, "freebsd")], &format!("[freebsd]\n{text}\n")).unwrap_err();
        assert_eq!(problems[0].message, said);
    }
    for other in Preset::ALL.iter().filter(|preset| preset.portrange.is_none()) {
        let policy = resolved(&[(Setting::Preset, other.name)], "[freebsd]\nlast = 20000\nrandomized = 0\n");
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
        let range = self::preset(preset.name).rules[0].privileged;
        let ends = |ports: Vec<u16>| [ports[0], ports[1], ports[ports.len() - 1]];
        assert_eq!(ends(range.rresvport(1023).collect()), rresvport, "{}: {source}", preset.name);
        assert_eq!(ends(range.bindresvport(424).collect()), bindresvport, "{}: {source}", preset.name);
    }
}

/// ip_unprivileged_port_start: the kernel takes it as long as the dynamic range does not begin below (EINVAL).
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
        let outcome = tried(&[(Setting::Preset, "linux")], &text);
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
        let below = policy.explain(start.max(1024) - 1, Scope::Tcp4).specific;
        assert_eq!(
            below,
            format!("a specific bind needs privilege, as for every port below {}", start.max(1024)),
            "{row}"
        );
        assert_eq!(policy.explain(start.max(1024), Scope::Udp6).specific, "a specific bind succeeds", "{row}");
    }
    // The preset's own range counts, too; where the setting says nothing, the kernel decides.
    let refused = tried(&[(Setting::Preset, "linux")], "linux.ip_unprivileged_port_start = 40000\n").unwrap_err();
    assert!(refused[0].message.contains("the range 32768-60999 of preset linux"), "{refused:?}");
    assert_eq!(preset("linux").rules[0].unprivileged_start, None);
    for text in ["-1", "65536"] {
        let problems = tried(&[], &format!("linux.ip_unprivileged_port_start = {text}\n")).unwrap_err();
        assert_eq!(problems[0].message, format!("`{text}`: this is not a port number"));
    }
    let elsewhere = resolved(&[(Setting::Preset, "bsd")], "linux.ip_unprivileged_port_start = 2000\n");
    assert_eq!(elsewhere.rules[0].unprivileged_start, None);
    assert_eq!(elsewhere.warnings[0].message, "`linux.ip_unprivileged_port_start` has no effect under preset bsd");
}

/// The classes of the models without settings (section and figure of each are in its source).
#[test]
fn fixed_classes() {
    for (name, rows) in [
        (
            "linux",
            vec![("privileged", "0-1023"), ("local", "32768-60999"), ("reserved", "none"), ("specific", "0-65535")],
        ),
        ("windows-vista", vec![("well known", "0-1023"), ("registered", "1024-49151"), ("dynamic", "49152-65535")]),
        ("bsd", vec![("reserved", "1-1023"), ("ephemeral", "1024-5000"), ("servers", "5001-65535")]),
        (
            "freebsd",
            vec![("privileged", "0-1023"), ("default", "10000-65535"), ("high", "49152-65535"), ("low", "600-1023")],
        ),
        ("iana", vec![("system", "0-1023"), ("user", "1024-49151"), ("dynamic", "49152-65535")]),
    ] {
        let policy = preset(name);
        for (row, ports) in rows {
            assert_eq!(class(&policy, row), ports, "{name}: {row}");
        }
    }
    for preset in Preset::ALL {
        let policy = resolved(&[(Setting::Preset, preset.name), (Setting::Block, "8080/tcp")], "");
        for class in classes(&policy) {
            assert!(!class.what.is_empty() && !class.source.is_empty(), "{}: {}", preset.name, class.name);
        }
        let specific = "0-8079,8081-65535/tcp 0-65535/udp";
        assert_eq!(class(&policy, "specific"), specific, "{}", preset.name);
    }
}
