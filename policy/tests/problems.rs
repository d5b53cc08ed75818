//! What is said when a policy is wrong, to the letter.

mod problems {
    mod files;
    mod rules;
}

use portshim_policy::config::{HostSettings, Key, Layer, Problem, resolve};

fn said(problems: impl IntoIterator<Item = Problem>) -> String {
    problems.into_iter().map(|p| format!("{p}\n")).collect()
}

/// Words said of a file, in reading it or in resolving it.
fn file(text: &str) -> String {
    match Layer::from_toml(text, "policy.toml") {
        Err(problems) => said(problems),
        Ok(layer) => match resolve(&[layer], &HostSettings::default()) {
            Err(problems) => said(problems),
            Ok(resolved) => said(resolved.warnings),
        },
    }
}

/// Words said of options.
fn options(options: &[(&'static Key, &str)]) -> String {
    let mut layer = Layer::new();
    let problems: Vec<_> = options.iter().filter_map(|(setting, value)| layer.option(setting, value).err()).collect();
    if !problems.is_empty() {
        return said(problems);
    }
    match resolve(&[layer], &HostSettings::default()) {
        Err(problems) => said(problems),
        Ok(resolved) => said(resolved.warnings),
    }
}

#[track_caller]
fn same(actual: &str, expected: &str) {
    assert!(actual == expected.trim_start_matches('\n'), "expected:{expected}\nbut it said:\n{actual}");
}
