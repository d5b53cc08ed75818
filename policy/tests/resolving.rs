//! Precedence of sources, what they come to, and what is said of it.

use portshim_policy::config::{Class, HostSettings, Key, Layer, Origin, Resolved, keys, resolve};
use portshim_policy::model::{Order, Preset, Sharing};
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};

fn options(options: &[(&'static Key, &str)]) -> Layer {
    let mut layer = Layer::new();
    for (setting, value) in options {
        layer.option(setting, value).unwrap_or_else(|problem| panic!("{problem}"));
    }
    layer
}

fn variables(variables: &[(&'static Key, &str)]) -> Layer {
    let mut layer = Layer::new();
    for (setting, value) in variables {
        layer.variable(setting, value).unwrap_or_else(|problems| panic!("{problems:?}"));
    }
    layer
}

fn file(text: &str) -> Layer {
    Layer::from_toml(text, "policy.toml").unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn host() -> HostSettings {
    HostSettings {
        port_ranges: [PortRange::new(40000, 40099).unwrap(); 4],
        reserved: [const { PortRange::single(40050) }; 4].map(PortSet::from),
        unprivileged_start: 1024,
        ..HostSettings::default()
    }
}

fn resolved(layers: &[Layer]) -> Resolved {
    resolve(layers, &host()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Ports that a wildcard bind may get under the last rules.
fn allowed(resolved: &Resolved, scope: Scope) -> String {
    resolved.rules.last().unwrap().scope(scope).allowed().to_string()
}

/// Windows has a dynamic range, and excluded ports, for each transport and family.
#[test]
fn settings_of_the_host_may_differ_by_scope() {
    let range = |first| PortRange::new(first, first + 99).unwrap();
    let mut host = HostSettings { port_ranges: [20000, 24000, 22000, 24000].map(range), ..HostSettings::default() };
    host.reserved[Scope::Udp4.index()] = PortSet::from(range(22050));
    let resolved = resolve(&[], &host).unwrap();
    let expected = ["20000-20099", "24000-24099", "22000-22049", "24000-24099"];
    assert_eq!(Scope::ALL.map(|scope| allowed(&resolved, scope)), expected);
    let ranged = resolve(&[options(&[(&keys::DYNAMIC, "22000-22099/udp")])], &host).unwrap();
    let expected = ["20000-20099", "24000-24099", "22000-22049", "22000-22099"];
    assert_eq!(Scope::ALL.map(|scope| allowed(&ranged, scope)), expected);
}

const EXAMPLE: &str = r#"
preset  = "windows-2003-sp1"     # everything below overrides it
select  = "sequential"
sharing = "exclusive"
seed    = 7

[windows]
max-user-port  = 5000
reserved-ports = ["4000-4000", "4500-4510"]       # the registry's own syntax

[linux]
ip_local_port_range     = "32768 60999"
ip_local_reserved_ports = "8080,9148,10000-10100"

[dynamic]                        # any of: all, tcp, udp, 4, 6, tcp4, tcp6, udp4, udp6
tcp = "10000-10999"

[[reserve]]
ports = "4000-4010"
scope = "tcp"

[[block]]
ports = "8080"

[[process]]                      # per-process rules: the first that matches the executable's name wins
match = "java*"
dynamic.all = "20000-20999"
"#;

#[test]
fn the_file_of_the_documentation() {
    let resolved = resolved(&[file(EXAMPLE)]);
    assert_eq!(resolved.preset.value.name, "windows-2003-sp1");
    assert_eq!(allowed(&resolved, Scope::Tcp4), "10000-10999");
    assert_eq!(allowed(&resolved, Scope::Udp6), "1025-3999,4001-4499,4511-5000");
    let [java, rest] = &resolved.rules[..] else { panic!("two sets of rules") };
    assert_eq!((java.matches.as_deref(), rest.matches.as_deref()), (Some("java*"), None));
    for rules in [java, rest] {
        assert_eq!((rules.order, rules.sharing, rules.seed), (Order::Sequential, Sharing::Exclusive, Some(7)));
        assert_eq!(rules.scope(Scope::Udp4).blocked.to_string(), "8080");
    }
    assert_eq!(java.scope(Scope::Udp4).dynamic.to_string(), "20000-20999");
    assert_eq!(java.scope(Scope::Tcp6).reserved.to_string(), "4000-4010,4500-4510");
    let said: Vec<_> = resolved.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`linux.ip_local_port_range` has no effect under preset windows-2003-sp1",
            "`linux.ip_local_reserved_ports` has no effect under preset windows-2003-sp1",
        ]
    );
}

#[test]
fn each_preset_alone() {
    for (name, ports, order, sharing) in [
        ("host", "40000-40049,40051-40099", Order::Native, Sharing::Tuple),
        ("linux", "32768-60999", Order::Native, Sharing::Tuple),
        ("windows-xp", "1025-5000", Order::Sequential, Sharing::Exclusive),
        ("windows-2003", "1025-5000", Order::Sequential, Sharing::Exclusive),
        ("windows-2003-sp1", "1025-5000", Order::Sequential, Sharing::Exclusive),
        ("windows-vista", "49152-65535", Order::Sequential, Sharing::Exclusive),
        ("windows-11", "49152-65535", Order::Sequential, Sharing::Exclusive),
        ("bsd", "1024-5000", Order::Sequential, Sharing::Tuple),
        ("freebsd", "10000-65535", Order::RandomStart, Sharing::Tuple),
        ("iana", "49152-65535", Order::RandomStart, Sharing::Tuple),
    ] {
        let resolved = resolved(&[options(&[(&keys::PRESET, name)])]);
        for scope in Scope::ALL {
            assert_eq!(allowed(&resolved, scope), ports, "{name}");
        }
        let rules = &resolved.rules[0];
        assert_eq!((rules.order, rules.sharing, rules.seed), (order, sharing, None), "{name}");
        assert!(resolved.warnings.is_empty(), "{name}");
    }
    assert_eq!(resolved(&[]).preset.value.name, "host");
    assert_eq!(allowed(&resolved(&[]), Scope::Udp4), "40000-40049,40051-40099");
}

#[test]
fn option_before_environment_before_file_before_preset() {
    let layers = [
        options(&[(&keys::DYNAMIC, "20000-20009/tcp"), (&keys::SEED, "1")]),
        variables(&[(&keys::DYNAMIC, "21000-21009/4"), (&keys::SEED, "2"), (&keys::SELECT, "hash")]),
        file(
            "seed = 3\nselect = \"random\"\nsharing = \"exclusive\"\n[dynamic]\nall = \"22000-22009\"\nudp4 = \"5000\"\n",
        ),
    ];
    let resolved = resolved(&layers);
    let ports = Scope::ALL.map(|scope| allowed(&resolved, scope));
    assert_eq!(ports, ["20000-20009", "20000-20009", "21000-21009", "22000-22009"]);
    let rules = &resolved.rules[0];
    assert_eq!((rules.seed, rules.order, rules.sharing), (Some(1), Order::Hash, Sharing::Exclusive));
}

#[test]
fn reserved_and_blocked_ports_of_all_layers_add_up() {
    let layers = [
        options(&[(&keys::RESERVE, "40001"), (&keys::RESERVE, "40002/udp"), (&keys::BLOCK, "40010")]),
        variables(&[(&keys::RESERVE, "40003 40004/tcp"), (&keys::BLOCK, " ")]),
        file("reserve = [\"40005\", { ports = 40006, scope = \"6\" }]\nlinux.ip_local_reserved_ports = \"40007,\"\n"),
    ];
    let resolved = resolved(&layers);
    assert_eq!(resolved.rules[0].scope(Scope::Tcp4).reserved.to_string(), "40001,40003-40005,40007,40050");
    assert_eq!(resolved.rules[0].scope(Scope::Udp6).reserved.to_string(), "40001-40003,40005-40007,40050");
    assert_eq!(resolved.rules[0].scope(Scope::Udp4).blocked.to_string(), "40010");
}

#[test]
fn inside_a_layer_the_narrower_scope_wins_and_equals_add_up() {
    let layer = options(&[
        (&keys::DYNAMIC, "1100-1199"),
        (&keys::DYNAMIC, "1200-1299"),
        (&keys::DYNAMIC, "1300-1399/udp"),
        (&keys::DYNAMIC, "1400-1499/6"),
        (&keys::DYNAMIC, "1500-1599/tcp4"),
    ]);
    let resolved = resolved(&[layer]);
    let ports = Scope::ALL.map(|scope| allowed(&resolved, scope));
    assert_eq!(ports, ["1500-1599", "1400-1499", "1300-1399", "1300-1499"]);
}

#[test]
fn max_user_port_is_a_range_for_all_scopes_that_any_other_range_of_its_layer_overrides() {
    let text = "preset = \"windows-xp\"\nwindows.max-user-port = 6000\ndynamic.udp = \"7000-7999\"\n";
    let ports = |layers: &[Layer]| Scope::ALL.map(|scope| allowed(&resolved(layers), scope));
    assert_eq!(ports(&[file(text)]), ["1025-6000", "1025-6000", "7000-7999", "7000-7999"]);
    assert_eq!(ports(&[options(&[(&keys::MAX_USER_PORT, "8000")]), file(text)]), ["1025-8000"; 4]);
}

#[test]
fn max_user_port_counts_as_the_nearest_valid_value() {
    for (asked, taken) in
        [("0", 5000), ("4999", 5000), ("5000", 5000), ("65534", 65534), ("65535", 65534), ("99999999999", 65534)]
    {
        let resolved = resolved(&[options(&[(&keys::PRESET, "windows-2003"), (&keys::MAX_USER_PORT, asked)])]);
        assert_eq!(allowed(&resolved, Scope::Tcp4), format!("1025-{taken}"), "{asked}");
        assert_eq!(resolved.warnings.len(), usize::from(asked.parse() != Ok(taken)), "{asked}");
    }
}

#[test]
fn the_linux_section_stands_for_the_hosts_range() {
    let text = "linux.ip_local_port_range = \"33000 33099\"\nlinux.ip_local_reserved_ports = \"33010-33019\"\n";
    assert_eq!(allowed(&resolved(&[file(text)]), Scope::Tcp6), "33000-33009,33020-33099");
    let narrower = format!("{text}dynamic.udp = \"1100\"\n");
    assert_eq!(allowed(&resolved(&[file(&narrower)]), Scope::Udp6), "1100");
}

#[test]
fn a_process_inherits_overrides_and_adds() {
    let text = r#"
        select = "hash"
        seed = 1
        reserve = "40001"
        [[process]]
        match = "java*"
        seed = 2
        sharing = "exclusive"
        dynamic.tcp = "1100-1199"
        reserve = "1101"
        [[process.block]]
        ports = "1102"
        scope = "tcp4"
        [[process]]
        match = "node"
    "#;
    let resolved = resolved(&[file(text)]);
    let [java, node, rest] = &resolved.rules[..] else { panic!("three sets of rules") };
    assert_eq!((java.order, java.seed, java.sharing), (Order::Hash, Some(2), Sharing::Exclusive));
    assert_eq!(java.scope(Scope::Tcp4).allowed().to_string(), "1100,1103-1199");
    assert_eq!(java.scope(Scope::Udp4).allowed().to_string(), "40000,40002-40049,40051-40099");
    assert_eq!(java.scope(Scope::Udp4).reserved.to_string(), "1101,40001,40050");
    assert_eq!(
        (node.order, node.seed, node.sharing, &node.scopes),
        (rest.order, rest.seed, rest.sharing, &rest.scopes)
    );
    assert_eq!((node.matches.as_deref(), rest.matches.as_deref()), (Some("node"), None));
    assert_eq!((rest.seed, rest.sharing), (Some(1), Sharing::Tuple));
}

#[test]
fn a_higher_source_overrides_the_processes_of_a_lower_one() {
    let text =
        "[[process]]\nmatch = \"java\"\nseed = 2\nselect = \"hash\"\ndynamic.all = \"1100-1199\"\nblock = \"30000\"\n";
    let resolved = resolved(&[options(&[(&keys::DYNAMIC, "30000-30009/udp"), (&keys::SEED, "1")]), file(text)]);
    let java = &resolved.rules[0];
    assert_eq!((java.seed, java.order), (Some(1), Order::Hash));
    assert_eq!(java.scope(Scope::Tcp4).allowed().to_string(), "1100-1199");
    assert_eq!(java.scope(Scope::Udp4).allowed().to_string(), "30001-30009");
}

#[test]
fn native_means_the_presets_own_order() {
    for preset in Preset::ALL {
        let layer = options(&[(&keys::PRESET, preset.name), (&keys::SELECT, "native")]);
        assert_eq!(resolved(&[layer]).rules[0].order, preset.native, "{}", preset.name);
    }
}

#[test]
fn explanations() {
    let resolved = resolved(&[options(&[(&keys::BLOCK, "10007/udp"), (&keys::PRESET, "windows-xp")]), file(EXAMPLE)]);
    let said = |port, scopes: &str| -> Vec<String> {
        let scopes = ScopeSet::named(scopes).unwrap();
        let all = resolved.explain_all(port, scopes);
        all.iter()
            .map(|e| format!("{}{e}", e.matches.as_ref().map_or(String::new(), |glob| format!("{glob}: "))))
            .collect()
    };
    assert_eq!(
        said(4000, "all"),
        [
            "4000/tcp: reserved by windows.reserved-ports (policy.toml, line 9) and reserve.ports (policy.toml, line 19): \
             a wildcard bind skips it; a specific bind succeeds",
            "4000/udp: reserved by windows.reserved-ports (policy.toml, line 9): \
             a wildcard bind skips it; a specific bind succeeds",
        ]
    );
    assert_eq!(
        said(8080, "all"),
        ["8080: blocked by block.ports (policy.toml, line 23): \
          a wildcard bind skips it; a specific bind is refused (EACCES)"]
    );
    assert_eq!(
        said(10007, "4"),
        [
            "java*: 10007/tcp4: not dynamic: outside 20000-20999 of process.dynamic.all (policy.toml, line 27): \
             a wildcard bind skips it; a specific bind succeeds",
            "java*: 10007/udp4: blocked by --block 10007/udp: \
             a wildcard bind skips it; a specific bind is refused (EACCES)",
            "10007/tcp4: dynamic: in 10000-10999 of dynamic.tcp (policy.toml, line 16): \
             a wildcard bind may get it; a specific bind succeeds",
            "10007/udp4: blocked by --block 10007/udp: \
             a wildcard bind skips it; a specific bind is refused (EACCES)",
        ]
    );
    assert_eq!(
        resolved.explain_under(usize::MAX, 22, Scope::Udp6).to_string(),
        "22/udp6: not dynamic: outside 1025-5000 of windows.max-user-port (policy.toml, line 8): \
         a wildcard bind skips it; a specific bind needs privilege, as for every port below 1024"
    );
    assert_eq!(resolved.explain_under(usize::MAX, 22, Scope::Udp6).class, Class::Outside);
    let host = self::resolved(&[]);
    assert_eq!(
        host.explain_under(usize::MAX, 40050, Scope::Tcp4).to_string(),
        "40050/tcp4: reserved by net.ipv4.ip_local_reserved_ports of this host: \
         a wildcard bind skips it; a specific bind succeeds"
    );
    assert_eq!(
        host.explain_under(usize::MAX, 40051, Scope::Tcp4).to_string(),
        "40051/tcp4: dynamic: in 40000-40099 of net.ipv4.ip_local_port_range of this host: \
         a wildcard bind may get it; a specific bind succeeds"
    );
}

#[test]
fn every_explanation_agrees_with_the_rules() {
    let resolved = resolved(&[file(EXAMPLE)]);
    for (index, rules) in resolved.rules.iter().enumerate() {
        for scope in Scope::ALL {
            let ports = rules.scope(scope);
            let allowed = ports.allowed();
            let edges = [&ports.dynamic, &ports.reserved, &ports.blocked].into_iter().flat_map(PortSet::runs);
            let near = edges.flat_map(|run| [run.first() - 1, run.first(), run.last(), run.last() + 1]);
            for port in near.chain([0, 1, u16::MAX]) {
                let explained = resolved.explain_under(index, port, scope);
                assert_eq!(explained.class == Class::Dynamic, allowed.contains(port), "{explained}");
                assert_eq!(explained.class == Class::Blocked, ports.blocked.contains(port), "{explained}");
                assert!(!explained.reasons.is_empty(), "{explained}");
            }
        }
    }
}

#[test]
fn show_as_json() {
    let layers = [options(&[(&keys::DYNAMIC, "20000-20009"), (&keys::RESERVE, "20003-20005/tcp")]), file("seed = 7\n")];
    let json = serde_json::to_value(resolved(&layers).show()).unwrap();
    assert_eq!(json["preset"], serde_json::json!({ "value": "host", "origin": { "kind": "default" } }));
    let rules = &json["rules"][0];
    assert_eq!(rules["match"], serde_json::Value::Null);
    assert_eq!(
        rules["seed"],
        serde_json::json!({
            "value": 7,
            "origin": { "kind": "file", "file": "policy.toml", "key": "seed", "line": 1, "column": 8 },
        })
    );
    assert_eq!(
        rules["select"],
        serde_json::json!({
            "value": "native",
            "origin": { "kind": "preset", "name": "host", "source": "the running kernel" },
        })
    );
    assert_eq!(
        rules["scopes"][0],
        serde_json::json!({
            "scope": "tcp4",
            "allowed": 7,
            "runs": "20000-20002,20006-20009",
            "dynamic": [{
                "ports": "20000-20009",
                "origin": { "kind": "option", "option": "--range", "value": "20000-20009" },
            }],
            "reserved": [
                {
                    "ports": "40050",
                    "origin": { "kind": "host", "setting": "net.ipv4.ip_local_reserved_ports" },
                },
                {
                    "ports": "20003-20005",
                    "origin": { "kind": "option", "option": "--reserve", "value": "20003-20005/tcp" },
                },
            ],
            "blocked": [],
        })
    );
    assert_eq!(rules["scopes"][3]["allowed"], 10);
    assert_eq!(json["warnings"], serde_json::json!([]));
}

#[test]
fn the_preset_of_a_higher_layer_wins_and_says_so() {
    let resolved = resolved(&[options(&[(&keys::PRESET, "iana")]), file("preset = \"bsd\"\n")]);
    assert_eq!(resolved.preset.value.name, "iana");
    assert_eq!(resolved.preset.origin, Origin::Option { option: "--preset", value: "iana".into() });
}
