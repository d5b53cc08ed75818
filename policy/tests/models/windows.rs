//! Windows up to Server 2003.

use crate::{allowed, class, classes, preset, resolved};
use portshim_policy::config::{keys, reserved_range};
use portshim_policy::model::Restriction;
use portshim_policy::ports::{PortSet, Scope};

const CABLE_GUY: &str = "The Cable Guy, December 2005";
const UP_TO_2003: [&str; 3] = ["windows-xp", "windows-2003", "windows-2003-sp1"];

/// The classes of Windows up to 2003 for each value of `MaxUserPort`: what it counts as, whether
/// that is worth a warning, then ephemeral, reservable, blockable without and with service pack 1.
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
            let mut options = vec![(&keys::PRESET, name)];
            options.extend(text.as_ref().map(|text| (&keys::MAX_USER_PORT, text.as_str())));
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

/// What may be asked for while programs run: the request, MaxUserPort, and whether each model takes
/// it.
#[test]
fn what_may_be_reserved_and_blocked() {
    use Restriction::{Block, Reserve};
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
        let range = portshim_policy::ports::PortRange::new(first, last).expect("first and last");
        let end = end.to_string();
        for (name, expected) in UP_TO_2003.into_iter().zip(legal) {
            let policy = resolved(&[(&keys::PRESET, name), (&keys::MAX_USER_PORT, &end)], "");
            assert_eq!(policy.legal.allows(act, range), expected, "{name} {act:?} {range}, {end}: {source}");
        }
    }
}

/// With service pack 1 a port may be both, without it none is (The Cable Guy).
#[test]
fn reservable_and_blockable_overlap_with_service_pack_1() {
    for end in ["5000", "20000", "49150", "49151", "65534"] {
        for name in UP_TO_2003 {
            let policy = resolved(&[(&keys::PRESET, name), (&keys::MAX_USER_PORT, end)], "");
            let ports = |act| policy.legal.intervals(act).collect::<PortSet>();
            let (reservable, mut both) = (ports(Restriction::Reserve), ports(Restriction::Block));
            let blockable = both.len();
            both.subtract(&reservable);
            assert_eq!(both.len() < blockable, name == "windows-2003-sp1", "{name} {end}");
        }
    }
}

/// `ReservedPorts`: each line, what it means or that it is refused (KB 812873: x-y, one port as
/// 4000-4000).
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
        let policy = resolved(&[(&keys::PRESET, name)], lines);
        let reserved = &policy.rules[0].scope(Scope::Udp6).reserved;
        assert_eq!(reserved.to_string(), "4000-4012,4500", "{name}");
        assert_eq!(allowed(&policy), "1025-3999,4013-4499,4501-5000", "{name}");
    }
}
