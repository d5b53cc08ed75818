//! `portshim schema`: editors find right what portshim finds right, and most of what is wrong.

use super::sandbox::Sandbox;
use portshim_tests::programs::{must, source};
use portshim_tests::project;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What the schema has to say against these files.
fn mistakes(here: &Sandbox, files: &[PathBuf]) -> String {
    let schema = here.file("desk/portshim.schema.json", here.told(&["schema"]));
    must(Command::new("/usr/bin/python3").arg(source("cli/schema.py")).arg(schema).args(files))
}

#[test]
fn right_policies_are_right() {
    let here = Sandbox::new();
    let of = |folder: &str| {
        let entries = fs::read_dir(project().join(folder)).expect("it is there");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect::<Vec<_>>()
    };
    let all = [of("examples"), of("tests/samples/imported")].concat();
    assert!(all.len() > 10, "{all:?}");
    assert_eq!(mistakes(&here, &all), "");
    let every = "\
preset = \"windows-2000\"
reserve = [8080, \"4000-4999/tcp\", { ports = \"53\", scope = \"udp\" }]
block = 9000
select = \"random-start\"
sharing = \"exclusive\"
seed = 7
dynamic = { tcp4 = \"20000-20999\", 6 = 30000 }
windows = { max-user-port = 5000, reserved-ports = [\"4000-4000\"] }
freebsd = { first = 10000, randomized = 1 }

[linux]
ip_local_port_range = \"32768 60999\"

[[process]]
match = \"java*\"
dynamic.all = \"22000-22999\"

[[process]]
match = \"python*\"
seed = 3
";
    let every = here.file("desk/every.toml", every);
    // Parts of it hold under other presets, which is warned of.
    assert!(here.portshim(&["check", "every.toml"]).output().expect("it runs").status.success());
    assert_eq!(mistakes(&here, &[every]), "");
}

#[test]
fn mistakes_are_found_where_they_are() {
    let here = Sandbox::new();
    let file = |name: &str, text: &str| here.file(&format!("desk/{name}.toml"), text);
    let files = [
        file("a", "presset = \"linux\"\n"),
        file("b", "preset = \"windows-95\"\n"),
        file("c", "dynamic.tcp5 = \"1-2\"\n"),
        file("d", "reserve = 70000\n"),
        file("e", "[[process]]\nmatch = 5\nsharing = \"all\"\n"),
        file("f", "seed = \"seven\"\n"),
    ];
    assert_eq!(
        mistakes(&here, &files),
        "a.toml - additionalProperties\nb.toml preset enum\nc.toml dynamic additionalProperties\nd.toml reserve anyOf\n\
         e.toml process/0/match type\ne.toml process/0/sharing enum\nf.toml seed type\n"
    );
}
