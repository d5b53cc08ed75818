//! `presets`, and `check` for programs to read.

use super::sandbox::Sandbox;

#[test]
fn a_check_for_programs_to_read() {
    let here = Sandbox::new();
    here.file("desk/good.toml", "dynamic.all = \"20000-20009\"\n");
    let good = "{\n  \"file\": \"good.toml\",\n  \"valid\": true,\n  \"problems\": []\n}\n";
    here.says(&["check", "--json", "good.toml"], 0, good, "");
    here.file("desk/bad.toml", "select = \"foo\"\ndynamic.tcp = \"9-4\"\n");
    let output = here.portshim(&["check", "--json", "bad.toml"]).output().expect("it runs");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(125), 0));
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "\"valid\": false",
        "\"line\": 1,\n        \"column\": 11\n      },\n      \"message\": \"`foo`: there is no such order\"",
        "\"line\": 2,\n        \"column\": 16\n      },\n      \"message\": \"`9-4`: the range 9-4 is reversed\"",
        "\"help\": \"write 4-9\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_presets() {
    let here = Sandbox::new();
    let table = here.told(&["presets"]);
    assert!(table.starts_with("preset            range        select        sharing    summary\nhost "), "{table}");
    assert!(table.contains("\nwindows-vista     49152-65535  sequential    exclusive  "), "{table}");
    let json = here.told(&["presets", "--json"]);
    for name in ["host", "linux", "windows-xp", "bsd", "freebsd", "iana"] {
        assert!(table.contains(&format!("\n{name} ")) && json.contains(&format!("\"name\": \"{name}\"")), "{json}");
    }
}
