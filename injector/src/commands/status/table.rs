//! `portshim status`, for people to look at.

use crate::commands::processes::Member;
use crate::commands::shown::{Figures, Owner, Shown, ShownOther, ShownRules, ShownScope, ShownUse, Taken};
use crate::present::{self, ago, cut, folded, one_line, uncovered, width};
use portshim_policy::ports::{grouped, spec};
use std::time::Duration;

/// Greatest number of characters that tell how full a range is.
const BAR: usize = 20;
/// Width of the terminal where a table has all of its columns beside each other.
const WIDE: usize = 100;
/// Part of a line that the ports of a process may take.
const PORTS: usize = 36;

/// Look of a table.
#[derive(Clone, Copy)]
struct Look {
    /// Greatest width of a line, in characters.
    width: usize,
    /// Set if all ports are shown, on as many lines as they take.
    whole: bool,
}

impl Look {
    /// Ports after some words, the further lines indented.
    fn ports(self, words: &str, ports: &str) -> String {
        let line = format!("{words}{ports}");
        if !self.whole {
            return cut(&line, self.width);
        }
        folded(&line, self.width - 2).join("\n  ")
    }
}

pub(super) fn of(shown: &Shown, age: Option<Duration>, whole: bool) -> String {
    let look = Look { width: width(), whole };
    let count = shown.processes.len();
    let processes = if count == 1 { "1 process".into() } else { format!("{count} processes") };
    let name = shown.name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    let title = format!("session {}{name}: ", shown.id);
    let mut text = format!("{title}{}\n", one_line(&shown.command, look.width.saturating_sub(title.len())));
    text += &format!("started {}, {processes}\n", ago(age));
    for rules in &shown.rules {
        text.push('\n');
        match &rules.matches {
            Some(glob) => text += &format!("for {}\n", one_line(glob, look.width - 4)),
            None if shown.rules.len() > 1 => text += "for all other programs\n",
            None => {}
        }
        text += &one(rules, look);
        if shown.rules.len() > 1 {
            text += &kept_back(look, &[&rules.reserved], &[&rules.blocked], &[]);
        }
    }
    // Where there are no programs apart, all that is kept back stands together.
    text += &match shown.rules.as_slice() {
        [all] => {
            kept_back(look, &[&all.reserved, &shown.reserved], &[&all.blocked, &shown.blocked], &[&shown.exhausted])
        }
        _ => match kept_back(look, &[&shown.reserved], &[&shown.blocked], &[&shown.exhausted]) {
            nothing if nothing.is_empty() => nothing,
            live => format!("\nfor all programs, since the session began\n{live}"),
        },
    };
    if !shown.kept_back.is_empty() {
        text += &format!("\n{}\n", look.ports("kept back by the system: ", &shown.kept_back.join(", ")));
    }
    if let Some(outside) = &shown.outside {
        text += "\n";
        text += &outside.line();
    }
    text + &uses(&shown.processes, look) + &others(&shown.others, look)
}

fn others(others: &[ShownOther], look: Look) -> String {
    let mut text = String::new();
    for other in others {
        let user = other.user.as_deref().map_or_else(String::new, |user| format!(" of {user}"));
        let who = match (other.pid, &other.name) {
            (Some(pid), Some(name)) => format!("process {pid} {name}{user}"),
            _ => format!("a process{user} that cannot be seen"),
        };
        let ports: Vec<_> = other.ports.iter().map(|(scope, ports)| format!("{scope} {ports}")).collect();
        let who = one_line(&who, look.width / 2);
        text += &look.ports(&format!("  {who}: "), &ports.join("  "));
        text.push('\n');
    }
    if text.is_empty() { text } else { format!("\nheld by programs outside the session\n{text}") }
}

fn one(rules: &ShownRules, look: Look) -> String {
    let mut text = format!("select {}, sharing {}\n", rules.select, rules.sharing);
    // Scopes with the same ports stand together.
    for (together, _) in grouped(&rules.scopes, |scope| (&scope.ports, &scope.dynamic)) {
        let [first, ..] = together.as_slice() else { continue };
        let names: Vec<_> = together.iter().map(|scope| scope.scope).collect();
        let names = names.join(" ");
        text += "\n";
        text += &match first.figures.allowed {
            0 => look.ports(
                &format!("{names}: nothing left to hand out: "),
                &format!("all of {} is reserved, blocked or exhausted", first.dynamic),
            ),
            1 => look.ports(&format!("{names}: 1 port to hand out: "), &first.ports),
            ports => look.ports(&format!("{names}: {ports} ports to hand out: "), &first.ports),
        };
        text += "\n";
        text += &lines(&together, look);
        text += &uncovered("  ", together.iter().map(|scope| (scope.scope, scope.uncovered)));
    }
    text
}

