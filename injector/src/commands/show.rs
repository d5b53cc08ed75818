//! `portshim show`: the effective policy.

use crate::cli::Show;
use crate::failure::Failure;
use crate::{output, policy};
use portshim_policy::text::{Shown, ShownPorts, ShownRules, ShownScope};
use serde::Serialize;

pub(super) fn show(args: &Show) -> Result<u8, Failure> {
    let shown = policy::resolved(&args.policy)?.show();
    let file = policy::file(&args.policy).map(|file| file.display().to_string());
    if args.json {
        return output::print(&output::json(&WithFile { file, shown: &shown })).map(|()| 0);
    }
    for warning in &shown.warnings {
        output::complain(&warning.to_string());
    }
    output::print(&table(file.as_deref(), &shown)).map(|()| 0)
}

/// The policy, and the file that was heard for it.
#[derive(Serialize)]
struct WithFile<'a> {
    /// `null` where there is none.
    file: Option<String>,
    #[serde(flatten)]
    shown: &'a Shown,
}

fn table(file: Option<&str>, shown: &Shown) -> String {
    let mut text = file.map_or_else(String::new, |file| format!("{:<9} {file}\n", "file"));
    text += &line("preset", shown.preset.value, &shown.preset.origin.to_string());
    for rules in &shown.rules {
        if let Some(glob) = &rules.matches {
            text.push('\n');
            text.push_str(&line("for", &glob.value, &glob.origin.to_string()));
        } else if shown.rules.len() > 1 {
            text.push_str("\nfor all other programs\n");
        }
        text.push_str(&one(rules));
    }
    text
}

fn one(rules: &ShownRules) -> String {
    let seed = rules.seed.value.map_or_else(|| "none".into(), |seed| seed.to_string());
    let mut text = line("select", rules.select.value, &rules.select.origin.to_string());
    text.push_str(&line("sharing", rules.sharing.value, &rules.sharing.origin.to_string()));
    text.push_str(&line("seed", &seed, &rules.seed.origin.to_string()));
    // Scopes that hold the same are told of together.
    let mut rest: Vec<&ShownScope> = rules.scopes.iter().collect();
    while let Some(first) = rest.first().copied() {
        let same = |scope: &&ShownScope| {
            (&scope.dynamic, &scope.reserved, &scope.blocked) == (&first.dynamic, &first.reserved, &first.blocked)
        };
        let (together, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(same);
        let names: Vec<_> = together.iter().map(|scope| scope.scope).collect();
        let count = match first.allowed {
            1 => "1 port".into(),
            count => format!("{count} ports"),
        };
        text.push_str(&format!("\n{}: {count} to hand out: {}\n", names.join(" "), first.runs));
        for (word, parts) in [("dynamic", &first.dynamic), ("reserved", &first.reserved), ("blocked", &first.blocked)] {
            for ShownPorts { ports, origin } in parts {
                text.push_str(&format!("  {}", line(word, ports, &origin.to_string())));
            }
        }
        rest = others;
    }
    text
}

fn line(word: &str, value: &str, origin: &str) -> String {
    format!("{word:<9} {value:<20} {origin}\n")
}
