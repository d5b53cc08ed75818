//! A listener that answers those who ask for metrics, over HTTP.

use crate::args::MetricsForm;
use crate::messages::{self, Failure};
use crate::platform::{self, Caller};
use crate::present;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// Time that a caller has for its request, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest request that is read.
const LONGEST: u64 = 16 << 10;
/// Time that is waited where nobody can be let in: there may be no descriptor left, for now.
const PAUSE: Duration = Duration::from_secs(1);

/// The metrics, as they are when they are asked for.
type Text<'a> = &'a dyn Fn(MetricsForm) -> String;

/// Listens at an address of this machine, or at a socket's path, until it is ended.
pub(super) fn listen(place: &str, text: Text<'_>) -> Result<u32, Failure> {
    let failed = |e| messages::cannot_listen(place, &e);
    if place.contains('/') {
        let callers = platform::callers_at(place.as_ref()).map_err(failed)?;
        present::eprint(&messages::listening_at_path(place));
        answer_all(callers, false, text);
        return Ok(0);
    }
    let address: SocketAddr = place.parse().map_err(|_| messages::not_a_listener(place))?;
    if !address.ip().is_loopback() {
        return Err(messages::not_loopback(place));
    }
    let listener = TcpListener::bind(address).map_err(failed)?;
    present::eprint(&messages::listening(&listener.local_addr().map_err(failed)?.to_string()));
    answer_all(listener.incoming(), true, text);
    Ok(0)
}

/// Answers one after the other. Whoever has gone again, or stays silent, is not waited for. With
/// `checks_host`, only those are answered who ask for this machine by an address, or as localhost:
/// a page of somebody's may have a browser ask under a name of its own.
fn answer_all(callers: impl Iterator<Item = io::Result<impl Caller>>, checks_host: bool, text: Text<'_>) {
    for caller in callers {
        match caller {
            Ok(caller) => drop(answer(Hasty::new(caller), checks_host, text)),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Reads one request, and answers it.
fn answer(caller: Hasty<impl Caller>, checks_host: bool, text: Text<'_>) -> io::Result<()> {
    let (mut request, mut openmetrics, mut is_meant) = (String::new(), false, true);
    let mut lines = BufReader::new(caller.take(LONGEST));
    lines.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        openmetrics |= line.starts_with("accept:") && line.contains("application/openmetrics-text");
        is_meant &= line.strip_prefix("host:").is_none_or(|host| !checks_host || is_this_machine(host.trim()));
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let (form, kind) = match openmetrics {
        true => (MetricsForm::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        false => (MetricsForm::Prometheus, "text/plain; version=0.0.4; charset=utf-8"),
    };
    let (status, kind, body) = match (method, path) {
        _ if !is_meant => ("421 Misdirected Request", "text/plain", messages::METRICS_HOST.to_owned()),
        ("GET" | "HEAD", "/metrics") => ("200 OK", kind, text(form)),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", messages::METRICS_PATH.to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", messages::METRICS_PATH.to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut caller = Hasty::new(lines.into_inner().into_inner().caller);
    caller.write_all(head.as_bytes())?;
    if method != "HEAD" {
        caller.write_all(body.as_bytes())?;
    }
    caller.flush()
}

/// Tells whether a Host header's value is an address or localhost, with a port or without.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => return address.parse::<Ipv6Addr>().is_ok(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<Ipv4Addr>().is_ok()
}

/// A caller who must have done by then, however slowly he goes on: the others wait for him.
struct Hasty<C> {
    caller: C,
    until: Instant,
}

impl<C: Caller> Hasty<C> {
    fn new(caller: C) -> Self {
        Self { caller, until: Instant::now() + PATIENCE }
    }

    /// Has the next step take no longer than what is left.
    fn hurry(&self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { self.caller.wait_at_most(left) }
    }
}

impl<C: Caller> Read for Hasty<C> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.hurry()?;
        self.caller.read(bytes)
    }
}

impl<C: Caller> Write for Hasty<C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hurry()?;
        self.caller.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.caller.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::is_this_machine;

    #[test]
    fn hosts() {
        for host in ["localhost", "localhost:9105", "127.0.0.1", "127.0.0.1:9105", "[::1]", "[::1]:9105"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:9105", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
