//! Report of what a policy did while a program ran, from the counters of its session.

use super::sink::Sink;
use crate::coverage::Program;
use crate::messages::{self, Failure};
use crate::platform::{self, Ended};
use crate::present::{self, Outside, one_line, uncovered};
use portshim_policy::ports::Scope;
use portshim_policy::region::{MAX_GLOB, Region};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

/// Destination of a report.
pub(super) enum Target {
    /// To standard error, as a table.
    Screen,
    /// Into a file, as JSON or as a table.
    File { path: PathBuf, sink: Sink, json: bool },
}

#[derive(Serialize)]
struct Report {
    program: String,
    /// The exit status; `null` where a signal ended the program.
    status: Option<u32>,
    /// The signal's name; `null` where the program ended by itself.
    signal: Option<&'static str>,
    rules: Vec<Rules>,
    /// The ports that the system kept back, as far as the program met them.
    kept_back: Vec<String>,
    /// Programs that were executed where no policy reaches; `null` for none.
    outside: Option<Outside>,
}

#[derive(Serialize)]
struct Rules {
    /// The glob over the executable's name; `null` for all others.
    #[serde(rename = "match")]
    matches: Option<String>,
    scopes: Vec<Counts>,
}

#[derive(Serialize)]
struct Counts {
    scope: &'static str,
    /// Requests that got a port.
    served: u64,
    /// Requests that got none.
    exhausted: u64,
    /// Specific binds refused because the port is blocked.
    refused: u64,
    /// Requests left to the system, because the program's sandbox left no way to serve them.
    uncovered: u32,
    /// The most sockets that held a port handed out here at once.
    peak: u32,
}

/// A file, empty, or a device: Windows' NUL cannot be cut short.
fn emptied(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        file.set_len(0)?;
    }
    Ok(file)
}

impl Target {
    /// Opens the file before anything is launched, so that a report is not lost at the end.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Screen);
        }
        let unwritable = |e| messages::report_unwritable(path, &e);
        let sink = if platform::opens_late(path).map_err(unwritable)? {
            let path = path.to_owned();
            Sink::new(move || emptied(&path))
        } else {
            Sink::file(emptied(path).map_err(unwritable)?)
        };
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        Ok(Self::File { path: path.to_owned(), sink, json })
    }

    /// Writes the report: into its file, or as the text that is given back for the screen.
    pub(super) fn write(
        self,
        program: &Program,
        ended: Ended,
        region: Result<Box<Region>, String>,
    ) -> Result<Option<String>, Failure> {
        let region = region.map_err(|why| messages::nothing_to_report(&why))?;
        let report = Report::new(program, ended, &region);
        match self {
            Self::Screen => Ok(Some(report.table().trim_end().to_owned())),
            Self::File { path, mut sink, json } => {
                sink.take(if json { present::json(&report) } else { report.table() }, 1);
                match sink.finish() {
                    Err(e) => Err(messages::report_unwritable(&path, &e)),
                    Ok(0) => Ok(None),
                    Ok(_) => Err(messages::report_unread(&path)),
                }
            }
        }
    }
}

impl Report {
    fn new(program: &Program, ended: Ended, region: &Region) -> Self {
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
                        peak: live.high.load(Relaxed),
                    }
                })
                .collect(),
        });
        let (outside, kept_back) = (Outside::of(region), messages::kept_back(region));
        let program = program.path.display().to_string();
        Self { program, status, signal, rules: rules.collect(), kept_back, outside }
    }

    fn table(&self) -> String {
        let end = match (self.status, self.signal) {
            (_, Some(signal)) => format!("ended by {signal}"),
            (status, None) => format!("exit status {}", status.unwrap_or(0)),
        };
        let mut text = format!("portshim: {}: {end}\n", self.program);
        for rules in &self.rules {
            let others = if self.rules.len() > 1 { "others" } else { "scope" };
            let whom = rules.matches.as_deref().map_or_else(|| others.to_owned(), |glob| one_line(glob, MAX_GLOB));
            text.push_str(&format!(
                "  {whom:<12} {:>10} {:>10} {:>10} {:>10}\n",
                "served", "exhausted", "refused", "peak"
            ));
            for counts in &rules.scopes {
                let Counts { scope, served, exhausted, refused, peak, .. } = counts;
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
