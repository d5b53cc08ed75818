//! `portshim show`: the effective policy.

use super::policy;
use crate::args::Options;
use crate::messages::{self, Failure};
use crate::present;
use portshim_policy::config::{Shown, ShownError, ShownErrors, ShownPorts, ShownRules, ShownSecondBinds};
use portshim_policy::model::Class;
use portshim_policy::ports::{grouped, spec};
use serde::Serialize;

pub(super) fn show(args: &Options) -> Result<u32, Failure> {
    let shown = policy::resolved(&args.policy)?.show();
    let file = policy::file(&args.policy).map(|file| file.display().to_string());
    if args.json {
        return present::print(&present::json(&WithFile { file, shown: &shown })).map(|()| 0);
    }
    present::eprint_problems(shown.notes.iter().chain(&shown.warnings));
    present::print(&table(file.as_deref(), &shown)).map(|()| 0)
}

/// Greatest width of a column of ports.
const WIDEST: usize = 32;

/// Width of the column of values.
const COLUMN: usize = 20;

/// The policy, and the file that was heard for it.
#[derive(Serialize)]
struct WithFile<'a> {
    /// `null` where there is none.
    file: Option<String>,
    #[serde(flatten)]
    shown: &'a Shown,
}

fn table(file: Option<&str>, shown: &Shown) -> String {
    let mut text = model(shown);
    text += &file.map_or_else(String::new, |file| format!("{:<9} {file}\n", "file"));
    text += &line("", "preset", shown.preset.value, &shown.preset.origin.to_string());
    for rules in &shown.rules {
        if let Some(glob) = &rules.matches {
            text.push('\n');
            text.push_str(&line("", "for", &glob.value, &glob.origin.to_string()));
        } else if shown.rules.len() > 1 {
            text.push_str("\nfor all other programs\n");
        }
        text.push_str(&one(rules));
    }
    text
}

/// The model's own tables.
fn model(shown: &Shown) -> String {
    let name = shown.preset.value;
    let setting = shown.max_user_port.map(|port| format!(", MaxUserPort {port}")).unwrap_or_default();
    let mut text = format!("classes of {name}{setting}\n");
    let ports = |class: &Class| spec::written(&class.ports, &class.scopes);
    // Winsock has no function that hands privileged ports out.
    let classes = || shown.classes.iter().filter(|class| !cfg!(windows) || !class.name.ends_with("resvport"));
    let width = classes().map(|class| ports(class).len()).filter(|len| *len <= WIDEST).max().unwrap_or(0);
    for class in classes() {
        let Class { name, what, source, .. } = class;
        let ports = ports(class);
        // What does not fit its column has a line of its own.
        let (ports, more) =
            if ports.len() > width { ("", format!("  {name:<12} {ports}\n")) } else { (&*ports, String::new()) };
        let name = if more.is_empty() { name } else { "" };
        text += &format!("{more}  {name:<12} {ports:<width$}  {what} ({source})\n");
    }
    text.push('\n');
    // Those that have numbers are not Linux's.
    if shown.errors.rows.iter().any(|error| error.number.is_some()) {
        text += &errors(name, &shown.errors);
        text.push('\n');
    }
    if let Some(binds) = &shown.second_binds {
        text += &second_binds(name, binds);
        text.push('\n');
    }
    text
}

fn errors(name: &str, errors: &ShownErrors) -> String {
    let mut text = format!("errors of {name}: what it says to a program that cannot have a port ({})\n", errors.source);
    for ShownError { case, name, number } in &errors.rows {
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        text += &format!("  {case:<23}  {number:<5}  {name}\n");
    }
    text + messages::TOLD_IN
}

/// Meaning of the words and numbers of the table of second binds.
const LEGEND: &str = "  default: without an option, reuse: with SO_REUSEADDR, exclusive: with SO_EXCLUSIVEADDRUSE
  *: to any address, 1: to one address, the same for both
  ok: both have the port, 10048: refused, WSAEADDRINUSE, 10013: refused, WSAEACCES
";

fn second_binds(name: &str, binds: &ShownSecondBinds) -> String {
    let row = |first: &str, cells: &[String]| {
        let mut line = format!("  {first:<14}");
        for (cell, second) in cells.iter().zip(&binds.seconds) {
            line += &format!("  {cell:<width$}", width = second.len());
        }
        format!("{}\n", line.trim_end())
    };
    let mut text =
        format!("second binds under {name}: a socket binds a port that another one has ({})\n", binds.source);
    text += LEGEND;
    text += &row("first \\ second", &binds.seconds);
    for binds in &binds.rows {
        text += &row(&binds.first, &binds.same_user);
    }
    let differing: Vec<_> = binds.rows.iter().filter(|row| row.same_user != row.other_user).collect();
    if !differing.is_empty() {
        text += "  where another user runs the second:\n";
    }
    for binds in differing {
        text += &row(&binds.first, &binds.other_user);
    }
    text + &format!("  {}\n", binds.note)
}

fn one(rules: &ShownRules) -> String {
    let seed = rules.seed.value.map_or_else(|| "none".into(), |seed| seed.to_string());
    let mut text = line("", "select", rules.select.value, &rules.select.origin.to_string());
    let sharing = messages::sharing(rules.sharing.value, &rules.sharing.origin);
    text.push_str(&line("", "sharing", rules.sharing.value, &sharing));
    text.push_str(&line("", "seed", &seed, &rules.seed.origin.to_string()));
    // Scopes that hold the same are told of together.
    for (together, _) in grouped(&rules.scopes, |scope| (&scope.dynamic, &scope.reserved, &scope.blocked)) {
        let [first, ..] = together.as_slice() else { continue };
        let names: Vec<_> = together.iter().map(|scope| scope.scope).collect();
        let count = match first.allowed {
            1 => "1 port".into(),
            count => format!("{count} ports"),
        };
        text.push_str(&format!("\n{}: {count} to hand out: {}\n", names.join(" "), first.runs));
        for (word, parts) in [("dynamic", &first.dynamic), ("reserved", &first.reserved), ("blocked", &first.blocked)] {
            for ShownPorts { ports, origin } in parts {
                text.push_str(&line("  ", word, ports, &origin.to_string()));
            }
        }
    }
    text
}

fn line(indent: &str, word: &str, value: &str, origin: &str) -> String {
    if value.chars().count() > COLUMN {
        return format!("{indent}{word:<9} {value}\n{indent}{:<9} {:<COLUMN$} {origin}\n", "", "");
    }
    format!("{indent}{word:<9} {value:<COLUMN$} {origin}\n")
}
