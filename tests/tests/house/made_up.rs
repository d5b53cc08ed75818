//! The checks themselves, on small made-up crates.

use super::imports::{SYSTEMS, Sources, imports};
use super::plan::Plan;
use std::collections::BTreeMap;

fn sources(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Imports as pairs of files, without where they stand.
fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut found = BTreeMap::new();
    for system in SYSTEMS {
        found.extend(imports(&sources(files), files[0].0, system));
    }
    found.into_keys().collect()
}

fn pair(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

const HOUSE: Plan =
    Plan { root: "src/lib.rs", wings: &[("ground", &[]), ("first", &["ground"]), ("", &["first", "ground"])] };
const ROOT: (&str, &str) = ("src/lib.rs", "mod ground; mod first; use first::stairs;");

#[test]
fn a_house_with_stairs_down_is_as_planned() {
    let first = ("src/first.rs", "use crate::ground::Stone; pub(crate) fn stairs() -> Stone { Stone }");
    let house = sources(&[ROOT, first, ("src/ground.rs", "pub(crate) struct Stone;")]);
    assert_eq!(HOUSE.differences(&house), Vec::<String>::new());
}

#[test]
fn an_arrow_that_runs_up_is_told_with_its_line() {
    let first = ("src/first.rs", "pub(crate) fn stairs() {}");
    let ground = ("src/ground.rs", "mod cellar;");
    let cellar = ("src/ground/cellar.rs", "\nfn up() {\n    crate::first::stairs();\n}");
    let house = sources(&[ROOT, first, ground, cellar]);
    let told = "src/lib.rs: ground/cellar.rs:3 imports crate::first::stairs of first.rs: \
                `ground` may not import `first`";
    assert_eq!(HOUSE.differences(&house), [told]);
}

#[test]
fn a_circle_is_told_with_the_shortest_way_around() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B; pub(crate) struct A;"),
        ("src/b.rs", "use super::{a::A, c}; pub(crate) struct B; fn f() { c::f() }"),
        ("src/c.rs", "pub(crate) fn f() { vec![crate::a::A]; }"),
    ];
    let plan = Plan { root: "src/lib.rs", wings: &[("", &[])] };
    let told = plan.differences(&sources(&files));
    assert_eq!(told.len(), 1, "{told:#?}");
    let expected = "src/lib.rs: 3 files import each other in a circle: [\"a.rs\", \"b.rs\", \"c.rs\"]\n    \
                    a.rs:1 imports crate::b::B of b.rs\n    b.rs:1 imports super::a::A of a.rs";
    assert_eq!(told[0], expected);
}

#[test]
fn a_plan_has_no_arrow_up_and_no_empty_wing() {
    let plan = Plan { wings: &[("ground", &["first"]), ("first", &["ground"]), ("attic", &[])], ..HOUSE };
    let first = ("src/first.rs", "use crate::ground::Stone; pub(crate) fn stairs() -> Stone { Stone }");
    let told = plan.differences(&sources(&[ROOT, first, ("src/ground.rs", "pub(crate) struct Stone;")]));
    assert!(told.iter().any(|line| line.contains("from `ground` to `first` does not run down")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("no file is in the plan's wing `attic`")), "{told:#?}");
}

/// A module that only declares and re-exports is passed through, be it by name or all at once.
#[test]
fn re_exports_lead_to_where_the_item_is() {
    for re_export in ["pub(crate) use deep::Thing;", "pub(crate) use deep::*;", "pub(crate) use self::deep::Thing;"] {
        let wing = format!("mod deep; mod user; {re_export}");
        let files = [
            ("lib.rs", "mod wing; pub use wing::Thing as Renamed;"),
            ("wing.rs", wing.as_str()),
            ("wing/deep.rs", "pub(crate) struct Thing;"),
            ("wing/user.rs", "use super::Thing; use crate::Renamed;"),
        ];
        let root = ("src/lib.rs", files[0].1);
        let placed: Vec<_> = files[1..].iter().map(|(path, text)| (format!("src/{path}"), *text)).collect();
        let mut all = vec![root];
        all.extend(placed.iter().map(|(path, text)| (path.as_str(), *text)));
        assert_eq!(pairs(&all), [pair("src/wing/user.rs", "src/wing/deep.rs")], "{re_export}");
    }
}

