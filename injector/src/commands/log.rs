//! `portshim run --log`: a line for every port handed out or refused, while the program runs.

use crate::failure::Failure;
use crate::platform::Session;
use crate::wording;
use humantime::format_rfc3339_micros;
use portshim_policy::{Call, Event, Reader};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A log being written.
pub(super) struct Log {
    path: PathBuf,
    /// Standard error, where there is none.
    file: Option<File>,
    json: bool,
    /// What of the events has been seen.
    reader: Reader,
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

/// The line, as JSON, that says how many events came too fast to be written.
#[derive(Serialize)]
struct Lost {
    lost: u64,
}

impl Log {
    /// Opens the file, to write at its end. `-` is standard error.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let open = || OpenOptions::new().append(true).create(true).open(path);
        let file =
            if path == Path::new("-") { None } else { Some(open().map_err(|e| wording::log_unwritable(path, &e))?) };
        let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json") || e.eq_ignore_ascii_case("jsonl"));
        Ok(Self { path: path.to_owned(), file, json, reader: Reader::default() })
    }

    /// Writes what has happened since the last time.
    pub(super) fn write(&mut self, session: &Session) -> Result<(), Failure> {
        // A region that a process of the session has scribbled over has nothing to say.
        let Ok(region) = session.snapshot() else { return Ok(()) };
        let mut text = String::new();
        let mut reader = self.reader;
        let lost = region.events.read(&mut reader, |event| text.push_str(&self.line(&event)));
        if lost > 0 {
            let line =
                if self.json { json(&Lost { lost }) } else { format!("{lost} events came too fast to be logged\n") };
            text.insert_str(0, &line);
        }
        self.reader = reader;
        let written = match &mut self.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => std::io::stderr().write_all(text.as_bytes()),
        };
        written.map_err(|e| wording::log_unwritable(&self.path, &e))
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

fn name_of(call: Call) -> &'static str {
    match call {
        Call::Bind => "bind",
        Call::Connect => "connect",
        Call::Listen => "listen",
        Call::Send => "send",
    }
}
