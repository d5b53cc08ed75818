//! sysctl.conf, the files of sysctl.d, and what `sysctl -a` prints, on Linux and on FreeBSD.

use super::draft::{self, Draft};
use super::messages;
use crate::config::sysctl;
use crate::model::RangeEnd;
use crate::ports::ScopeSet;
use crate::ports::spec::{Spec, SpecError};
use core::ops::Range;

const SETTINGS: &str = "sysctl settings";

/// What every setting's name begins with, on one of the systems.
const ROOTS: [&str; 14] =
    ["abi", "crypto", "debug", "dev", "fs", "hw", "kern", "kernel", "net", "security", "sunrpc", "user", "vfs", "vm"];

/// The name and the value of a line that sets something. A value that is not there (`-name` alone keeps sysctl.d's
/// globs off a setting) sets nothing.
pub(super) fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix('-').unwrap_or(line).trim_start();
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim_end();
    let root = name.split(['.', '/']).next().filter(|root| root.len() < name.len())?;
    let part = |c: char| c.is_alphanumeric() || "-_./*%@".contains(c);
    (ROOTS.contains(&root) && name.chars().all(part)).then(|| (name, value.trim()))
}

/// The name with dots. sysctl.d takes slashes for dots where a slash comes first.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name[at..].starts_with('/') => name.replace('/', "."),
        _ => name.to_owned(),
    }
}

/// What else of FreeBSD's portrange there is, and its value on a system as it comes.
const NOT_MODELLED: [(&str, &str); 4] =
    [("randomcps", "10"), ("randomtime", "45"), ("reservedhigh", "1023"), ("reservedlow", "0")];

pub(super) fn read(draft: &mut Draft<'_>) {
    let mut found = false;
    for (start, line) in draft::lines(draft.text, |_| false) {
        // A line that begins with # or ; is a comment, and no name does.
        let Some((name, value)) = setting(line) else { continue };
        let (name, span) = (dotted(name), draft::span(start, line, value));
        found |= match name.strip_prefix("net.inet.ip.portrange.") {
            Some(part) => freebsd(draft, part, &name, &span),
            None => linux(draft, &name, &span),
        };
    }
    if !found {
        let understood = "net.ipv4.ip_local_port_range, ip_local_reserved_ports and ip_unprivileged_port_start of \
                          Linux, net.inet.ip.portrange of FreeBSD";
        draft.nothing_found(&(0..0), understood);
    }
}

/// The settings of Linux that are taken up.
const NAMES: [&str; 3] =
    ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start"];
/// How alike a name must be to one of them, from 0 to 1, to be a slip of it. No other setting of a kernel comes near.
const ALIKE: f64 = 0.9;

/// Takes up one setting: the last one with a name counts, as for sysctl. `false` where it is not about ports.
fn linux(draft: &mut Draft<'_>, name: &str, span: &Range<usize>) -> bool {
    match name {
        "net.ipv4.ip_local_port_range" => {
            draft.layer.sysctl_range = draft.keep(span, name, sysctl::local_port_range);
        }
        "net.ipv4.ip_local_reserved_ports" => {
            let ports = draft.keep(span, name, sysctl::reserved_ports);
            let ports = ports.map(|read| read.map(|ports| Spec { ports: ports.clone(), scopes: ScopeSet::ALL }));
            draft.layer.sysctl_reserved = ports.into_iter().filter(|p| !p.value.ports.is_empty()).collect();
        }
        "net.ipv4.ip_unprivileged_port_start" => {
            draft.layer.unprivileged_start = draft.keep(span, name, sysctl::unprivileged_start);
        }
        _ => {
            let near = NAMES.into_iter().find(|known| strsim::normalized_damerau_levenshtein(known, name) >= ALIKE);
            if let Some(known) = near {
                let origin = draft.origin(span, name);
                draft.say(messages::misspelt(&origin, name, known));
            }
            return false;
        }
    }
    draft.preset("linux", span, SETTINGS);
    true
}

/// As [`linux`], for FreeBSD.
fn freebsd(draft: &mut Draft<'_>, part: &str, name: &str, span: &Range<usize>) -> bool {
    if let Some(end) = RangeEnd::ALL.into_iter().find(|end| end.name() == part) {
        draft.layer.range_ends.retain(|ends| ends.value.0 != end);
        let read = draft.keep(span, name, |text| number(text).map(|number| (end, number)));
        draft.layer.range_ends.extend(read);
    } else if part == "randomized" {
        let read = draft.keep(span, name, number);
        draft.layer.randomized = read.map(|read| read.map(|number| *number != 0));
    } else {
        let text = &draft.text[span.clone()];
        if NOT_MODELLED.iter().any(|(name, usual)| *name == part && *usual != text) {
            let origin = draft.origin(span, name);
            draft.say(messages::not_modelled(&origin, name, "it has no counterpart here"));
        }
        return false;
    }
    draft.preset("freebsd", span, SETTINGS);
    true
}

fn number(text: &str) -> Result<u64, SpecError> {
    let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or_else(|| SpecError {
        part: text.into(),
        at: 0,
        problem: "this is not a number".into(),
        remedy: "write a port's number in decimal digits; a comment stands on a line of its own".into(),
    })
}
