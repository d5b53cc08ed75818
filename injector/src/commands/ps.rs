//! `portshim ps`: the live sessions.

use super::names::name_in;
use super::ports::{allowed, by_ports};
use super::processes::Member;
use crate::args::Options;
use crate::messages::{self, Failure};
use crate::platform::LiveSession;
use crate::present::{self, ago, cut, moment, one_line, width};
use portshim_policy::ports::{Scope, spec};
use portshim_policy::region::Region;
use serde::Serialize;

/// Part of a line that the ports may take, in characters.
const PORTS: usize = 32;

/// One session, for programs to read.
#[derive(Serialize)]
struct Shown {
    id: String,
    /// Name that it was given; `null` for none.
    name: Option<String>,
    /// Time when it was made; `null` where its file does not say.
    started: Option<String>,
    /// The command line of its program.
    command: String,
    /// The ports that programs without rules of their own may be handed; `null` where the region
    /// cannot be read.
    ports: Option<Vec<String>>,
    /// Number of `[[process]]` rules there are besides.
    process_rules: usize,
    /// Reason why the region cannot be read.
    error: Option<String>,
    /// The region's file.
    file: String,
    processes: Vec<Member>,
    #[serde(skip)]
    age: String,
}

pub(super) fn ps(args: &Options) -> Result<u32, Failure> {
    let shown: Vec<_> = LiveSession::all().iter().map(Shown::new).collect();
    if args.json {
        return present::print(&present::json(&shown)).map(|()| 0);
    }
    if args.quiet {
        let names = shown.iter().flat_map(|shown| [Some(&shown.id), shown.name.as_ref()]).flatten();
        return present::print(&names.map(|name| format!("{name}\n")).collect::<String>()).map(|()| 0);
    }
    if shown.is_empty() {
        present::eprint(messages::NOTHING_LIVES);
        return Ok(0);
    }
    present::print(&table(&shown, args.verbose, width())).map(|()| 0)
}

/// The sessions as they are listed.
pub(super) fn listed(sessions: &[LiveSession], width: usize) -> String {
    table(&sessions.iter().map(Shown::new).collect::<Vec<_>>(), false, width)
}

impl Shown {
    fn new(session: &LiveSession) -> Self {
        let (region, error) = match session.snapshot() {
            Ok(region) => (Some(region), None),
            Err(why) => (None, Some(why)),
        };
        let region = region.as_deref();
        let member = |process| Member::new(session, process, region);
        Self {
            id: session.id.clone(),
            name: region.and_then(name_in),
            started: moment(session.age),
            command: session.command.clone(),
            ports: region.map(ports),
            process_rules: region.map_or(0, |region| region.all_rules().len().saturating_sub(1)),
            error,
            file: session.path.display().to_string(),
            processes: session.processes.iter().map(member).collect(),
            age: ago(session.age),
        }
    }

    /// Its ID, and its name if it has one.
    fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| self.id.clone(), |name| format!("{} {name}", self.id))
    }

    /// In at most so many characters.
    fn policy(&self, width: usize) -> String {
        let Some(ports) = &self.ports else { return cut("cannot be read", width) };
        let besides = match self.process_rules {
            0 => String::new(),
            rules => format!(" +{rules} [[process]]"),
        };
        match width.checked_sub(besides.len()) {
            Some(left @ 8..) => abridged(ports, left) + &besides,
            _ => abridged(ports, width),
        }
    }
}

/// As many as fit, and whether there are more.
fn abridged(specs: &[String], width: usize) -> String {
    let all = specs.join(" ");
    if all.len() <= width {
        return all;
    }
    let mut text = String::new();
    for spec in specs {
        if text.len() + spec.len() + 2 > width {
            break;
        }
        text += &format!("{spec} ");
    }
    if text.is_empty() { cut(&all, width) } else { text + "…" }
}

/// The ports of the rules for all others, as SPECs.
fn ports(region: &Region) -> Vec<String> {
    let Some(rules) = region.all_rules().last() else { return Vec::new() };
    let scopes = Scope::ALL.map(|scope| (scope, allowed(region, rules, scope)));
    by_ports(scopes).into_iter().map(|(ports, scopes)| spec::written(&ports, &scopes)).collect()
}

fn table(sessions: &[Shown], verbose: bool, width: usize) -> String {
    let widest = |of: &dyn Fn(&Shown) -> usize| sessions.iter().map(of).max().unwrap_or(0);
    let (id, age) = (widest(&|s| s.label().len()).max(2), widest(&|s| s.age.len()).max(7));
    let left = width.saturating_sub(id + age + 17);
    // In a narrow terminal the program has as much as the ports.
    let room = PORTS.min(left / 2).max("cannot be read".len());
    let ports = widest(&|s| s.policy(room).chars().count()).max(5);
    let mut text = format!("{:<id$}  {:<age$}  processes  {:<ports$}  program\n", "id", "started", "ports");
    let left = left.saturating_sub(ports).max("program".len());
    for shown in sessions {
        let width = if verbose { usize::MAX } else { left };
        let (policy, program) = (shown.policy(room), one_line(&shown.command, width));
        let count = shown.processes.len();
        text += &format!("{:<id$}  {:<age$}  {count:>9}  {policy:<ports$}  {program}\n", shown.label(), shown.age);
        if verbose {
            text += &format!("    {}\n", shown.file);
            if let Some(why) = &shown.error {
                text += &format!("    {why}\n");
            }
            for Member { process, reach } in &shown.processes {
                text += &format!("    {:>7}  {}\n", process.pid, one_line(&process.command, usize::MAX));
                if let Some(gap) = &reach.not_covered {
                    text += &format!("    {:7}  {gap}\n", "");
                }
            }
        }
    }
    text
}
