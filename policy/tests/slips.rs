//! What somebody meant who wrote something else, and what has no effect.

use portshim_policy::config::{HostSettings, Key, Layer, keys, resolve};

fn preset(name: &str) -> Result<(), String> {
    Layer::new().option(&keys::PRESET, name).map_err(|problem| problem.help)
}

#[test]
fn presets() {
    for name in ["Windows-XP", "WINDOWS-10", "Linux"] {
        assert_eq!(preset(name), Ok(()), "{name}");
    }
    for (name, meant) in [
        ("win7", "windows-7"),
        ("Win10", "windows-10"),
        ("win2003", "windows-2003"),
        ("windows7", "windows-7"),
        ("vista", "windows-vista"),
        ("xp", "windows-xp"),
        ("windwos-2003", "windows-2003"),
    ] {
        assert_eq!(preset(name), Err(format!("did you mean `{meant}`?")), "{name}");
    }
    for name in ["windows", "win"] {
        let all = "write one of windows-xp, windows-2003, windows-2003-sp1, windows-vista";
        assert_eq!(preset(name), Err(all.to_owned()), "{name}");
    }
}

/// Words said of options over a file.
fn said(options: &[(&'static Key, &str)], file: &str) -> String {
    let mut layer = Layer::new();
    for (setting, value) in options {
        layer.option(setting, value).expect("it is a value");
    }
    let file = Layer::from_toml(file, "./portshim.toml").expect("it is a policy");
    let problems = match resolve(&[layer, file], &HostSettings::default()) {
        Ok(resolved) => resolved.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn limits_of_a_preset_from_elsewhere() {
    let small = said(&[(&keys::DYNAMIC, "20000-20009")], "preset = \"windows-vista\"\n");
    let error = "error: --range 20000-20009: 10 ports: the dynamic range of preset windows-vista (./portshim.toml, line 1) has at least 255 (KB 929851)\n";
    assert!(small.starts_with(error), "{small}");
}

#[test]
fn reservations_without_effect() {
    let warning = |of: &str, port| {
        format!(
            "warning: {of}{port}: this has no effect: it is not dynamic, and windows-xp reserves only ports of 1025-5000 and 49152-65535, with MaxUserPort 5000 (The Cable Guy, December 2005)\n"
        )
    };
    let xp = (&keys::PRESET, "windows-xp");
    let option = said(&[xp, (&keys::RESERVE, "6000")], "");
    assert!(option.starts_with(&warning("--reserve 6000: ", "6000")), "{option}");
    let registry = said(&[xp], "windows.reserved-ports = [\"6000-6000\"]\n");
    assert!(registry.starts_with(&warning("./portshim.toml:1:28: ", "6000")), "{registry}");
    // Dynamic ports can be reserved whatever the model says of others, and the other models have no
    // such rule.
    assert_eq!(said(&[xp, (&keys::DYNAMIC, "6000-6999"), (&keys::RESERVE, "6000")], ""), "");
    assert_eq!(said(&[(&keys::PRESET, "windows-vista"), (&keys::RESERVE, "6000")], ""), "");
}
