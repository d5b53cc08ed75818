//! The house stands as it is planned: arrows between crates and between the wings of each run down
//! only, and no files of one crate import each other in a circle. The plans are in
//! `house/plans.rs`.

mod house {
    pub(crate) mod imports;
    mod made_up;
    pub(crate) mod plan;
    pub(crate) mod plans;
}

use house::imports::Sources;
use house::plans::PLANS;
use portshim_tests::project;
use std::collections::BTreeSet;
use std::path::Path;

/// The crates, lowest first, and which of the others each is made with.
const CRATES: &[(&str, &[&str])] = &[
    ("policy", &[]),
    ("mechanism", &["policy"]),
    ("shim", &["mechanism", "policy"]),
    ("freestanding", &["mechanism", "policy"]),
    ("supervisor", &["mechanism", "policy"]),
    ("injector", &["mechanism", "policy", "supervisor"]),
    ("bindings/rust", &[]),
    ("tests", &[]),
];

/// Reads all Rust files below a folder of the project.
fn read(folder: &Path, sources: &mut Sources) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = path.strip_prefix(project()).expect("it is in the project").to_string_lossy().into_owned();
            sources.insert(name, text);
        }
    }
}

#[test]
fn every_crate_is_as_planned() {
    let mut differences = Vec::new();
    for plan in PLANS {
        let mut sources = Sources::new();
        let root = project().join(plan.root);
        read(root.parent().expect("a file is in a folder"), &mut sources);
        differences.extend(plan.differences(&sources));
    }
    assert!(differences.is_empty(), "tests/tests/house/plans.rs differs:\n{}", differences.join("\n"));
}

#[test]
fn arrows_between_crates_run_down() {
    let mut below = BTreeSet::new();
    for (name, allowed) in CRATES {
        let manifest = project().join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
        let dependencies = text.lines().filter_map(|line| line.strip_prefix("portshim-"));
        let found: BTreeSet<_> = dependencies.filter_map(|line| line.split(['.', ' ', '=']).next()).collect();
        assert_eq!(found, allowed.iter().copied().collect(), "{name}/Cargo.toml");
        assert!(found.is_subset(&below), "{name} is made with what stands above it");
        below.insert(*name);
    }
    let manifest = std::fs::read_to_string(project().join("Cargo.toml")).expect("the workspace has one");
    let members = manifest.lines().find(|line| line.starts_with("members")).expect("it lists its members");
    let members: BTreeSet<_> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, below);
}

/// Columns that a line of a comment may take.
const WIDTH: usize = 100;

#[test]
fn no_line_of_a_comment_is_too_wide() {
    let mut sources = Sources::new();
    for (name, _) in CRATES {
        read(&project().join(name), &mut sources);
    }
    let mut wide = Vec::new();
    for (name, text) in &sources {
        let lines = text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("//"));
        wide.extend(
            lines.filter(|(line, _)| line.chars().count() > WIDTH).map(|(_, number)| format!("{name}:{number}")),
        );
    }
    assert!(wide.is_empty(), "comments above {WIDTH} columns:\n{}", wide.join("\n"));
}
