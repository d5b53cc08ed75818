//! `portshim run --log`: a line for every port handed out or refused, while the program runs.

use super::sink::Sink;
use crate::messages::{self, Failure};
use crate::platform;
use humantime::format_rfc3339_micros;
use portshim_policy::model::Call;
use portshim_policy::region::{Event, Reader, Region};
use serde::Serialize;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A log being written.
pub(super) struct Log {
    path: PathBuf,
    sink: Sink,
    json: bool,
    /// Reader of the events, at the next one.
    reader: Reader,
    /// Number of events that are lost, and not told of yet.
    lost: u64,
}

/// One line, as JSON.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    process: u32,
    /// The name that the program was called by, cut to 16 bytes.
    name: &'a str,
    call: &'static str,
    scope: &'static str,
    /// The port; `null` where there was none left.
    port: Option<u16>,
    verdict: &'static str,
}

/// The line, as JSON, that says how many events came faster than they could be written.
#[derive(Serialize)]
struct Lost {
    lost: u64,
}

impl Log {
    /// Opens the file, to write at its end. `-` is standard error.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let unwritable = |e| messages::log_unwritable(path, &e);
        let target = path.to_owned();
        let open = move || OpenOptions::new().append(true).create(true).open(target);
        let sink = if path == Path::new("-") {
            Sink::new(platform::standard_error)
        } else if platform::opens_late(path).map_err(unwritable)? {
            Sink::new(open)
        } else {
            Sink::file(open().map_err(unwritable)?)
        };
        let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json") || e.eq_ignore_ascii_case("jsonl"));
        Ok(Self { path: path.to_owned(), sink, json, reader: Reader::default(), lost: 0 })
    }

    /// Writes what has happened since the last time.
    pub(super) fn write(&mut self, region: &Region) {
        let (mut text, mut events) = (String::new(), 0);
        let mut reader = self.reader;
        let lost = region.events.read(&mut reader, |event| {
            text.push_str(&self.line(&event));
            events += 1;
        });
        self.reader = reader;
        self.lost += lost;
        if text.is_empty() && lost == 0 {
            return;
        }
        if self.lost > 0 {
            let lost = self.lost;
            let line =
                if self.json { json(&Lost { lost }) } else { format!("{lost} events came too fast to be logged\n") };
            text.insert_str(0, &line);
        }
        self.lost = if self.sink.take(text, events) { 0 } else { self.lost + events };
    }

    /// Waits until all is written, unless nobody reads it.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.sink.finish() {
            Err(e) => Err(messages::log_unwritable(&self.path, &e)),
            Ok(unread) if unread + self.lost > 0 => Err(messages::log_unread(&self.path, unread + self.lost)),
            Ok(_) => Ok(()),
        }
    }

    fn line(&self, event: &Event) -> String {
        let time = UNIX_EPOCH + Duration::from_nanos(event.time);
        let time = format_rfc3339_micros(time).to_string();
        let name = String::from_utf8_lossy(event.name.split(|byte| *byte == 0).next().unwrap_or_default());
        let (call, scope, verdict) = (name_of(event.call), event.scope.name(), event.verdict.name());
        let (process, port) = (event.process, (event.port != 0).then_some(event.port));
        if self.json {
            return json(&Line { time, process, name: &name, call, scope, port, verdict });
        }
        let port = port.map_or_else(|| "-".into(), |port| port.to_string());
        // Whatever a program is called, it stays one line, and leaves the terminal alone.
        format!("{time} {process} {call} {scope} {port} {verdict} {}\n", name.escape_debug())
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

pub(super) fn name_of(call: Call) -> &'static str {
    match call {
        Call::Bind => "bind",
        Call::Connect => "connect",
        Call::Listen => "listen",
        Call::Send => "send",
    }
}
