//! Every boundary of every model. Each row says where it is written down.

mod models {
    mod second_binds;
    mod unix;
    mod vista;
    mod windows;
}

use portshim_policy::config::{HostSettings, Key, Layer, Problem, Resolved, keys, resolve};
use portshim_policy::model::{Class, Preset};
use portshim_policy::ports::Scope;

fn tried(options: &[(&'static Key, &str)], text: &str) -> Result<Resolved, Vec<Problem>> {
    let mut asked = Layer::new();
    for (setting, value) in options {
        asked.option(setting, value).unwrap_or_else(|problem| panic!("{problem}"));
    }
    let file = Layer::from_toml(text, "policy.toml")?;
    resolve(&[asked, file], &HostSettings::default())
}

fn resolved(options: &[(&'static Key, &str)], text: &str) -> Resolved {
    tried(options, text).unwrap_or_else(|problems| panic!("{options:?} {text}: {problems:#?}"))
}

fn preset(name: &str) -> Resolved {
    resolved(&[(&keys::PRESET, name)], "")
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
        let policy = resolved(&[(&keys::PRESET, preset.name), (&keys::BLOCK, "8080/tcp")], "");
        for class in classes(&policy) {
            assert!(!class.what.is_empty() && !class.source.is_empty(), "{}: {}", preset.name, class.name);
        }
        let specific = "0-8079,8081-65535/tcp 0-65535/udp";
        assert_eq!(class(&policy, "specific"), specific, "{}", preset.name);
    }
}

/// A range that the policy puts in place of the model's own is told of, and the model's rows stay.
#[test]
fn a_policys_own_range_in_the_classes() {
    for (name, row, own, range, told) in [
        ("windows-xp", "ephemeral", "1025-5000", "4000-4999", "; here the policy hands out 4000-4999"),
        ("linux", "local", "32768-60999", "4000-4999/tcp", "; here the policy hands out 4000-4999/tcp"),
        ("freebsd", "default", "10000-65535", "4000/udp4", "; here the policy hands out 4000/udp4"),
        ("linux", "local", "32768-60999", "32768-60999", "wildcard binds get one of these"),
    ] {
        let policy = resolved(&[(&keys::PRESET, name), (&keys::DYNAMIC, range)], "");
        assert_eq!(class(&policy, row), own, "{name}");
        let what = classes(&policy).into_iter().find(|class| class.name == row).expect("it is there").what;
        assert!(what.ends_with(told), "{name}: {what}");
    }
}
