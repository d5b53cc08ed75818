//! Figures of a report: what became of the requests of a session.

use crate::commands::processes::{Reach, ShownReach};
use crate::coverage::{Program, ServedBy};
use crate::messages;
use crate::platform::Ended;
use crate::present::{self, Outside, one_line, uncovered};
use portshim_policy::ports::Scope;
use portshim_policy::region::{MAX_GLOB, NAME, Process, Region};
use serde::Serialize;
use std::sync::atomic::Ordering::Relaxed;

/// A report, for programs to read.
#[derive(Serialize)]
pub(super) struct Report {
    program: String,
    /// The exit status; `null` where a signal ended the program.
    status: Option<u32>,
    /// The signal's name; `null` where the program ended by itself.
    signal: Option<&'static str>,
    /// How far it was served when it began, and by whom.
    #[serde(flatten)]
    reach: ShownReach,
    pub(super) rules: Vec<Rules>,
    /// The processes that asked for a port: the last 256 at most.
    processes: Vec<Asker>,
    /// The ports that the system kept back, as far as the program met them.
    pub(super) kept_back: Vec<String>,
    /// Programs that were executed where no policy reaches; `null` for none.
    pub(super) outside: Option<Outside>,
}

/// A process that asked for a port.
#[derive(Serialize)]
struct Asker {
    pid: u32,
    /// The name of its program, cut to 16 bytes.
    name: String,
    #[serde(flatten)]
    reach: ShownReach,
}

impl Asker {
    fn new(place: &Process, supervised: bool, makes_sockets: bool) -> Option<Self> {
        let name = String::from_utf8_lossy(&place.name()).trim_end_matches('\0').to_owned();
        Some(Self {
            pid: place.owner()?.process,
            name,
            reach: Reach::recorded(place, supervised, makes_sockets).into(),
        })
    }

    /// A line that tells what of it is not covered, if that is so.
    fn line(&self) -> Option<String> {
        let gap = self.reach.not_covered.as_deref()?;
        Some(format!("process {} {}: {gap}", self.pid, one_line(&self.name, NAME)))
    }
}

#[derive(Serialize)]
pub(super) struct Rules {
    /// The glob over the executable's name; `null` for all others.
    #[serde(rename = "match")]
    pub(super) matches: Option<String>,
    pub(super) scopes: Vec<Counts>,
}

#[derive(Serialize)]
pub(super) struct Counts {
    pub(super) scope: &'static str,
    /// Requests that got a port.
    pub(super) served: u64,
    /// Requests that got none.
    pub(super) exhausted: u64,
    /// Specific binds refused because the port is blocked.
    pub(super) refused: u64,
    /// Requests left to the system, because the program's sandbox left no way to serve them.
    pub(super) uncovered: u32,
    /// The most sockets that held a port handed out here at once; `null` under a supervisor, which
    /// is not told when one is closed.
    pub(super) peak: Option<u32>,
}

impl Report {
    pub(super) fn new(program: &Program, by: ServedBy, ended: Ended, region: &Region) -> Self {
        let (status, signal) = ended.parts();
        let rules = region.all_rules().iter().map(|rules| Rules {
            matches: rules.pattern(),
            scopes: Scope::ALL
                .into_iter()
                .map(|scope| {
                    let live = rules.live(scope);
                    Counts {
                        scope: scope.name(),
                        served: live.served.load(Relaxed),
                        exhausted: live.exhausted.load(Relaxed),
                        refused: live.refused.load(Relaxed),
                        uncovered: live.uncovered.load(Relaxed),
                        peak: present::peak(region, live.high.load(Relaxed)),
                    }
                })
                .collect(),
        });
        let (outside, kept_back) = (Outside::of(region), messages::kept_back(region));
        let processes = region.processes.all().iter();
        let (supervised, makes_sockets) = (region.header.is_supervised(), region.header.makes_sockets());
        let processes = processes.filter_map(|place| Asker::new(place, supervised, makes_sockets)).collect();
        let reach = Reach::launched(program, by).into();
        let program = program.path.display().to_string();
        Self { program, status, signal, reach, rules: rules.collect(), processes, kept_back, outside }
    }

    /// End of the program.
    pub(super) fn end(&self) -> String {
        match (self.status, self.signal) {
            (_, Some(signal)) => format!("ended by {signal}"),
            (status, None) => format!("exit status {}", status.unwrap_or(0)),
        }
    }

    /// Lines that tell what is not covered: of the program as it began, and of its processes.
    pub(super) fn gaps(&self) -> impl Iterator<Item = String> {
        // What is not covered of all is told once.
        let others = self.processes.iter().filter(|asker| asker.reach.not_covered != self.reach.not_covered);
        self.reach.not_covered.clone().into_iter().chain(others.filter_map(Asker::line))
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!("portshim: {}: {}\n", self.program, self.end());
        for rules in &self.rules {
            let others = if self.rules.len() > 1 { "others" } else { "scope" };
            let whom = rules.matches.as_deref().map_or_else(|| others.to_owned(), |glob| one_line(glob, MAX_GLOB));
            text.push_str(&format!(
                "  {whom:<12} {:>10} {:>10} {:>10} {:>10}\n",
                "served", "exhausted", "refused", "peak"
            ));
            for counts in &rules.scopes {
                let Counts { scope, served, exhausted, refused, peak, .. } = counts;
                let peak = present::or_dash(*peak);
                text.push_str(&format!("  {scope:<12} {served:>10} {exhausted:>10} {refused:>10} {peak:>10}\n"));
            }
            text.push_str(&uncovered("  ", rules.scopes.iter().map(|counts| (counts.scope, counts.uncovered))));
        }
        for line in self.gaps() {
            text.push_str(&format!("  {line}\n"));
        }
        if !self.kept_back.is_empty() {
            text.push_str(&format!("  kept back by the system: {}\n", self.kept_back.join(", ")));
        }
        if let Some(outside) = &self.outside {
            text.push_str("  ");
            text.push_str(&outside.line());
        }
        text
    }
}
