//! Nothing that anybody can write makes a parser panic, and what is written comes back as it was.

use portshim_policy::config::{
    HostSettings, Layer, Origin, Problem, keys, local_port_range, reserved_ports, reserved_range, resolve,
};
use portshim_policy::model::{Order, Preset, Sharing};
use portshim_policy::ports::spec::Spec;
use portshim_policy::ports::{PortRange, PortSet, Scope, ScopeSet};
use proptest::prelude::*;

/// Text made of the pieces that parsers look at, and of others.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece =
        prop_oneof![8 => prop::sample::select(pieces).prop_map(str::to_owned), 1 => ".{0,3}", 1 => "[0-9]{1,6}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const SPEC: &[&str] =
    &["1", "65535", "65536", "0", "80", "-", ",", "/", " ", "tcp", "udp6", "4", "ü", "0x", "\n", "\t"];
const FILE: &[&str] = &[
    "preset",
    "select",
    "sharing",
    "seed",
    "windows",
    "linux",
    "dynamic",
    "reserve",
    "block",
    "process",
    "match",
    "ports",
    "scope",
    "max-user-port",
    "reserved-ports",
    "ip_local_port_range",
    "ip_local_reserved_ports",
    "all",
    "tcp",
    "\"linux\"",
    "\"windows-xp\"",
    "\"4000-4999\"",
    "\"80\"",
    "\"1 2\"",
    "\"java*\"",
    "7",
    "-1",
    "0x1F",
    "1.5",
    "true",
    " = ",
    "=",
    "\n",
    "\r\n",
    "\n[",
    "]\n",
    "\n[[",
    "]]\n",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\u{feff}",
    "ü",
    "\u{0}",
    "\\",
    "2020-01-01",
];

/// What every problem has: words, a remedy, and a place that exists.
fn is_sound(problem: &Problem, text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!problem.message.is_empty() && !problem.help.is_empty());
    let shown = problem.to_string();
    prop_assert!(shown.contains("\nhelp:  "), "{shown}");
    if let Some(Origin::File { line, column, source, .. }) = problem.origin.as_deref() {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let written = text.split('\n').nth(line - 1).map(|l| l.trim_end_matches('\r'));
        prop_assert_eq!(written, Some(&**source));
        prop_assert!(*column <= source.chars().count() + 2, "{}", shown);
    }
    Ok(())
}

fn range() -> impl Strategy<Value = PortRange> {
    (1u16.., 1u16..).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap())
}

fn spec() -> impl Strategy<Value = Spec> {
    let scopes = prop::sample::select(&ScopeSet::NAMES[..]).prop_map(|(_, scopes)| scopes);
    (prop::collection::vec(range(), 1..5), scopes).prop_map(|(ports, scopes)| Spec { ports, scopes })
}

fn set(specs: &[Spec], scope: Scope) -> PortSet {
    specs.iter().filter(|s| s.scopes.contains(scope)).flat_map(|s| s.ports.iter().copied()).collect()
}

