//! Scripts written by hand: what the kernel does, row by row of the tables in which it was
//! observed.

mod rows;

use super::Case;
use super::case::case;

/// One script, and the policies under which it says something.
#[derive(Clone, Debug)]
pub struct Directed {
    /// What it shows.
    pub name: String,
    /// The policy.
    pub case: &'static Case,
    /// The script.
    pub script: String,
}

/// Where there is but one port.
const ONE: [&str; 4] = ["steer-one", "pin-one", "steer-one-holes", "pin-one-holes"];
/// Where there are some.
const SOME: [&str; 6] = ["steer", "pin", "steer-holes", "pin-holes", "straddle", "straddle-holes"];

const BOUND: &str = include_str!("directed/bound.script");
const SHARED: &str = include_str!("directed/shared.script");
const EXHAUSTED: &str = include_str!("directed/exhausted.script");
const OTHERS: &str = include_str!("directed/others.script");
const TIME_WAIT: &str = include_str!("directed/time-wait.script");

/// All of them that leave nothing behind, so that one process can play those of a policy.
#[must_use]
pub fn directed() -> Vec<Directed> {
    let mut all = Vec::new();
    for name in ONE {
        for (title, script) in rows::scripts() {
            all.push(Directed { name: title, case: known(name), script });
        }
        for text in [BOUND, SHARED, OTHERS] {
            all.extend(apart(text, name));
        }
    }
    for name in SOME {
        all.extend(apart(EXHAUSTED, name));
        all.extend(apart(OTHERS, name));
    }
    all.push(Directed {
        name: "an odd number of ports".into(),
        case: &super::ODD,
        script: "fill 5 tcp4 bind any4\ndrain\nfill 5 tcp4 listen\ndrain\nfill 5 tcp6 connect lo6 srv1".into(),
    });
    all
}

/// Those that leave a port in TIME_WAIT: each needs a namespace of its own.
#[must_use]
pub fn time_wait() -> Vec<Directed> {
    ["steer-one", "pin-one"].into_iter().flat_map(|name| apart(TIME_WAIT, name)).collect()
}

fn known(name: &str) -> &'static Case {
    case(name).unwrap_or_else(|| panic!("no case is called {name}"))
}

/// The scripts of a file: `== TITLE` begins each, `#` a remark.
fn apart(text: &'static str, name: &str) -> impl Iterator<Item = Directed> {
    let case = known(name);
    text.split("== ").skip(1).map(move |part| {
        let (title, script) = part.split_once('\n').unwrap_or((part, ""));
        let lines: Vec<&str> = script.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
        Directed { name: title.to_owned(), case, script: lines.join("\n") }
    })
}
