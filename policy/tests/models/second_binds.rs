//! Rules for whether a second socket may bind a port that a first one has, cell by cell of
//! Microsoft's tables.

use portshim_policy::model::{BindAddress, BindOption, Binder, Preset, SecondBind};

fn binder(text: &str) -> Binder {
    Binder::ALL.into_iter().find(|binder| binder.to_string() == text).expect("one of six")
}

/// Microsoft, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE": the table of Windows Server 2003, row
/// by row. The second table is for another user's second socket.
#[test]
fn second_binds_since_2003() {
    let columns = ["default *", "default 1", "reuse *", "reuse 1", "exclusive *", "exclusive 1"];
    for (first, same_user, other_user) in [
        ("default *", "10048 ok 10013 ok 10048 ok", "10048 10013 10013 10013 10048 10013"),
        ("default 1", "ok 10048 ok 10013 10048 10048", "ok 10048 ok 10013 10048 10048"),
        ("reuse *", "10048 ok ok ok 10048 ok", "10048 10013 ok ok 10048 10013"),
        ("reuse 1", "ok 10048 ok ok 10048 10048", "ok 10048 ok ok 10048 10048"),
        ("exclusive *", "10048 10013 10013 10013 10048 10013", "10048 10013 10013 10013 10048 10013"),
        ("exclusive 1", "ok 10048 ok 10013 10048 10048", "ok 10048 ok 10013 10048 10048"),
    ] {
        for (users, cells) in [(true, same_user), (false, other_user)] {
            for (second, expected) in columns.into_iter().zip(cells.split(' ')) {
                for name in ["windows-2003", "windows-2003-sp1", "windows-vista"] {
                    let outcome = Preset::named(name).and_then(|p| p.second_bind(binder(first), binder(second), users));
                    let outcome = outcome.map(|outcome| outcome.to_string());
                    assert_eq!(
                        outcome.as_deref(),
                        Some(expected),
                        "{name}: {first}, then {second}, same user: {users}"
                    );
                }
            }
        }
    }
}

/// The same page, of Windows up to XP: only the options count.
#[test]
fn second_binds_up_to_xp() {
    let xp = Preset::named("windows-xp").expect("a preset");
    for first in Binder::ALL {
        for second in Binder::ALL {
            let expected = match (first.option, second.option) {
                (BindOption::Exclusive, BindOption::Reuse) => SecondBind::Access,
                (_, BindOption::Reuse) => SecondBind::Succeeds,
                _ => SecondBind::InUse,
            };
            for same_user in [true, false] {
                assert_eq!(xp.second_bind(first, second, same_user), Some(expected), "{first}, then {second}");
            }
        }
    }
    // An article on UDP port reuse saw the three of them on Windows Server 2003.
    let seen = |first, second| {
        Preset::named("windows-2003").and_then(|p| p.second_bind(binder(first), binder(second), true)).unwrap()
    };
    assert_eq!(seen("default *", "default *").error(), Some(10048));
    assert_eq!(seen("default *", "reuse *").error(), Some(10013));
    assert_eq!(seen("reuse *", "reuse *").error(), None);
    for name in ["host", "linux", "bsd", "freebsd", "iana"] {
        let any = Binder { option: BindOption::Reuse, address: BindAddress::Wildcard };
        assert_eq!(Preset::named(name).and_then(|p| p.second_bind(any, any, true)), None, "{name}");
    }
}