proptest! {
    #[test]
    fn no_spec_panics(text in pieces(SPEC)) {
        match text.parse::<Spec>() {
            Ok(spec) => prop_assert_eq!(spec.to_string().parse::<Spec>(), Ok(spec)),
            Err(e) => prop_assert!(text[e.at..].starts_with(&e.part), "{:?} {:?}", text, e),
        }
        for (key, option) in keys::options() {
            if let Err(problem) = Layer::new().option(key, &text) {
                is_sound(&problem, "")?;
                let start = format!("error: {}", option.name);
                prop_assert!(problem.to_string().starts_with(&start), "{}", problem);
            }
            for problem in Layer::new().variable(key, &text).err().into_iter().flatten() {
                is_sound(&problem, "")?;
            }
        }
    }

    #[test]
    fn no_setting_of_a_system_panics(text in pieces(SPEC)) {
        let errors = [local_port_range(&text).err(), reserved_ports(&text).err(), reserved_range(&text).err()];
        for e in errors.into_iter().flatten() {
            prop_assert!(text[e.at..].starts_with(&e.part), "{:?} {:?}", text, e);
            prop_assert!(!e.remedy.is_empty());
        }
    }

    #[test]
    fn no_file_panics(text in pieces(FILE)) {
        match Layer::from_toml(&text, "policy.toml") {
            Ok(layer) => match resolve(&[layer], &HostSettings::default()) {
                Ok(resolved) => {
                    let shown = serde_json::to_string(&resolved.show());
                    prop_assert!(shown.is_ok());
                    for problem in &resolved.warnings {
                        is_sound(problem, &text)?;
                    }
                }
                Err(problems) => {
                    prop_assert!(problems.iter().any(Problem::is_error));
                    for problem in &problems {
                        is_sound(problem, &text)?;
                    }
                }
            },
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in &problems {
                    is_sound(problem, &text)?;
                }
            }
        }
    }

    #[test]
    fn a_spec_comes_back(spec in spec()) {
        prop_assert_eq!(spec.to_string().parse(), Ok(spec));
    }

    #[test]
    fn what_the_kernel_prints_comes_back(ranges in prop::collection::vec(range(), 0..6), end in "[,\n]?") {
        let set: PortSet = ranges.into_iter().collect();
        let printed = if set.is_empty() { String::new() } else { format!("{set}{end}") };
        let read: PortSet = reserved_ports(&printed).unwrap().into_iter().collect();
        prop_assert_eq!(read, set);
    }

    /// A file written from values says what the same values say as options.
    #[test]
    fn a_file_says_what_options_say(
        preset in prop::sample::select(&["host", "linux", "bsd", "freebsd", "iana"][..]),
        order in prop::sample::select(Order::ALL),
        sharing in prop::sample::select(Sharing::ALL),
        seed in any::<u64>(),
        dynamic in prop::sample::subsequence(&ScopeSet::NAMES[..], 0..9).prop_flat_map(|names| {
            let len = names.len();
            (Just(names), prop::collection::vec(prop::collection::vec(range(), 1..4), len))
        }),
        reserve in prop::collection::vec(spec(), 0..4),
        block in prop::collection::vec(spec(), 0..4),
        ending in prop::sample::select(&["\n", "\r\n"][..]),
        mark in prop::sample::select(&["", "\u{feff}"][..]),
    ) {
        let dynamic: Vec<_> = std::iter::zip(dynamic.0, dynamic.1).map(|((_, scopes), ports)| Spec { ports, scopes }).collect();
        let mut lines = vec![
            format!("preset = \"{preset}\""), format!("select = \"{order}\""), format!("sharing = '{sharing}'"),
            format!("seed = {seed}"), "[dynamic]".into(),
        ];
        let mut options = Layer::new();
        let mut add = |setting, value: &str| options.option(setting, value).unwrap();
        add(&keys::PRESET, preset);
        add(&keys::SELECT, order.into());
        add(&keys::SHARING, sharing.into());
        add(&keys::SEED, &seed.to_string());
        for spec in &dynamic {
            let ports = Spec { scopes: ScopeSet::ALL, ports: spec.ports.clone() };
            lines.push(format!("{} = \"{ports}\"", spec.scopes));
            add(&keys::DYNAMIC, &spec.to_string());
        }
        for (name, specs, setting) in [("reserve", &reserve, &keys::RESERVE), ("block", &block, &keys::BLOCK)] {
            for spec in specs {
                let ports = Spec { scopes: ScopeSet::ALL, ports: spec.ports.clone() };
                lines.extend([format!("[[{name}]]"), format!("ports = \"{ports}\""), format!("scope = \"{}\"", spec.scopes)]);
                add(setting, &spec.to_string());
            }
        }
        let text = format!("{mark}{}", lines.join(ending));
        let file = Layer::from_toml(&text, "policy.toml").unwrap();
        let host = HostSettings::default();
        match (resolve(&[file], &host), resolve(&[options], &host)) {
            (Ok(file), Ok(options)) => {
                prop_assert_eq!(&file.rules, &options.rules);
                prop_assert_eq!(file.preset.value, Preset::named(preset).unwrap());
                for scope in Scope::ALL {
                    prop_assert_eq!(&file.rules[0].scope(scope).reserved, &set(&reserve, scope));
                    prop_assert_eq!(&file.rules[0].scope(scope).blocked, &set(&block, scope));
                }
            }
            (Err(file), Err(options)) => prop_assert_eq!(file.len(), options.len()),
            (file, options) => prop_assert!(false, "{:?} {:?}", file.is_ok(), options.is_ok()),
        }
    }
}

#[test]
fn a_place_past_the_end_of_its_line_is_the_end() {
    for text in ["\r\r\r\n", "preset = \r\r\n", "a\r\r"] {
        for problem in Layer::from_toml(text, "policy.toml").expect_err("a lone carriage return is no TOML") {
            is_sound(&problem, text).unwrap();
        }
    }
}

/// A row is all that a key needs: its example is read, and what it asks for is written and read
/// again.
#[test]
fn every_row_of_the_keys_is_complete() {
    for section in keys::SECTIONS {
        for key in section.keys.iter().filter(|key| key.example.contains('=')) {
            let text = match section.heading {
                "[[process]]" if key.name != "match" => format!("[[process]]\nmatch = \"a\"\n{}\n", key.example),
                heading => format!("{heading}\n{}\n", key.example),
            };
            let layer =
                Layer::from_toml(&text, "policy.toml").unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
            assert!(layer != Layer::new(), "{text}");
            let written = layer.to_toml();
            assert!(written.contains(&format!("{} = ", key.name)), "{written}");
            let again = Layer::from_toml(&written, "policy.toml").expect("it was written by us");
            let bare = |text: &str| {
                text.lines().filter_map(|l| l.split(" #").next()).map(str::trim).collect::<Vec<_>>().join("\n")
            };
            assert_eq!(bare(&again.to_toml()), bare(&written));
        }
    }
}
