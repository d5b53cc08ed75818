//! The SPEC grammar: `PORTS[/SCOPE]`, such as `8080`, `80,443,8000-8100`, `10000-10999/udp`.

use super::range::PortRange;
use super::scope::ScopeSet;
use core::fmt;

/// Ports, and the scopes they are meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The ranges, in the order given.
    pub ports: Vec<PortRange>,
    /// The scopes; all four where none was named.
    pub scopes: ScopeSet,
}

/// Writes ports as a SPEC: `20000-20009/tcp`, or without a scope where all are meant.
#[must_use]
pub fn written(ports: &impl fmt::Display, scopes: &impl fmt::Display) -> String {
    match scopes.to_string() {
        all if all == ScopeSet::ALL.to_string() => ports.to_string(),
        scopes => format!("{ports}/{scopes}"),
    }
}

/// Mistake in a SPEC: the offending part, why, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The part of the text that is wrong.
    pub part: String,
    /// Place where that part begins, in bytes from the start of the text.
    pub at: usize,
    /// Mistake in it.
    pub problem: String,
    /// Remedy.
    pub remedy: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.part.is_empty() {
            write!(f, "`{}`: ", self.part)?;
        }
        f.write_str(&self.problem)
    }
}

fn error(part: &str, at: usize, problem: impl Into<String>, remedy: impl Into<String>) -> SpecError {
    SpecError { part: part.into(), at, problem: problem.into(), remedy: remedy.into() }
}

/// Reads one port number, 1 to 65535, in decimal digits.
fn port(text: &str, at: usize) -> Result<u16, SpecError> {
    if text.is_empty() {
        return Err(error(text, at, "a port number is missing", "write PORT or FIRST-LAST, such as 4000-4999"));
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        let remedy = separated(text).unwrap_or_else(|| "write a number from 1 to 65535".to_owned());
        return Err(error(text, at, "this is not a port number", remedy));
    }
    match text.trim_start_matches('0').parse::<u16>() {
        Ok(port) => Ok(port),
        Err(_) if text.bytes().all(|b| b == b'0') => Err(error(
            text,
            at,
            "port 0 asks for any port, so no policy can speak of it",
            "write a number from 1 to 65535",
        )),
        Err(_) => Err(error(text, at, "a port is at most 65535", "write a number from 1 to 65535")),
    }
}

/// SPEC that somebody meant who parted ports and ranges by something else than `,` and `-`.
fn separated(text: &str) -> Option<String> {
    let is_port = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_range = |part: &str| part.split_once('-').is_some_and(|(a, b)| is_port(a.trim()) && is_port(b.trim()));
    let numbers = |part: &str| part.trim().parse().unwrap_or(u32::MAX);
    for (wrong, right) in [("..", "-"), (":", "-"), ("–", "-"), (";", ","), (" ", ",")] {
        let parts: Vec<_> = text.split(wrong).map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() < 2 {
            continue;
        }
        if parts.iter().all(|part| is_port(part)) {
            // `ip_local_port_range` holds two numbers, of which the second is the last port.
            let two = right == "," && parts.len() == 2 && wrong == " " && numbers(parts[0]) < numbers(parts[1]);
            let list = parts.join(right);
            return Some(if two {
                format!("write {}, or {list} for these two ports alone", parts.join("-"))
            } else {
                format!("write {list}")
            });
        }
        // Ranges can be parted, but are no ends of another.
        if right == "," && parts.iter().all(|part| is_port(part) || is_range(part)) {
            let parts: Vec<_> = parts.iter().map(|part| part.replace(' ', "")).collect();
            return Some(format!("write {}", parts.join(right)));
        }
    }
    None
}

/// Number of bytes of white space `text` begins with.
fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Reads `PORT` or `FIRST-LAST`; `offset` is where the text stands in what the user wrote.
///
/// # Errors
/// [`SpecError`] for anything else.
pub fn range(text: &str, offset: usize) -> Result<PortRange, SpecError> {
    let trimmed = text.trim();
    let at = offset + indent(text);
    let Some((first, last)) = trimmed.split_once('-') else {
        return port(trimmed, at).map(PortRange::single);
    };
    // Of a list that something else parts, the whole of it is what was meant.
    if let Some(remedy) = separated(trimmed) {
        return Err(error(trimmed, at, "this is not a port number", remedy));
    }
    let last_at = at + first.len() + 1 + indent(last);
    let (low, high) = (port(first.trim_end(), at)?, port(last.trim_start(), last_at)?);
    PortRange::new(low, high).map_err(|e| error(trimmed, at, e.to_string(), format!("write {}-{}", e.last, e.first)))
}

