//! A listener that answers those who ask for metrics, over HTTP.

use crate::args::MetricsForm;
use crate::messages::{self, Failure};
use crate::platform;
use crate::present;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// Time that a caller has for its request, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest request that is read.
const LONGEST: u64 = 16 << 10;

/// The metrics, as they are when they are asked for.
type Text<'a> = &'a dyn Fn(MetricsForm) -> String;

/// Listens at an address of this machine, or at a socket's path, until it is ended.
pub(super) fn listen(place: &str, text: Text<'_>) -> Result<u32, Failure> {
    let failed = |e| messages::cannot_listen(place, &e);
    if place.contains('/') {
        let callers = platform::callers_at(place.as_ref(), PATIENCE).map_err(failed)?;
        present::eprint(&messages::listening_at_path(place));
        // Whoever has gone again, or stays silent, is not waited for.
        callers.for_each(|caller| drop(answer(caller, text)));
        return Ok(0);
    }
    let address: SocketAddr = place.parse().map_err(|_| messages::not_a_listener(place))?;
    if !address.ip().is_loopback() {
        return Err(messages::not_loopback(place));
    }
    let listener = TcpListener::bind(address).map_err(failed)?;
    present::eprint(&messages::listening(&listener.local_addr().map_err(failed)?.to_string()));
    for caller in listener.incoming() {
        let Ok(caller) = caller else {
            // There may be no descriptor left, for now.
            std::thread::sleep(PATIENCE);
            continue;
        };
        let limited = caller.set_read_timeout(Some(PATIENCE)).and_then(|()| caller.set_write_timeout(Some(PATIENCE)));
        if limited.is_ok() {
            drop(answer(caller, text));
        }
    }
    Ok(0)
}

/// Reads one request, and answers it.
fn answer(caller: impl Read + Write, text: Text<'_>) -> io::Result<()> {
    let (mut request, mut openmetrics) = (String::new(), false);
    let mut lines = BufReader::new(Hasty { caller, until: Instant::now() + PATIENCE }.take(LONGEST));
    lines.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        openmetrics |= line.starts_with("accept:") && line.contains("application/openmetrics-text");
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let (form, kind) = match openmetrics {
        true => (MetricsForm::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        false => (MetricsForm::Prometheus, "text/plain; version=0.0.4; charset=utf-8"),
    };
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", kind, text(form)),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", messages::METRICS_PATH.to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", messages::METRICS_PATH.to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut caller = lines.into_inner().into_inner().caller;
    caller.write_all(head.as_bytes())?;
    if method != "HEAD" {
        caller.write_all(body.as_bytes())?;
    }
    caller.flush()
}

/// A caller whose request must be there by then: the others wait for it.
struct Hasty<C> {
    caller: C,
    until: Instant,
}

impl<C: Read> Read for Hasty<C> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.caller.read(bytes)
    }
}
