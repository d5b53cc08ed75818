//! The syntax of Linux's port settings, and what the kernel accepts of it (observed on Linux 6.18).

use crate::ports::PortRange;
use crate::ports::spec::SpecError;

fn error(part: &str, at: usize, problem: &str, remedy: impl Into<String>) -> SpecError {
    SpecError { part: part.into(), at, problem: problem.into(), remedy: remedy.into() }
}

/// Reads a number as the kernel does: a leading `0x` makes it hexadecimal, a leading `0` octal.
fn number(text: &str, at: usize) -> Result<u16, SpecError> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if text.is_empty() {
        return Err(error(text, at, "a port number is missing", "write PORT or FIRST-LAST, with a comma between two"));
    }
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        let remedy = match () {
            () if text.contains(['"', '\'']) => "leave the quotes out",
            () if text.contains('#') => "put the comment on a line of its own",
            () => "write a number from 1 to 65535, with no white space around it",
        };
        return Err(error(text, at, "the kernel does not take this for a number", remedy));
    }
    u16::from_str_radix(digits, radix)
        .map_err(|_| error(text, at, "a port is at most 65535", "write a number from 1 to 65535"))
}

fn range(first: u16, last: u16, part: &str, at: usize, remedy: impl Into<String>) -> Result<PortRange, SpecError> {
    PortRange::new(first, last).map_err(|e| error(part, at, &e.to_string(), remedy))
}

/// Reads `ip_local_port_range`: two numbers, 1 to 65535, separated by white space.
///
/// The kernel also takes one number, which leaves the old end in place, and looks at no third one.
/// Neither has a meaning in a policy, so both are refused. That the range must not begin below
/// `ip_unprivileged_port_start` depends on the host; [`crate::config::resolve()`] warns of it.
///
/// # Errors
/// [`SpecError`] for anything else.
pub fn local_port_range(text: &str) -> Result<PortRange, SpecError> {
    const REMEDY: &str = "write the first and the last port, such as 32768 60999";
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let mut words = trimmed.split_whitespace();
    let (Some(first), Some(last), None) = (words.next(), words.next(), words.next()) else {
        return Err(error(trimmed, start, "this is not two numbers", REMEDY));
    };
    let numbers =
        [(first, start), (last, start + trimmed.len() - last.len())].map(|(word, at)| match number(word, at) {
            Ok(0) => Err(error(word, at, "the kernel wants the range to begin at port 1 or above", REMEDY)),
            other => other,
        });
    let [first, last] = numbers;
    let (first, last) = (first?, last?);
    range(first, last, trimmed, start, format!("write {last} {first}"))
}

/// Reads `ip_local_reserved_ports`: `8080,9148,10000-10100`, lines like commas, a comma at the end
/// allowed; nothing at all reserves nothing. Port 0 is allowed and means nothing.
///
/// # Errors
/// [`SpecError`] for what the kernel refuses with EINVAL: white space, a reversed range, an empty
/// item.
pub fn reserved_ports(text: &str) -> Result<Vec<PortRange>, SpecError> {
    let mut ranges = Vec::new();
    let mut at = 0;
    for line in text.split('\n') {
        let items = line.strip_suffix(',').unwrap_or(line);
        let mut item_at = at;
        for item in items.split(',').filter(|_| !line.is_empty()) {
            ranges.push(match item.split_once('-') {
                Some((first, last)) => {
                    let (first, last) = (number(first, item_at)?, number(last, item_at + first.len() + 1)?);
                    range(first, last, item, item_at, format!("write {last}-{first}"))?
                }
                None => PortRange::single(number(item, item_at)?),
            });
            item_at += item.len() + 1;
        }
        at += line.len() + 1;
    }
    Ok(ranges)
}

/// Reads a port as `ip_unprivileged_port_start` has it: 0 to 65535.
///
/// # Errors
/// [`SpecError`] for anything else.
pub(super) fn port(text: &str) -> Result<u16, SpecError> {
    let trimmed = text.trim();
    number(trimmed, text.len() - text.trim_start().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PortSet;

    // Each row was written to the file of that name in a network namespace of Linux 6.18.

    #[test]
    fn reserved_ports_that_the_kernel_takes() {
        for (text, expected) in [
            ("", "none"),
            ("\n", "none"),
            ("0", "0"),
            ("80,", "80"),
            ("0x50", "80"),
            ("010", "8"),
            ("80-90", "80-90"),
            ("65535", "65535"),
            ("80\n", "80"),
            ("80\n90", "80,90"),
            ("80,\n", "80"),
            ("80-90,", "80-90"),
            ("1-65535", "1-65535"),
            ("8080,9148,10000-10100", "8080,9148,10000-10100"),
        ] {
            let set: PortSet = reserved_ports(text).unwrap().into_iter().collect();
            assert_eq!(set.to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn reserved_ports_that_it_refuses() {
        for (text, part, at) in [
            ("80,,90", "", 3),
            (",80", "", 0),
            (",", "", 0),
            (" 80", " 80", 0),
            ("80 ", "80 ", 0),
            ("80, 90", " 90", 3),
            ("80 90", "80 90", 0),
            ("80- 90", " 90", 3),
            ("90-80", "90-80", 0),
            ("-5", "", 0),
            ("65536", "65536", 0),
            ("80-", "", 3),
            ("80-90-100", "90-100", 3),
            ("80\t", "80\t", 0),
            ("80\n,", "", 3),
            ("+80", "+80", 0),
            ("08", "08", 0),
            ("1,2,x", "x", 4),
        ] {
            let e = reserved_ports(text).expect_err(text);
            assert_eq!((e.part.as_str(), e.at), (part, at), "{text:?}: {e}");
        }
    }

    #[test]
    fn local_port_ranges() {
        for (text, expected) in [
            ("32768 60999", "32768-60999"),
            ("32768\t60999\n", "32768-60999"),
            (" 32768  60999 ", "32768-60999"),
            ("40000 40000", "40000"),
            ("0x8000 60999", "32768-60999"),
            ("040000 60000", "16384-60000"),
        ] {
            assert_eq!(local_port_range(text).unwrap().to_string(), expected, "{text:?}");
        }
        for (text, part, at) in [
            ("60999 32768", "60999 32768", 0),
            ("0 100", "0", 0),
            ("1024 65536", "65536", 5),
            ("32768,60999", "32768,60999", 0),
            ("32768-60999", "32768-60999", 0),
            ("-1 5", "-1", 0),
            ("+40000 50000", "+40000", 0),
            (" a b", "a", 1),
            ("5  b", "b", 3),
            ("32768", "32768", 0),
            ("1 2 3", "1 2 3", 0),
            ("", "", 0),
        ] {
            let e = local_port_range(text).expect_err(text);
            assert_eq!((e.part.as_str(), e.at), (part, at), "{text:?}: {e}");
        }
    }
}
