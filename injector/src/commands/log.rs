//! `portshim run --log`: a line for every port handed out or refused, while the program runs.

use super::sink::Sink;
use crate::args::LogForm;
use crate::messages::{self, Failure};
use crate::platform;
use humantime::format_rfc3339_micros;
use portshim_policy::region::{Event, Reader, Recorded, Region, Verdict};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A log being written.
pub(super) struct Log {
    path: PathBuf,
    sink: Sink,
    json: bool,
    /// Reader of the events, at the next one.
    reader: Reader,
    /// Number of events that are lost, and not told of yet.
    lost: u64,
    /// Since when processes hold ports.
    since: Since,
    /// Time of the beginning, by the clock that can be set and by one that cannot.
    begun: (SystemTime, Instant),
}

/// A process, and a port that it holds, by scope.
type Whose = (u32, usize, u16);

/// Times since when ports are held. Of processes that end without a word some stay for ever, so
/// that the oldest are forgotten where there are too many.
#[derive(Default)]
struct Since {
    times: HashMap<Whose, i128>,
    in_order: BTreeSet<(i128, Whose)>,
}

/// Number of ports whose beginning is remembered.
const REMEMBERED: usize = 1 << 18;

impl Since {
    fn begin(&mut self, whose: Whose, time: i128, most: usize) {
        self.end(&whose);
        self.times.insert(whose, time);
        self.in_order.insert((time, whose));
        if self.times.len() > most
            && let Some((_, oldest)) = self.in_order.pop_first()
        {
            self.times.remove(&oldest);
        }
    }

    fn end(&mut self, whose: &Whose) -> Option<i128> {
        let time = self.times.remove(whose)?;
        self.in_order.remove(&(time, *whose));
        Some(time)
    }
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
    /// Whom it was for, as far as that is known.
    peer: Option<String>,
    /// Time that the call took, in seconds.
    duration: Option<f64>,
    /// Time for which the port was held that is given back, in seconds.
    held: Option<f64>,
}

/// The line, as JSON, that says how many events came faster than they could be written.
#[derive(Serialize)]
struct Lost {
    lost: u64,
}

impl Log {
    /// Opens the file, to write at its end. `-` is standard error. Its name says what it is to
    /// hold, unless `form` does.
    pub(super) fn open(path: &Path, form: Option<LogForm>) -> Result<Self, Failure> {
        let unwritable = |e| messages::log_unwritable(path, &e);
        let target = path.to_owned();
        let open = move || OpenOptions::new().append(true).create(true).open(target);
        let sink = if path == Path::new("-") {
            Sink::new(platform::standard_error)
        } else if platform::opens_late(path).map_err(unwritable)? {
            Sink::new(open)
        } else {
            Sink::log(open().map_err(unwritable)?, path.to_owned())
        };
        let named = |ends: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ends));
        let json = form.map_or_else(|| named("json") || named("jsonl"), |form| form == LogForm::Json);
        let begun = (SystemTime::now(), Instant::now());
        let (path, reader, since) = (path.to_owned(), Reader::default(), Since::default());
        Ok(Self { path, sink, json, reader, lost: 0, since, begun })
    }

    /// Events that it tells of.
    pub(super) fn tells_of(&self, specific: bool) -> Recorded {
        let releases = if self.json { Recorded::RELEASES } else { Recorded::NOTHING };
        let specific = if specific { Recorded::SPECIFIC } else { Recorded::NOTHING };
        Recorded::REQUESTS.and(releases).and(specific)
    }

    /// Writes what has happened since the last time. Tells how much that was.
    pub(super) fn write(&mut self, region: &Region) -> u64 {
        let (mut text, mut events) = (String::new(), 0);
        let mut reader = self.reader;
        let set = self.set();
        let lost = region.events.read(&mut reader, |event| {
            text.push_str(&self.line(&event, set));
            events += 1;
        });
        self.reader = reader;
        self.lost += lost;
        if text.is_empty() && lost == 0 {
            return events;
        }
        if self.lost > 0 {
            let lost = self.lost;
            let line =
                if self.json { json(&Lost { lost }) } else { format!("{lost} events came too fast to be logged\n") };
            text.insert_str(0, &line);
        }
        self.lost = if self.sink.take(text, events) { 0 } else { self.lost + events };
        events + lost
    }

    /// Waits until all is written, unless nobody reads it.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.sink.finish() {
            Err(e) => Err(messages::log_unwritable(&self.path, &e)),
            Ok(unread) if unread + self.lost > 0 => Err(messages::log_unread(&self.path, unread + self.lost)),
            Ok(_) => Ok(()),
        }
    }

    fn line(&mut self, event: &Event, set: i128) -> String {
        let time = UNIX_EPOCH + Duration::from_nanos(event.time);
        let time = format_rfc3339_micros(time).to_string();
        let name = String::from_utf8_lossy(event.name.split(|byte| *byte == 0).next().unwrap_or_default());
        let call = if event.verdict == Verdict::Released { "close" } else { event.call.into() };
        let (scope, verdict) = (event.scope.name(), event.verdict.into());
        let (process, port) = (event.process, (event.port != 0).then_some(event.port));
        if self.json {
            let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
            let held = self.held(event, set).map(seconds);
            let duration = (event.took != 0).then(|| seconds(event.took));
            let peer = event.peer.map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port).to_string());
            return json(&Line { time, process, name: &name, call, scope, port, verdict, peer, duration, held });
        }
        let port = port.map_or_else(|| "-".into(), |port| port.to_string());
        // Whatever a program is called, it stays one line, and leaves the terminal alone.
        format!("{time} {process} {call} {scope} {port} {verdict} {}\n", name.escape_debug())
    }

    /// By how much the system's clock has been set since the beginning, in nanoseconds.
    fn set(&self) -> i128 {
        let (then, since) = self.begun;
        let nanoseconds = |time: Duration| time.as_nanos() as i128;
        let by_the_clock = match SystemTime::now().duration_since(then) {
            Ok(time) => nanoseconds(time),
            Err(e) => -nanoseconds(e.duration()),
        };
        by_the_clock - nanoseconds(since.elapsed())
    }

    /// For how long a port was held that is given back, in nanoseconds, as far as that is known.
    /// The event's time is by a clock that was `set` meanwhile.
    fn held(&mut self, event: &Event, set: i128) -> Option<u64> {
        let whose = (event.process, event.scope.index(), event.port);
        let time = i128::from(event.time) - set;
        if event.verdict == Verdict::Released {
            return self.since.end(&whose).and_then(|since| (time - since).try_into().ok());
        }
        if event.verdict.is_given() {
            self.since.begin(whose, time, REMEMBERED);
        }
        None
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::Since;

    #[test]
    fn of_too_many_ports_the_oldest_are_forgotten() {
        let mut since = Since::default();
        let mut begin = |port, time| since.begin((1, 0, port), time, 3);
        begin(1, 10);
        begin(2, 20);
        begin(3, 30);
        // It is held anew, and no longer the oldest.
        begin(1, 40);
        begin(4, 50);
        let ended = [1, 2, 3, 4, 1].map(|port| since.end(&(1, 0, port)));
        assert_eq!(ended, [Some(40), None, Some(30), Some(50), None]);
        assert!(since.in_order.is_empty());
    }
}