#[test]
fn paths_are_seen_wherever_they_stand() {
    for code in [
        "fn f() { crate::b::f() }",
        "fn f(_: super::b::T) {}",
        "impl crate::b::T {}",
        "fn f() { use crate::b; b::f() }",
        "use super::b; fn f() { b::f::<u8>() }",
        "use super::b as other; fn f() { println!(\"{}\", other::f()) }",
        "macro_rules! m { ($x:expr) => { $crate::b::f($x) } }",
        "fn f() { assert!(matches!(x, Some(crate::b::T))) }",
        "use super::*; fn f() { f2() }",
        "const N: [u8; crate::b::N] = [];",
        "mod inner { fn f() { super::super::b::f() } }",
        "#[cfg(windows)] use crate::b::T;",
        "fn f() { crate::b::made_by_a_macro() }",
    ] {
        let b = "pub(crate) fn f() {} pub(crate) struct T; pub(crate) const N: usize = 0;";
        let root = "mod a; mod b; pub(crate) use b::f as f2;";
        let files = [("src/lib.rs", root), ("src/a.rs", code), ("src/b.rs", b)];
        assert_eq!(pairs(&files), [pair("src/a.rs", "src/b.rs")], "{code}");
    }
}

#[test]
fn what_is_no_import_is_not_told() {
    for code in [
        "#[cfg(test)] mod tests { use crate::b::T; }",
        "#[cfg(test)] use crate::b::T;",
        "#[cfg(all(test, unix))] fn f() { crate::b::f() }",
        "/// As [`crate::b::f`].\nfn f() {}",
        "use std::b::f; use ::b::T;",
        "fn f() { x.b(); assert!(x.f()) }",
        "pub(in super::a) fn f() {}",
        "use super::b;",
    ] {
        let files = [("src/lib.rs", "mod a; mod b;"), ("src/a.rs", code), ("src/b.rs", "pub(crate) fn f() {}")];
        assert_eq!(pairs(&files), Vec::<(String, String)>::new(), "{code}");
    }
}

#[test]
fn modules_are_found_where_rust_finds_them() {
    let files = [
        (
            "src/lib.rs",
            "mod a; #[path = \"elsewhere.rs\"] mod b; mod inline { mod deep; } use system::S;
            #[cfg_attr(unix, path = \"s/unix.rs\")] #[cfg_attr(windows, path = \"s/windows.rs\")] mod system;",
        ),
        ("src/a/mod.rs", "use crate::b::T; mod below;"),
        ("src/a/below.rs", "use super::super::b::T;"),
        ("src/elsewhere.rs", "pub(crate) struct T;"),
        ("src/inline/deep.rs", "use crate::b::T;"),
        ("src/s/unix.rs", "pub(crate) struct S;"),
        ("src/s/windows.rs", "pub(crate) struct S;"),
    ];
    let expected = [
        pair("src/a/below.rs", "src/elsewhere.rs"),
        pair("src/a/mod.rs", "src/elsewhere.rs"),
        pair("src/inline/deep.rs", "src/elsewhere.rs"),
        pair("src/lib.rs", "src/s/unix.rs"),
        pair("src/lib.rs", "src/s/windows.rs"),
    ];
    assert_eq!(pairs(&files), expected);
}

/// Each system has a circle of its own, or none, for no system has the files of another.
#[test]
fn systems_are_looked_at_one_by_one() {
    let root = "#[cfg(target_os = \"linux\")] mod a; #[cfg(all(windows, feature = \"x\"))] mod b;
        #[cfg(unix)] use a as system; #[cfg(not(unix))] use b as system; mod c; mod d;";
    let files = [
        ("src/lib.rs", root),
        ("src/a.rs", "pub(crate) struct X; use crate::c::C;"),
        ("src/b.rs", "pub(crate) struct X; use crate::d::D;"),
        ("src/c.rs", "pub(crate) struct C;"),
        ("src/d.rs", "pub(crate) struct D; #[cfg(unix)] use crate::system::X; #[cfg(windows)] fn f() { crate::c::C; }"),
    ];
    let plan = Plan { root: "src/lib.rs", wings: &[("", &[])] };
    assert_eq!(plan.differences(&sources(&files)), Vec::<String>::new());
    assert!(pairs(&files).contains(&pair("src/d.rs", "src/a.rs")));
}
