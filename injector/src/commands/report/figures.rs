//! Figures of a report: what became of the requests of a session.

use crate::coverage::Program;
use crate::messages;
use crate::platform::Ended;
use crate::present::{self, Outside, one_line, uncovered};
use portshim_policy::ports::Scope;
use portshim_policy::region::{MAX_GLOB, Region};
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
    pub(super) rules: Vec<Rules>,
    /// The ports that the system kept back, as far as the program met them.
    pub(super) kept_back: Vec<String>,
    /// Programs that were executed where no policy reaches; `null` for none.
    pub(super) outside: Option<Outside>,
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
    pub(super) fn new(program: &Program, ended: Ended, region: &Region) -> Self {
        let (status, signal) = ended.parts();
        let rules = region.all_rules().iter().map(|rules| Rules {
            matches: match rules.glob() {
                (_, 0) => None,
                (glob, len) => Some(String::from_utf8_lossy(&glob[..len]).into_owned()),
            },
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
        let program = program.path.display().to_string();
        Self { program, status, signal, rules: rules.collect(), kept_back, outside }
    }

    /// End of the program.
    pub(super) fn end(&self) -> String {
        match (self.status, self.signal) {
            (_, Some(signal)) => format!("ended by {signal}"),
            (status, None) => format!("exit status {}", status.unwrap_or(0)),
        }
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