/// The numbers of some scopes. In a narrow terminal those of ports stand above those of requests.
fn lines(scopes: &[&ShownScope], look: Look) -> String {
    let wide = look.width >= WIDE;
    let bar_width = if wide { BAR } else { BAR.min(look.width - 47) };
    let gap = bar_width + 6;
    let ports = format!("{:>8}{:>6}{:>11}{:>7}{:>7}", "in use", "own", "TIME_WAIT", "free", "peak");
    let requests = format!("{:>9}{:>11}{:>9}", "served", "exhausted", "refused");
    let ports_of = |scope: &ShownScope| {
        let Figures { in_use, by_session, time_wait, free, peak, .. } = &scope.figures;
        let peak = present::or_dash(*peak);
        let bar = bar(in_use - time_wait, *time_wait, *free, bar_width);
        format!("  {:<5}{bar} {in_use:>8}{by_session:>6}{time_wait:>11}{free:>7}{peak:>7}", scope.scope)
    };
    let requests_of = |scope: &ShownScope| {
        let Figures { served, exhausted, refused, .. } = &scope.figures;
        format!("{served:>9}{exhausted:>11}{refused:>9}")
    };
    if wide {
        let head = format!("  {:<gap$}{ports}{requests}\n", "");
        let rows = scopes.iter().map(|scope| ports_of(scope) + &requests_of(scope) + "\n");
        return head + &rows.collect::<String>();
    }
    let rows = scopes.iter().map(|scope| ports_of(scope) + "\n");
    let above = format!("  {:<gap$}{ports}\n", "") + &rows.collect::<String>();
    let rows = scopes.iter().map(|scope| format!("  {:<gap$}{}\n", scope.scope, requests_of(scope)));
    above + &format!("  {:<gap$}{requests}\n", "") + &rows.collect::<String>()
}

fn kept_back(look: Look, reserved: &[&Vec<Taken>], blocked: &[&Vec<Taken>], exhausted: &[&Vec<Taken>]) -> String {
    let mut text = String::new();
    for (word, parts) in [("reserved", reserved), ("blocked", blocked), ("exhausted", exhausted)] {
        for (n, taken) in parts.iter().copied().flatten().enumerate() {
            let gap = if text.is_empty() { "\n" } else { "" };
            text += &format!("{gap}{:<9} {}\n", if n == 0 { word } else { "" }, describe(taken, look));
        }
    }
    text
}

/// Bar of what is open, what waits, and what is free, in proportion. Whatever there is of each
/// shows; where there is nothing of any, all of the range is kept back.
fn bar(open: u32, waiting: u32, free: u32, width: usize) -> String {
    let parts = [open, waiting, free];
    let all = u64::from(parts.iter().sum::<u32>());
    if all == 0 {
        return "─".repeat(width);
    }
    let mut cells = parts.map(|part| (u64::from(part) * width as u64 / all).max(u64::from(part > 0)) as usize);
    // What the division left over, or what the small ones took too much, is the largest one's.
    let largest = (0..3).max_by_key(|n| parts[*n]).unwrap_or(2);
    let others: usize = (0..3).filter(|n| *n != largest).map(|n| cells[n]).sum();
    cells[largest] = width - others;
    ["█", "▒", "░"].into_iter().zip(cells).map(|(cell, count)| cell.repeat(count)).collect()
}

fn describe(taken: &Taken, look: Look) -> String {
    let ports = spec::written(&taken.ports, &taken.scope);
    let owner = match &taken.owner {
        Owner::Policy => "the policy".into(),
        Owner::CommandLine => "the command line".into(),
        Owner::Process { pid, name } => format!("process {pid} {}", name.as_deref().unwrap_or_default()),
    };
    let owner = if taken.alone { format!("for {}", owner.trim_end()) } else { owner };
    // The word before takes ten characters, the gap one.
    let owners = look.width / 3;
    let ports = if look.whole { ports } else { cut(&ports, look.width - owners - 11) };
    format!("{ports:<29} {}", one_line(owner.trim_end(), owners))
}

fn uses(processes: &[ShownUse], look: Look) -> String {
    if processes.is_empty() {
        return String::new();
    }
    let held = |used: &ShownUse| {
        let scopes: Vec<_> = used.ports.iter().map(|(scope, ports)| format!("{scope} {ports}")).collect();
        scopes.join("  ")
    };
    let beside = look.width >= WIDE && !look.whole;
    let width =
        processes.iter().map(|used| held(used).chars().count().min(PORTS)).max().unwrap_or(0).max("ports".len());
    let ports = if beside { format!("{:<width$}  ", "ports") } else { String::new() };
    let mut text = format!(
        "\n{:>7}  {:>6}  {:>7}  {:>9}  {:>7}  {ports}program\n",
        "process", "in use", "served", "exhausted", "refused"
    );
    for used in processes {
        let ShownUse { member: Member { process, reach }, in_use, served, exhausted, refused, .. } = used;
        let program = one_line(&process.name, 16.min(look.width - 46));
        let (pid, ports) = (process.pid, held(used));
        text += &format!("{pid:>7}  {in_use:>6}  {served:>7}  {exhausted:>9}  {refused:>7}  ");
        if beside {
            text += &format!("{:<width$}  ", cut(&ports, PORTS));
        }
        text += &(program + "\n");
        if !beside && !ports.is_empty() {
            let room = look.width - 9;
            let lines = if look.whole { folded(&ports, room) } else { vec![cut(&ports, room)] };
            text.extend(lines.iter().map(|line| format!("{:9}{line}\n", "")));
        }
        if let Some(gap) = &reach.not_covered {
            text.extend(folded(gap, look.width - 9).iter().map(|line| format!("{:9}{line}\n", "")));
        }
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
            (0, 0, 0, "────────────────────"),
            (0, 0, 1, "░░░░░░░░░░░░░░░░░░░░"),
            (0, 65_534, 1, "▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░"),
        ] {
            assert_eq!(bar(open, waiting, free, BAR), shown, "{open} {waiting} {free}");
            assert_eq!(shown.chars().count(), BAR);
            assert_eq!(bar(open, waiting, free, 13).chars().count(), 13);
        }
    }
}
