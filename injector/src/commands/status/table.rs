//! `portshim status`, for people to look at.

use super::{Owner, Shown, ShownRules, ShownScope, ShownUse, Taken};
use crate::commands::sessions::{ago, cut, one_line};
use std::time::Duration;

/// How wide a line may become, in characters.
const WIDTH: usize = 100;
/// How many characters tell how full a range is.
const BAR: usize = 20;
/// How much of a line the ports of a process may take.
const PORTS: usize = 36;

pub(super) fn of(shown: &Shown, age: Option<Duration>) -> String {
    let count = shown.processes.len();
    let processes = if count == 1 { "1 process".into() } else { format!("{count} processes") };
    let title = format!("session {}: ", shown.id);
    let mut text = format!("{title}{}\n", one_line(&shown.command, WIDTH.saturating_sub(title.len())));
    text += &format!("started {}, {processes}\n", ago(age));
    for rules in &shown.rules {
        text.push('\n');
        match &rules.matches {
            Some(glob) => text += &format!("for {}\n", one_line(glob, WIDTH)),
            None if shown.rules.len() > 1 => text += "for all other programs\n",
            None => {}
        }
        text += &one(rules);
        if shown.rules.len() > 1 {
            text += &kept_back(&[&rules.reserved], &[&rules.blocked]);
        }
    }
    // Where there are no programs apart, all that is kept back stands together.
    text += &match shown.rules.as_slice() {
        [all] => kept_back(&[&all.reserved, &shown.reserved], &[&all.blocked, &shown.blocked]),
        _ => match kept_back(&[&shown.reserved], &[&shown.blocked]) {
            nothing if nothing.is_empty() => nothing,
            live => format!("\nfor all programs, since the session began\n{live}"),
        },
    };
    text + &uses(&shown.processes)
}

fn one(rules: &ShownRules) -> String {
    let mut text = format!("select {}, sharing {}\n", rules.select, rules.sharing);
    // Scopes with the same ports stand together.
    let mut rest: Vec<_> = rules.scopes.iter().collect();
    while let Some(first) = rest.first().copied() {
        let (together, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|scope| (&scope.ports, &scope.dynamic) == (&first.ports, &first.dynamic));
        let names: Vec<_> = together.iter().map(|scope| scope.scope).collect();
        let what = match first.allowed {
            0 => format!("nothing left to hand out: all of {} is reserved or blocked", first.dynamic),
            1 => format!("1 port to hand out: {}", first.ports),
            ports => format!("{ports} ports to hand out: {}", first.ports),
        };
        text += "\n";
        text += &cut(&format!("{}: {what}", names.join(" ")), WIDTH);
        text += &format!(
            "\n  {:<26}{:>8}{:>6}{:>11}{:>7}{:>7}{:>9}{:>11}{:>9}\n",
            "", "in use", "own", "TIME_WAIT", "free", "peak", "served", "exhausted", "refused"
        );
        text.extend(together.into_iter().map(line));
        rest = others;
    }
    text
}

fn kept_back(reserved: &[&Vec<Taken>], blocked: &[&Vec<Taken>]) -> String {
    let mut text = String::new();
    for (word, parts) in [("reserved", reserved), ("blocked", blocked)] {
        for (n, taken) in parts.iter().copied().flatten().enumerate() {
            let gap = if text.is_empty() { "\n" } else { "" };
            text += &format!("{gap}{:<9} {}\n", if n == 0 { word } else { "" }, describe(taken));
        }
    }
    text
}

fn line(scope: &ShownScope) -> String {
    let ShownScope { in_use, by_session, time_wait, free, peak, served, exhausted, refused, .. } = scope;
    format!(
        "  {:<5}{} {in_use:>8}{by_session:>6}{time_wait:>11}{free:>7}{peak:>7}{served:>9}{exhausted:>11}{refused:>9}\n",
        scope.scope,
        bar(*in_use - *time_wait, *time_wait, *free)
    )
}

/// What is open, what waits, and what is free, in proportion. Whatever there is of each shows.
fn bar(open: u32, waiting: u32, free: u32) -> String {
    let parts = [open, waiting, free];
    let all = u64::from(parts.iter().sum::<u32>().max(1));
    let mut cells = parts.map(|part| (u64::from(part) * BAR as u64 / all).max(u64::from(part > 0)) as usize);
    // What the division left over, or what the small ones took too much, is the largest one's.
    let largest = (0..3).max_by_key(|n| parts[*n]).unwrap_or(2);
    let others: usize = (0..3).filter(|n| *n != largest).map(|n| cells[n]).sum();
    cells[largest] = BAR - others;
    ["█", "▒", "░"].into_iter().zip(cells).map(|(cell, count)| cell.repeat(count)).collect()
}

fn describe(taken: &Taken) -> String {
    let ports = if taken.scope == "all" { taken.ports.clone() } else { format!("{}/{}", taken.ports, taken.scope) };
    let owner = match &taken.owner {
        Owner::Policy => "the policy".into(),
        Owner::CommandLine => "the command line".into(),
        Owner::Process { pid, name } => format!("process {pid} {}", name.as_deref().unwrap_or_default()),
    };
    format!("{:<29} {}", cut(&ports, WIDTH / 2), one_line(owner.trim_end(), WIDTH / 3))
}

fn uses(processes: &[ShownUse]) -> String {
    if processes.is_empty() {
        return String::new();
    }
    let held = |used: &ShownUse| {
        let scopes: Vec<_> = used.ports.iter().map(|(scope, ports)| format!("{scope} {ports}")).collect();
        cut(&scopes.join("  "), PORTS)
    };
    let width = processes.iter().map(|used| held(used).chars().count()).max().unwrap_or(0).max("ports".len());
    let mut text = format!(
        "\n{:>7}  {:>6}  {:>7}  {:>9}  {:>7}  {:<width$}  program\n",
        "process", "in use", "served", "exhausted", "refused", "ports"
    );
    for used in processes {
        let ShownUse { process, in_use, served, exhausted, refused, .. } = used;
        let program = one_line(&process.name, 16);
        let (pid, ports) = (process.pid, held(used));
        text +=
            &format!("{pid:>7}  {in_use:>6}  {served:>7}  {exhausted:>9}  {refused:>7}  {ports:<width$}  {program}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{BAR, bar};

    #[test]
    fn a_bar_shows_whatever_there_is() {
        for (open, waiting, free, shown) in [
            (0, 0, 10, "░░░░░░░░░░░░░░░░░░░░"),
            (10, 0, 0, "████████████████████"),
            (5, 0, 5, "██████████░░░░░░░░░░"),
            (7, 2, 1, "██████████████▒▒▒▒░░"),
            (1, 0, 28_231, "█░░░░░░░░░░░░░░░░░░░"),
            (28_000, 1, 1, "██████████████████▒░"),
            (0, 0, 0, "░░░░░░░░░░░░░░░░░░░░"),
        ] {
            assert_eq!(bar(open, waiting, free), shown, "{open} {waiting} {free}");
            assert_eq!(shown.chars().count(), BAR);
        }
    }
}
