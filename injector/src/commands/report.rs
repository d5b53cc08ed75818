//! Report of what a policy did while a program ran, from the counters of its session.

mod chart;
mod figures;
mod page;
mod story;
mod why;

pub(super) use story::Story;

use super::sink::Sink;
use crate::coverage::{Program, ServedBy};
use crate::messages::{self, Failure};
use crate::platform::{self, Ended};
use crate::present;
use figures::Report;
use portshim_policy::config::Resolved;
use portshim_policy::region::Region;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Destination of a report.
pub(super) enum Target {
    /// To standard error, as a table.
    Screen,
    /// Into a file.
    File { path: PathBuf, sink: Sink, form: Form },
}

/// Form of a report in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    Json,
    Page,
}

impl Form {
    /// Form that the file's name asks for.
    fn of(path: &Path) -> Self {
        let ends = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
        match () {
            () if ends("json") => Self::Json,
            () if ends("html") || ends("htm") => Self::Page,
            () => Self::Table,
        }
    }
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
        Ok(Self::File { path: path.to_owned(), sink, form: Form::of(path) })
    }

    /// Story that a page has to gather while the program runs; `None` where it is not to be a page.
    pub(super) fn story(&self, policy: &Resolved) -> Option<Story> {
        matches!(self, Self::File { form: Form::Page, .. }).then(|| Story::begin(policy.show()))
    }

    /// Writes the report: into its file, or as the text that is given back for the screen.
    pub(super) fn write(
        self,
        (program, by): (&Program, ServedBy),
        ended: Ended,
        arguments: &[OsString],
        region: Result<Box<Region>, String>,
        story: Option<&Story>,
    ) -> Result<Option<String>, Failure> {
        let region = region.map_err(|why| messages::nothing_to_report(&why))?;
        let report = Report::new(program, by, ended, &region);
        match self {
            Self::Screen => Ok(Some(report.table().trim_end().to_owned())),
            Self::File { path, mut sink, form } => {
                let text = match (form, story) {
                    (Form::Json, _) => present::json(&report),
                    (Form::Page, Some(story)) => page::of(&report, &spoken(program, arguments), story, &region),
                    _ => report.table(),
                };
                sink.take(text, 1);
                match sink.finish() {
                    Err(e) => Err(messages::report_unwritable(&path, &e)),
                    Ok(0) => Ok(None),
                    Ok(_) => Err(messages::report_unread(&path)),
                }
            }
        }
    }
}

/// The command line, as people say it.
fn spoken(program: &Program, arguments: &[OsString]) -> String {
    let words = arguments.iter().map(|word| word.to_string_lossy());
    [program.path.to_string_lossy()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}