/// Reads a comma-separated list of ports and ranges.
///
/// # Errors
/// [`SpecError`] for the first part that is neither.
pub fn ports(text: &str, offset: usize) -> Result<Vec<PortRange>, SpecError> {
    let mut at = offset;
    text.split(',')
        .map(|part| {
            let parsed = range(part, at);
            at += part.len() + 1;
            parsed
        })
        .collect()
}

/// Reads a scope's name.
///
/// # Errors
/// [`SpecError`] for a name that is none.
pub fn scope(text: &str, at: usize) -> Result<ScopeSet, SpecError> {
    ScopeSet::named(text.trim()).ok_or_else(|| {
        let names: Vec<_> = ScopeSet::NAMES.iter().map(|(name, _)| *name).collect();
        error(text.trim(), at + indent(text), "there is no such scope", format!("write one of {}", names.join(", ")))
    })
}

impl core::str::FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (list, scopes) = match text.split_once('/') {
            Some((list, name)) => (list, scope(name, list.len() + 1)?),
            None => (text, ScopeSet::ALL),
        };
        Ok(Self { ports: ports(list, 0)?, scopes })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, range) in self.ports.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            write!(f, "{range}")?;
        }
        if self.scopes == ScopeSet::ALL { Ok(()) } else { write!(f, "/{}", self.scopes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spec_may_be() {
        for text in ["8080", "4000-4999", "80,443,8000-8100", "10000-10999/udp", "5000/tcp4", "1-65535/6"] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(spec.to_string(), text);
        }
        assert_eq!("80/TCP4".parse::<Spec>().unwrap().to_string(), "80/tcp4");
        let spaced: Spec = " 80 , 90 - 100 / tcp ".parse().unwrap();
        assert_eq!(spaced.to_string(), "80,90-100/tcp");
    }

    #[test]
    fn other_separators() {
        for (text, remedy) in [
            ("80 90", "write 80-90, or 80,90 for these two ports alone"),
            ("20000 20009", "write 20000-20009, or 20000,20009 for these two ports alone"),
            ("90 80", "write 90,80"),
            ("80 90 100", "write 80,90,100"),
            ("4000-4009;5000", "write 4000-4009,5000"),
            ("4000;5000-5009/tcp", "write 4000,5000-5009"),
            ("4000-4009;5000-5009", "write 4000-4009,5000-5009"),
            ("4000 - 4009;5000", "write 4000-4009,5000"),
            ("4000-4009 5000", "write 4000-4009,5000"),
            ("80:90", "write 80-90"),
            ("80..90", "write 80-90"),
            ("80;90", "write 80,90"),
            ("80–90/tcp", "write 80-90"),
            ("80,90 91", "write 90-91, or 90,91 for these two ports alone"),
            ("80 x", "write a number from 1 to 65535"),
        ] {
            assert_eq!(text.parse::<Spec>().expect_err(text).remedy, remedy, "{text}");
        }
    }

    #[test]
    fn what_it_may_not_be() {
        for (text, part, at) in [
            ("", "", 0),
            ("0", "0", 0),
            ("65536", "65536", 0),
            ("80,99999999999", "99999999999", 3),
            ("50-40", "50-40", 0),
            ("80,,90", "", 3),
            ("80-", "", 3),
            ("-80", "", 0),
            ("80/tpc", "tpc", 3),
            ("80/", "", 3),
            ("80/ tpc ", "tpc", 4),
            ("80 -  x", "x", 6),
            ("http", "http", 0),
            ("+80", "+80", 0),
            ("٣", "٣", 0),
        ] {
            let e = text.parse::<Spec>().expect_err(text);
            assert_eq!((e.part.as_str(), e.at), (part, at), "{text}: {e}");
            assert!(!e.remedy.is_empty());
        }
    }
}
